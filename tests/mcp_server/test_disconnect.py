"""Disconnects cancel the work; a cancelled server does not look like a disconnect."""

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from doorward.mcp_server import McpServer
from tests.ledger import proves
from tests.mcp_server.rpc_client import META, MODERN

HEADERS = [
    (b"host", b"localhost"),
    (b"content-type", b"application/json"),
    (b"mcp-protocol-version", MODERN.encode()),
    (b"mcp-method", b"tools/call"),
    (b"mcp-name", b"wait"),
]


def scope() -> dict[str, Any]:
    return {"type": "http", "method": "POST", "path": "/mcp", "headers": list(HEADERS)}


def body() -> bytes:
    params = {"name": "wait", "arguments": {}, "_meta": META}
    return json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    ).encode()


class DisconnectingClient:
    """A client that sends its request, and disconnects when ``disconnected`` is set."""

    def __init__(self, *first: dict[str, Any]) -> None:
        self.messages = list(first) or [{"type": "http.request", "body": body()}]
        self.disconnected = asyncio.Event()
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        if self.messages:
            return self.messages.pop(0)
        await self.disconnected.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)


def waiting_server(
    wait: Callable[[], Any],
) -> tuple[McpServer, asyncio.Event, asyncio.Event]:
    server = McpServer("test", version="1")
    begun, cancelled = asyncio.Event(), asyncio.Event()

    @server.tool(name="wait")
    async def tool() -> str:
        begun.set()
        try:
            await wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return "done"

    return server, begun, cancelled


async def anyio_wait() -> None:
    with anyio.move_on_after(60):
        await anyio.sleep_forever()


@pytest.mark.parametrize("wait", [asyncio.Event().wait, anyio_wait], ids=["asyncio", "anyio"])
async def test_a_disconnect_cancels_the_tool_without_a_response(
    wait: Callable[[], Any],
) -> None:
    server, begun, cancelled = waiting_server(wait)
    client = DisconnectingClient()
    serving = asyncio.create_task(server.asgi(scope(), client.receive, client.send))
    await begun.wait()
    client.disconnected.set()
    await serving

    assert cancelled.is_set()
    assert client.sent == []
    assert not serving.cancelled()


async def test_a_disconnect_does_not_wait_for_the_thread_of_the_tool() -> None:
    server = McpServer("test", version="1")
    begun, release = threading.Event(), threading.Event()

    @server.tool(name="wait")
    def tool() -> str:
        begun.set()
        release.wait(30)
        return "too late"

    client = DisconnectingClient()
    serving = asyncio.create_task(server.asgi(scope(), client.receive, client.send))
    await asyncio.to_thread(begun.wait)
    client.disconnected.set()
    await serving
    release.set()

    assert client.sent == []


async def test_the_end_of_a_replayed_body_is_not_a_disconnect() -> None:
    server, begun, cancelled = waiting_server(asyncio.Event().wait)
    request = {"type": "http.request", "body": body()}
    client = DisconnectingClient(request, {"type": "http.request", "body": b""})
    serving = asyncio.create_task(server.asgi(scope(), client.receive, client.send))
    await begun.wait()
    client.disconnected.set()
    await serving

    assert cancelled.is_set()


async def test_a_tool_that_outlasts_the_watch_delay_still_answers() -> None:
    release = asyncio.Event()
    server, _, _ = waiting_server(release.wait)
    client = DisconnectingClient()
    serving = asyncio.create_task(server.asgi(scope(), client.receive, client.send))
    asyncio.get_running_loop().call_later(0.05, release.set)
    await serving

    assert client.sent[0]["status"] == 200
    assert b'"text":"done"' in client.sent[1]["body"]


async def test_a_tool_that_ignores_cancellation_leaves_no_pending_cancellation() -> None:
    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return

    server, begun, _ = waiting_server(stubborn)
    client = DisconnectingClient()
    serving = asyncio.create_task(server.asgi(scope(), client.receive, client.send))
    await begun.wait()
    client.disconnected.set()
    await serving

    assert serving.cancelling() == 0


async def test_a_server_shutdown_is_not_taken_for_a_disconnect() -> None:
    server, begun, cancelled = waiting_server(asyncio.Event().wait)
    client = DisconnectingClient()
    serving = asyncio.create_task(server.asgi(scope(), client.receive, client.send))
    await begun.wait()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving

    assert cancelled.is_set()


async def test_a_disconnect_during_the_request_body_is_not_an_error() -> None:
    server, begun, _ = waiting_server(asyncio.Event().wait)
    client = DisconnectingClient({"type": "http.request", "body": body()[:10], "more_body": True})
    client.disconnected.set()
    await server.asgi(scope(), client.receive, client.send)

    assert client.sent == []
    assert not begun.is_set()


@proves("S165", "refuses", "ambiguous framing")
@pytest.mark.parametrize("announced", [b"4194305", b"9" * 5000])
async def test_a_body_with_an_oversized_content_length_is_not_read(announced: bytes) -> None:
    client = DisconnectingClient()
    asked = scope()
    asked["headers"].append((b"content-length", announced))
    await McpServer("test", version="1").asgi(asked, client.receive, client.send)

    assert client.sent[0]["status"] == 413
    assert client.messages


async def test_a_chunked_body_is_reassembled() -> None:
    server, _, _ = waiting_server(lambda: asyncio.sleep(0))
    text = body()
    pieces = [text[:7], b"", text[7:]]
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    client = DisconnectingClient(*messages, {"type": "http.request"})
    await server.asgi(scope(), client.receive, client.send)

    assert b'"text":"done"' in client.sent[1]["body"]


async def test_the_endpoint_answers_lifespan_startup_and_shutdown() -> None:
    server = McpServer("test", version="1")
    client = DisconnectingClient({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    await server.asgi({"type": "lifespan"}, client.receive, client.send)

    assert [message["type"] for message in client.sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


async def test_a_web_socket_is_closed() -> None:
    client = DisconnectingClient()
    await McpServer("test", version="1").asgi({"type": "websocket"}, client.receive, client.send)

    assert client.sent == [{"type": "websocket.close", "code": 1002}]
