"""A stream that was cut goes on for the session that it belongs to, and for no other."""

import asyncio
from typing import Any

import httpx2
from mcp.server.mcpserver import MCPServer
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp_types import JSONRPCMessage

from doorward.integrations.declared_rules import requires
from doorward.integrations.mcp_sdk import protect
from tests.integrations.conftest import Library
from tests.integrations.guarded_server import ACCEPT, HELLO, GuardedServer
from tests.ledger import proves

# mypy: disable-error-code="untyped-decorator"


class Counted(EventStore):
    """A store whose event ids are easy to guess, as those of a database table are."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, JSONRPCMessage | None]] = []

    async def store_event(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        """Keep an event."""
        self.kept.append((stream_id, message))
        return str(len(self.kept))

    async def replay_events_after(self, last_event_id: str, send: EventCallback) -> str | None:
        """Send what followed it on its stream."""
        last = int(last_event_id)
        stream_id = self.kept[last - 1][0]
        for number, (stream, message) in enumerate(self.kept[last:], last + 1):
            if stream == stream_id and message is not None:
                await send(EventMessage(message, str(number)))
        return stream_id


async def session(guarded_server: GuardedServer, http: httpx2.AsyncClient) -> dict[str, str]:
    """Return the headers of a new session."""
    opened = await guarded_server.send(http, "initialize", **HELLO)
    headers = {
        "mcp-protocol-version": "2025-11-25",
        "mcp-session-id": opened.headers["mcp-session-id"],
    }
    told = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    await http.post(guarded_server.resource, json=told, headers={**ACCEPT, **headers})
    return headers


async def replayed(
    guarded_server: GuardedServer, http: httpx2.AsyncClient, headers: dict[str, str], last: int
) -> str:
    """Return what a session is sent after an event, up to the first answer or the end."""
    asked = {**headers, "accept": "text/event-stream", "last-event-id": str(last)}
    text = ""
    async with (
        asyncio.timeout(10),
        http.stream("GET", guarded_server.resource, headers=asked) as answer,
    ):
        async for part in answer.aiter_text():
            text += part
            if '"result"' in text:
                break
    return text


@proves("S142", "accepts", "foreign sessions and handles")
@proves("S142", "refuses", "foreign sessions and handles")
async def test_an_event_is_not_replayed_to_another_session(
    library: Library, shop: Any, guarded_server: GuardedServer
) -> None:
    store = Counted()
    async with (
        guarded_server.serving(library.protect(shop, guarded_server.guard, event_store=store)),
        guarded_server.http("mia", "shop:refund", roles=("manager",)) as mia,
        guarded_server.http("alice") as alice,
    ):
        own = await session(guarded_server, mia)
        call = {"name": "refund", "arguments": {"order": "7"}}
        before = len(store.kept)
        answer = await guarded_server.send(mia, "tools/call", headers=own, **call)
        again = await replayed(guarded_server, mia, own, before + 1)
        other = await session(guarded_server, alice)
        # All requests have the same id, and so have their streams.
        told = [await replayed(guarded_server, alice, other, last) for last in (before, before + 1)]

    assert "refunded 7" in answer.text
    assert "refunded 7" in again
    assert not [one for one in told if "refund" in one]


@proves("S142", "refuses", "foreign sessions and handles")
async def test_a_mounted_server_does_not_replay_events_to_another_session(
    guarded_server: GuardedServer,
) -> None:
    server, store = MCPServer("shop"), Counted()

    @server.tool()
    @requires(scopes={"shop:refund"})
    async def refund() -> str:
        return "refunded"

    app = server.streamable_http_app(event_store=store)
    async with (
        guarded_server.serving(protect(server, guarded_server.guard, app=app)),
        guarded_server.http("mia", "shop:refund") as mia,
        guarded_server.http("alice") as alice,
    ):
        own = await session(guarded_server, mia)
        answer = await guarded_server.send(
            mia, "tools/call", headers=own, name="refund", arguments={}
        )
        last = len(store.kept) - 1
        other = await session(guarded_server, alice)
        told = await replayed(guarded_server, alice, other, last)

    assert "refunded" in answer.text
    assert "refunded" not in told
