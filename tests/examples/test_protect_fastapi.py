"""The README's example, as it stands, against an issuer on real sockets."""

import importlib
import sys
from collections.abc import AsyncIterator, Iterator
from types import ModuleType
from typing import Any

import httpx2
import pytest

from doorward.testing import TokenMint


@pytest.fixture
def example(issuer: TokenMint, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.setenv("ISSUER", issuer.issuer)
    sys.modules.pop("examples.protect_fastapi", None)
    yield importlib.import_module("examples.protect_fastapi")
    sys.modules.pop("examples.protect_fastapi", None)


@pytest.fixture
async def http(example: ModuleType) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(example.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
        yield client


async def call(
    http: httpx2.AsyncClient, token: str | None, tool: str, **arguments: Any
) -> httpx2.Response:
    headers = {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": tool,
    }
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": tool, "arguments": arguments, "_meta": meta},
    }
    return await http.post("/mcp", json=body, headers=headers)


async def test_a_caller_with_the_scope_gets_an_answer_of_their_own(
    http: httpx2.AsyncClient, issuer: TokenMint
) -> None:
    answer = await call(http, issuer.mint("alice", scopes={"orders:read"}), "my_orders")

    assert answer.status_code == 200
    assert answer.json()["result"]["structuredContent"] == {"result": ["an order of alice"]}


async def test_whoever_brings_no_token_is_told_where_to_get_one(http: httpx2.AsyncClient) -> None:
    answer = await call(http, None, "my_orders")

    assert answer.status_code == 401
    assert 'scope="orders:read"' in answer.headers["www-authenticate"]
    assert "error=" not in answer.headers["www-authenticate"]


async def test_a_missing_scope_is_named_and_a_missing_role_invites_no_new_sign_in(
    http: httpx2.AsyncClient, issuer: TokenMint
) -> None:
    reader = issuer.mint("alice", scopes={"orders:read"})
    clerk = issuer.mint("bob", scopes={"orders:read", "orders:refund"}, roles={"clerk"})

    without_scope = await call(http, reader, "refund", order="7", amount=3)
    without_role = await call(http, clerk, "refund", order="7", amount=3)

    assert without_scope.status_code == without_role.status_code == 403
    assert 'scope="orders:read orders:refund"' in without_scope.headers["www-authenticate"]
    assert without_role.json()["error"]["data"]["reason"] == "not-permitted"
    assert "www-authenticate" not in without_role.headers


async def test_a_manager_refunds(http: httpx2.AsyncClient, issuer: TokenMint) -> None:
    token = issuer.mint("mia", scopes={"orders:read", "orders:refund"}, roles={"manager"})

    answer = await call(http, token, "refund", order="7", amount=3)

    assert answer.json()["result"]["structuredContent"] == {"result": "refunded 3.00 on 7"}
