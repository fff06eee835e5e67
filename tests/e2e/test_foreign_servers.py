"""Our client at servers that others wrote, each with its own authorization server."""

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import uvicorn
from fastmcp import FastMCP
from fastmcp.server.auth.providers.in_memory import InMemoryOAuthProvider
from mcp.server.auth.settings import ClientRegistrationOptions

from doorward.client import FileStore, TokenStore, open_connection
from tests.e2e.processes import free_port

pytestmark = pytest.mark.e2e


@pytest.fixture
def fastmcp() -> Iterator[str]:
    """FastMCP with the authorization server that it brings, which is the SDK's underneath."""
    port = free_port()
    auth = InMemoryOAuthProvider(
        base_url=f"http://localhost:{port}",
        client_registration_options=ClientRegistrationOptions(enabled=True),
    )
    server = FastMCP("theirs", auth=auth)

    @server.tool
    def add(a: int, b: int) -> int:
        return a + b

    config = uvicorn.Config(
        server.http_app(), host="127.0.0.1", port=port, log_config=None, ws="none"
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        thread.join(0.01)
    yield f"http://localhost:{port}/mcp"
    running.should_exit = True
    thread.join(10)


def walk(url: str) -> None:
    """Be a browser at a server that asks nothing."""
    httpx2.get(url, follow_redirects=True, trust_env=False, timeout=10)


@pytest.mark.parametrize("initialize", [False, True], ids=["modern", "legacy"])
async def test_fastmcps_server_signs_our_client_in_and_renews_its_token(
    fastmcp: str, tmp_path: Path, initialize: bool
) -> None:
    token_store = TokenStore(FileStore(tmp_path))
    async with open_connection(
        fastmcp, token_store=token_store, browser=walk, timeout=20.0, initialize=initialize
    ) as connection:
        result = await connection.client.call_tool("add", {"a": 2, "b": 3})
        first = token_store.tokens_for(fastmcp)
        assert first is not None
        second = await connection.sign_in.refresh(fastmcp, first)
        again = await connection.client.call_tool("add", {"a": 20, "b": 22})

    assert (result.text, again.text) == ("5", "42")
    assert first.access_token != second.access_token
