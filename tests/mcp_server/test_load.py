"""Slow, disconnected and many clients; and streams behind the guard."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from doorward.guard import Guard
from doorward.mcp_server import Context, McpServer
from doorward.policy import Policy, Rule
from doorward.testing.mint import TokenMint
from doorward.tokens import LocalKeys, TrustedIssuer
from tests.ledger import proves
from tests.mcp_server.loopback_server import serving
from tests.mcp_server.rpc_client import META, MODERN
from tests.mcp_server.session_client import SessionClient

NOW = 1_800_000_000.0
RESOURCE = "http://localhost/mcp"
MINT = TokenMint(issuer="https://issuer.example", audience=RESOURCE, clock=lambda: NOW)
FORM = {"type": "object", "properties": {"name": {"type": "string"}}}


def plain() -> McpServer:
    server = McpServer("plain", version="1.0", subscriptions=True)

    @server.tool()
    async def echo(text: str) -> str:
        return text

    @server.tool()
    async def ask(ctx: Context) -> str:
        return (await ctx.elicit("?", FORM)).action

    return server


def request(text: str, request_id: int = 1) -> bytes:
    params = {"name": "echo", "arguments": {"text": text}, "_meta": META}
    body = json.dumps(
        {"jsonrpc": "2.0", "id": request_id, "method": "tools/call", "params": params}
    ).encode()
    head = (
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Mcp-Protocol-Version: {MODERN}\r\nMcp-Method: tools/call\r\nMcp-Name: echo\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def read_answer(reader: asyncio.StreamReader) -> dict[str, Any]:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
    found: dict[str, Any] = json.loads(await reader.readexactly(length))
    return found


@asynccontextmanager
async def line_to(
    server: McpServer,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, str]]:
    async with serving(server.asgi) as base:
        port = int(base.rsplit(":", 1)[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield reader, writer, base
        finally:
            writer.close()


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with line_to(plain()) as (reader, writer, _):
        writer.write(b"".join(request(f"t{number}", number) for number in range(50)))
        answers = [await read_answer(reader) for _ in range(50)]

    assert [one["id"] for one in answers] == list(range(50))


async def test_a_request_sent_byte_by_byte_is_served() -> None:
    async with line_to(plain()) as (reader, writer, _):
        for letter in request("slow"):
            writer.write(bytes([letter]))
            await writer.drain()
            await asyncio.sleep(0)
        answer = await read_answer(reader)

    assert answer["result"]["content"][0]["text"] == "slow"


@pytest.mark.parametrize("cut", [10, 150, -1])
async def test_a_disconnect_during_a_request_does_not_affect_other_clients(
    cut: int,
) -> None:
    async with line_to(plain()) as (reader, writer, base):
        writer.write(request("half")[:cut])
        writer.write_eof()
        await reader.read()
        async with httpx2.AsyncClient(base_url=base) as http:
            message = await SessionClient(http, MODERN).ask(
                "tools/call", {"name": "echo", "arguments": {"text": "whole"}}
            )

    assert message["result"]["content"][0]["text"] == "whole"


@pytest.mark.parametrize("member", ["inputResponses", "requestState", "_meta"])
async def test_a_deeply_nested_message_is_refused(member: str) -> None:
    deep = b'{"a":' * 50_000 + b"1" + b"}" * 50_000
    body = request("x").partition(b"\r\n\r\n")[2].replace(b'"_meta"', b'"was"', 1)
    body = body.replace(b'"params": {', b'"params": {"%b":%b,' % (member.encode(), deep), 1)
    async with serving(plain().asgi) as base, httpx2.AsyncClient(base_url=base) as http:
        headers = SessionClient(http, MODERN).headers("tools/call", "echo")
        refused = await http.post("/mcp", content=body, headers=headers)
        message = await SessionClient(http, MODERN).ask("tools/list")

    assert refused.status_code == 400
    assert "result" in message


@asynccontextmanager
async def guarded(
    token: str, version: str = MODERN, *, seconds_left: float = 600.0
) -> AsyncIterator[tuple[SessionClient, McpServer]]:
    server = plain()
    policy = Policy(base=Rule(frozenset({"mcp:read"})), rules=server.rules)
    server.decide = lambda who, what: who is not None and policy.decide(who, what).allowed
    keys = LocalKeys(MINT.jwks, clock=lambda: NOW)
    issuer = TrustedIssuer(issuer=MINT.issuer, audience=RESOURCE, algorithms=("ES256",), keys=keys)
    guard = Guard(
        resource=RESOURCE,
        policy=policy,
        issuers=[issuer],
        clock=lambda: NOW + 600 - seconds_left,
        leeway=0,
        audit=lambda event: None,
    )
    headers = {"authorization": f"Bearer {token}"}
    async with (
        serving(guard.protect(server.asgi)) as base,
        httpx2.AsyncClient(base_url=base, headers=headers) as http,
    ):
        yield SessionClient(http, version), server


def token_of(subject: str) -> str:
    return MINT.mint(subject, scopes={"mcp:read"})


@proves("S141", "refuses", "streams end with tokens")
async def test_a_subscription_stream_ends_when_its_token_expires() -> None:
    wanted = {"notifications": {"toolsListChanged": True}}
    async with guarded(token_of("alice"), seconds_left=0.3) as (caller, server):
        async with caller.stream("subscriptions/listen", wanted) as events:
            first = await events.next()
            assert server.listeners == 1
            rest = await events.rest()
        async with asyncio.timeout(5):
            while server.listeners:
                await asyncio.sleep(0)

    assert first is not None
    assert rest == []


@proves("S142", "accepts", "foreign sessions and handles")
async def test_a_session_works_behind_the_guard() -> None:
    async with guarded(token_of("alice"), "2025-11-25") as (caller, _):
        session = await caller.initialize({"elicitation": {}})
        async with caller.stream("tools/call", {"name": "ask", "arguments": {}}) as events:
            question = await events.next()
            assert question is not None
            result = {"action": "decline"}
            await caller.post({"jsonrpc": "2.0", "id": question["id"], "result": result})
            last = await events.rest()
        ended = await caller.http.delete("/mcp", headers=caller.headers())

    assert session is not None
    assert last[0]["result"]["content"][0]["text"] == "decline"
    assert ended.status_code == 204


@proves("S142", "refuses", "foreign sessions and handles")
async def test_behind_the_guard_another_caller_cannot_use_a_session() -> None:
    async with guarded(token_of("alice"), "2025-11-25") as (caller, _):
        await caller.initialize({"elicitation": {}})
        others = {"authorization": f"Bearer {token_of('bob')}"}
        refused = [
            await caller.http.request(verb, "/mcp", headers={**caller.headers(), **others})
            for verb in ("GET", "DELETE")
        ]
        still = await caller.ask("tools/list")

    assert [one.status_code for one in refused] == [404, 404]
    assert "result" in still
