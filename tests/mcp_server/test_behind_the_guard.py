"""The server behind a guard, with identities from verified tokens."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from doorward.guard import AuditEvent, Guard
from doorward.identity import Identity, current_identity
from doorward.mcp_server import McpServer
from doorward.policy import Policy, Rule
from doorward.testing.mint import TokenMint
from doorward.tokens import LocalKeys, TrustedIssuer
from tests.ledger import proves
from tests.mcp_server.rpc_client import MODERN, Response, RpcClient

RESOURCE = "https://mcp.example/mcp"
NOW = 1_800_000_000.0
MINT = TokenMint(issuer="https://issuer.example", audience=RESOURCE, clock=lambda: NOW)
ALICE = MINT.mint("alice", scopes={"mcp:read", "mcp:tools"})
ADMIN = MINT.mint("root", scopes={"mcp:read", "mcp:tools", "mcp:admin"}, roles={"admin"})


def demo() -> McpServer:
    server = McpServer("demo", version="1.0")

    @server.tool(scopes={"mcp:tools"})
    async def whoami(user: Identity) -> str:
        return user.subject

    @server.tool(scopes={"mcp:tools"})
    def whoami_in_a_thread(user: Identity) -> str:
        caller = current_identity()
        return f"{user.subject} {caller.subject if caller else 'nobody'}"

    @server.tool(scopes={"mcp:tools", "mcp:admin"}, roles={"admin"})
    async def shut_down() -> str:
        return "off"

    return server


@asynccontextmanager
async def behind_the_guard(
    token: str, version: str = MODERN, *, in_fastapi: bool = False
) -> AsyncIterator[RpcClient]:
    server = demo()
    policy = Policy(base=Rule(frozenset({"mcp:read"})), rules=server.rules)
    server.decide = lambda who, what: who is not None and policy.decide(who, what).allowed
    keys = LocalKeys(MINT.jwks, clock=lambda: NOW)
    issuer = TrustedIssuer(issuer=MINT.issuer, audience=RESOURCE, algorithms=("ES256",), keys=keys)
    events: list[AuditEvent] = []
    guard = Guard(
        resource=RESOURCE, policy=policy, issuers=[issuer], clock=lambda: NOW, audit=events.append
    )
    app: Any = server.asgi
    if in_fastapi:
        app = FastAPI()
        app.include_router(server.router("/mcp"))
    http = httpx2.AsyncClient(
        transport=httpx2.ASGITransport(guard.protect(app)),
        base_url="https://mcp.example",
        headers={"authorization": f"Bearer {token}"},
    )
    async with http:
        yield RpcClient(http, version)


@proves("S146", "accepts", "user from the token alone")
@pytest.mark.parametrize("version", [MODERN, "2025-11-25", "2025-03-26"])
@pytest.mark.parametrize("in_fastapi", [False, True], ids=["alone", "in-fastapi"])
async def test_a_tool_gets_the_subject_of_the_token(version: str, in_fastapi: bool) -> None:
    async with behind_the_guard(ALICE, version, in_fastapi=in_fastapi) as peer:
        assert (await peer.call("whoami")).content_text == "alice"
        assert (await peer.call("whoami_in_a_thread")).content_text == "alice alice"


@proves("S146", "refuses", "user from the token alone")
@pytest.mark.parametrize(
    "headers", [{"x-user": "root"}, {"x-forwarded-user": "root"}, {"x-mcp-authorized": "root"}]
)
async def test_headers_meta_and_arguments_cannot_set_the_caller(headers: Mapping[str, str]) -> None:
    async with behind_the_guard(ALICE) as peer:
        params = {"name": "whoami", "arguments": {}, "_meta": {"user": "root"}}
        answer = await peer.ask("tools/call", params, headers=headers)
        injected = await peer.call("whoami", user={"subject": "root"})

    assert answer.content_text == "alice"
    assert injected.result["isError"] is True


@proves("S145", "accepts", "no result of another user")
@proves("S145", "refuses", "no result of another user")
@pytest.mark.parametrize("version", [MODERN, "2025-11-25"])
async def test_a_list_contains_only_what_its_caller_may_use(version: str) -> None:
    async with behind_the_guard(ALICE, version) as peer:
        seen = (await peer.ask("tools/list")).result
    async with behind_the_guard(ADMIN, version) as peer:
        seen_by_admin = (await peer.ask("tools/list")).result

    assert [tool["name"] for tool in seen["tools"]] == ["whoami", "whoami_in_a_thread"]
    assert len(seen_by_admin["tools"]) == 3
    assert seen.get("cacheScope", "private") == "private"


@proves("S151", "refuses", "one reading per message")
async def test_an_ambiguous_body_is_refused_before_the_tool_runs() -> None:
    body = (
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call",'
        b'"params":{"name":"whoami","name":"shut_down"}}'
    )
    async with behind_the_guard(ALICE, "2025-11-25") as peer:
        answer = await peer.post(body)

    assert answer.status == 400
    assert "off" not in answer.text


@proves("S142", "refuses", "foreign sessions and handles")
async def test_a_session_id_does_not_change_the_caller() -> None:
    async with behind_the_guard(ADMIN, "2025-11-25") as peer:
        opened = await peer.ask(
            "initialize",
            {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "t", "version": "1"},
            },
        )
    async with behind_the_guard(ALICE, "2025-11-25") as peer:
        answer = await peer.call("whoami", {"mcp-session-id": "root"})

    assert "mcp-session-id" not in opened.headers
    assert answer.content_text == "alice"


async def test_a_failing_tool_does_not_reveal_the_token() -> None:
    server_answer: Response
    with capture_logs() as logs:
        async with behind_the_guard(ALICE) as peer:
            server_answer = await peer.call("whoami", surprise=ALICE)

    assert server_answer.result["isError"] is True
    assert ALICE not in server_answer.text
    assert ALICE not in str(logs)
