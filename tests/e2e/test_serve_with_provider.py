"""From five answers to a guarded call: ``init``, ``check``, ``serve``, and a sign-in at a provider."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from doorward import McpServer
from tests.authserver.upstream.openid_provider import CLIENT_ID, CLIENT_SECRET
from tests.e2e.form_browser import BrowserStuck
from tests.e2e.openid_on_a_port import Provider, running_provider
from tests.e2e.processes import free_port
from tests.e2e.running_demo import COMMAND
from tests.e2e.running_service import RunningService
from tests.e2e.sign_in import sign_in
from tests.pages.browser import served

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A running provider."""
    with running_provider() as one:
        yield one


@pytest.fixture
def upstream() -> Iterator[str]:
    """Run an MCP server with one tool; give its URL."""
    server = McpServer("adder", version="1")

    @server.tool()
    async def add() -> str:
        """Say that the call arrived."""
        return "added"

    with served(server.asgi) as origin:
        yield f"{origin}/mcp"


def _doorward(folder: Path, *words: str) -> tuple[int, Any]:
    done = subprocess.run(
        [COMMAND, *words, "--json"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    return done.returncode, json.loads(done.stdout)


def test_five_answers_lead_to_a_sign_in_at_the_provider_and_a_guarded_call(
    tmp_path: Path, provider: Provider, upstream: str
) -> None:
    port = free_port()
    public = f"http://localhost:{port}"
    status, written = _doorward(
        tmp_path,
        *("init", "--provider", provider.openid.issuer, "--public-url", public),
        *("--allow", "group:staff", "--upstream", upstream, "--client-id", CLIENT_ID),
    )
    assert status == 0, written
    assert f"Enter this redirect URI: {public}/callback/sso" in written["steps"]
    file = tmp_path / "doorward.toml"
    file.write_text(file.read_text().replace("127.0.0.1:8000", f"127.0.0.1:{port}"))
    secret = tmp_path / "sso.secret"

    # What an operator may forget or mistype at the provider, each told by its setting.
    secret.write_text("not the secret of this client")
    status, checked = _doorward(tmp_path, "check")
    failed = {one["setting"] for one in checked["findings"] if one["status"] == "failed"}
    assert status == 2
    assert failed == {"identity_providers[1].client_id", "identity_providers[1].client_secret"}
    assert "not the secret" not in json.dumps(checked)

    secret.write_text(CLIENT_SECRET)
    provider.redirect_uri = f"{public}/callback/sso"
    status, checked = _doorward(tmp_path, "check")
    assert status == 0, checked

    with RunningService(file) as service:
        service.secrets.add(CLIENT_SECRET)
        jane = sign_in(service, "jane", "mcp:tools")
        answer = httpx2.post(
            service.mcp,
            json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "add"}},
            headers={
                "Authorization": f"Bearer {jane.access_token}",
                "Accept": "application/json, text/event-stream",
                "MCP-Protocol-Version": "2025-11-25",
            },
            timeout=30,
        )
        provider.openid.user["groups"] = []
        provider.openid.user["sub"] = "somebody-else"
        with pytest.raises(BrowserStuck, match="HTTP 403"):
            sign_in(service, "mallory", "mcp:tools")
        service.stop()

    assert answer.json()["result"]["content"][0]["text"] == "added"
    assert service.leaks() == []


def test_check_while_serving_finds_every_address(
    tmp_path: Path, provider: Provider, upstream: str
) -> None:
    port = free_port()
    public = f"http://localhost:{port}"
    provider.redirect_uri = f"{public}/callback/sso"
    _doorward(
        tmp_path,
        *("init", "--provider", provider.openid.issuer, "--public-url", public),
        *("--allow", "everyone", "--upstream", upstream, "--client-id", CLIENT_ID),
    )
    file = tmp_path / "doorward.toml"
    file.write_text(file.read_text().replace("127.0.0.1:8000", f"127.0.0.1:{port}"))
    (tmp_path / "sso.secret").write_text(CLIENT_SECRET)

    with RunningService(file):
        status, checked = _doorward(tmp_path, "check")

    assert status == 0
    assert {one["status"] for one in checked["findings"]} == {"ok"}, checked
