"""Cancelled requests: a legacy session gets a notification, a modern server sees a closed stream."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import httpx2
import pytest
from mcp.server.mcpserver import MCPServer
from starlette.responses import PlainTextResponse

from doorward.client import McpClient, OAuth, Unreachable
from doorward.client.auth import WITHOUT_SIGN_IN
from doorward.client.mcp.bridge import Bridge
from doorward.identity import SCOPE_KEY
from doorward.mcp_server import Context, McpServer
from doorward.wire.asgi import Receive, Scope, Send
from tests.client.conftest import Open
from tests.client.fake_issuer import SERVER, FakeIssuer
from tests.client.test_bridge_sessions import GREETING, INITIALIZED
from tests.client.test_streams import Chunks, Script, result
from tests.integrations.guarded_server import GuardedServer
from tests.mcp_server.loopback_server import serving
from tests.mcp_server.rpc_client import person

CANCELLED = "notifications/cancelled"
URL = "https://mcp.example/mcp"


class Wire(httpx2.AsyncHTTPTransport):
    """The network, and what went over it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, dict[str, Any]]] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        content = await request.aread()
        self.sent.append((request.method, json.loads(content) if content else {}))
        return await super().handle_async_request(request)

    def cancelled(self) -> list[Any]:
        """Which requests were taken back."""
        return [body["params"]["requestId"] for _, body in self.sent if is_cancelled(body)]

    def called(self) -> list[Any]:
        """Under which ids the tool was called."""
        return [body["id"] for _, body in self.sent if body.get("method") == "tools/call"]


def is_cancelled(body: Mapping[str, Any]) -> bool:
    return body.get("method") == CANCELLED


class Workshop(NamedTuple):
    """A server whose one tool waits for ever, and says when it began and when it was stopped."""

    url: str
    begun: asyncio.Event
    stopped: asyncio.Event


def waiting(begun: asyncio.Event, stopped: asyncio.Event) -> Any:
    async def wait() -> str:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopped.set()
            raise
        return "never"

    return wait


@asynccontextmanager
async def ours() -> AsyncIterator[Workshop]:
    begun, stopped = asyncio.Event(), asyncio.Event()
    server = McpServer("test", version="1.0")
    server.tool()(waiting(begun, stopped))

    @server.tool()
    async def says(ctx: Context) -> str:
        """Make this a server with sessions: it speaks outside of its answers."""
        await ctx.report_progress(1)
        return "said"

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        scope[SCOPE_KEY] = person("alice")
        await server.asgi(scope, receive, send)

    async with serving(guarded) as base:
        yield Workshop(f"{base}/mcp", begun, stopped)


def old(app: Any) -> Any:
    """Refuse 2026-07-28, as a legacy server does."""
    unheard_of = PlainTextResponse("Bad Request: no session", 400)

    async def judged(scope: Scope, receive: Receive, send: Send) -> None:
        modern = b"mcp-method" in dict(scope.get("headers") or ())
        await (unheard_of if modern else app)(scope, receive, send)

    return judged


@asynccontextmanager
async def the_official_sdks() -> AsyncIterator[Workshop]:
    begun, stopped = asyncio.Event(), asyncio.Event()
    server = MCPServer("test")
    server.tool()(waiting(begun, stopped))
    guarded_server = GuardedServer()
    async with guarded_server.serving(old(server.streamable_http_app())):
        yield Workshop(f"{guarded_server.base}/mcp", begun, stopped)


SERVERS = pytest.mark.parametrize("server", [ours, the_official_sdks])


@SERVERS
async def test_cancelling_a_call_sends_a_notification_and_stops_the_tool(server: Any) -> None:
    wire = Wire()
    async with server() as shop, McpClient(shop.url, transport=wire, initialize=True) as client:
        asked = asyncio.create_task(client.call_tool("wait", {}))
        await shop.begun.wait()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        async with asyncio.timeout(5):
            await shop.stopped.wait()
        tools = await client.list_tools()

    assert wire.cancelled() == wire.called()
    assert len(wire.called()) == 1
    assert "wait" in {tool.name for tool in tools}


async def test_a_timeout_of_the_caller_cancels_the_call_at_the_server() -> None:
    wire = Wire()
    async with ours() as shop, McpClient(shop.url, transport=wire, initialize=True) as client:
        asked = asyncio.create_task(client.call_tool("wait", {}))
        await shop.begun.wait()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await asked

    assert wire.cancelled() == wire.called()


async def test_a_cancel_scope_does_not_block_the_cancelled_notification() -> None:
    wire = Wire()
    async with ours() as shop, McpClient(shop.url, transport=wire, initialize=True) as client:
        with anyio.CancelScope() as scope:
            asked = scope, client.call_tool("wait", {})
            await _cancelled_when(shop.begun, *asked)
        async with asyncio.timeout(5):
            await shop.stopped.wait()

    assert wire.cancelled() == wire.called()


async def _cancelled_when(begun: asyncio.Event, scope: anyio.CancelScope, call: Any) -> None:
    async def watch() -> None:
        await begun.wait()
        scope.cancel()

    watching = asyncio.create_task(watch())
    await call
    await watching


async def test_in_the_modern_revision_closing_the_stream_cancels_without_a_notification() -> None:
    wire = Wire()
    async with ours() as shop, McpClient(shop.url, transport=wire) as client:
        asked = asyncio.create_task(client.call_tool("wait", {}))
        await shop.begun.wait()
        asked.cancel()
        async with asyncio.timeout(5):
            await shop.stopped.wait()

    assert wire.cancelled() == []


class Slow(Script):
    """A server of a legacy protocol revision that has a session and does not answer one method in time."""

    def __init__(self, method: str, error: type[Exception] = httpx2.ReadTimeout) -> None:
        super().__init__(self.answer)
        self.method, self.error, self.session = method, error, {"mcp-session-id": "one"}

    def answer(self, request: httpx2.Request, message: Mapping[str, Any]) -> httpx2.Response:
        if message["method"] == self.method:
            raise self.error("no answer", request=request)  # type: ignore[call-arg]
        answer = result(message, protocolVersion="2025-11-25", capabilities={})
        answer.headers.update(self.session)
        return answer


async def ask(script: Script) -> str:
    async with McpClient(URL, transport=script, initialize=True) as client:
        with pytest.raises(Unreachable) as refusal:
            await client.call_tool("wait", {})
    return refusal.value.reason


async def test_a_response_timeout_cancels_the_request() -> None:
    script = Slow("tools/call")

    assert await ask(script) == "timeout"
    (call,), (note,) = script.messages("tools/call"), script.messages(CANCELLED)
    assert note["params"]["requestId"] == call["id"]
    assert "id" not in note


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(Slow("initialize"), id="initialize"),
        pytest.param(Slow("tools/call", httpx2.ConnectError), id="nobody-there"),
    ],
)
async def test_initialize_and_unsent_requests_are_not_cancelled(script: Slow) -> None:
    await ask(script)

    assert script.messages(CANCELLED) == []


async def test_without_a_session_no_cancelled_notification_is_sent() -> None:
    script = Slow("tools/call")
    script.session = {}

    assert await ask(script) == "timeout"
    assert script.messages(CANCELLED) == []


async def test_a_request_without_sign_in_does_not_start_one_after_a_401(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    async with open_client() as connection:
        flow = OAuth(SERVER, connection.sign_in).async_auth_flow(
            httpx2.Request("POST", SERVER, extensions={WITHOUT_SIGN_IN: True})
        )
        request = await anext(flow)
        with pytest.raises(StopAsyncIteration):
            await flow.asend(httpx2.Response(401, request=request))

    assert "authorization" not in request.headers
    assert fake_issuer.asked == []


class Pipe:
    """The two ends of a bridge: what its client writes, and what comes back."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[bytes] = asyncio.Queue()
        self.said: asyncio.Queue[Any] = asyncio.Queue()

    def write(self, message: Mapping[str, Any]) -> None:
        """Write one line."""
        self._lines.put_nowait(json.dumps(message).encode())

    def close(self) -> None:
        """End the input."""
        self._lines.put_nowait(b"")

    async def lines(self) -> AsyncIterator[bytes]:
        while line := await self._lines.get():
            yield line

    async def send(self, line: bytes) -> None:
        self.said.put_nowait(json.loads(line))


CALL = {"jsonrpc": "2.0", "id": "c", "method": "tools/call", "params": {"name": "wait"}}
TAKE_BACK = {"jsonrpc": "2.0", "method": CANCELLED, "params": {"requestId": "c"}}


@asynccontextmanager
async def bridged(
    shop: Workshop, wire: httpx2.AsyncBaseTransport
) -> AsyncIterator[tuple[Pipe, asyncio.Task[None]]]:
    """Give a bridge whose session waits for the tool."""
    pipe = Pipe()
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx2.AsyncClient(transport=wire))
        running = asyncio.create_task(Bridge(shop.url, http).run(pipe.lines(), pipe.send))
        pipe.write(GREETING)
        await pipe.said.get()
        pipe.write(INITIALIZED)
        pipe.write(CALL)
        await shop.begun.wait()
        yield pipe, running


@SERVERS
async def test_the_bridge_cancels_running_requests_when_its_client_disconnects(server: Any) -> None:
    wire = Wire()
    async with server() as shop, bridged(shop, wire) as (pipe, running):
        pipe.close()
        async with asyncio.timeout(5):
            await running
            await shop.stopped.wait()

    assert wire.cancelled() == ["c"]
    # While there still is a session.
    assert [method for method, _ in wire.sent][-1] == "DELETE"


async def test_an_interrupted_bridge_cancels_running_requests() -> None:
    wire = Wire()
    async with ours() as shop, bridged(shop, wire) as (_, running):
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        async with asyncio.timeout(5):
            await shop.stopped.wait()

    assert wire.cancelled() == ["c"]
    assert wire.sent[-1][0] == "DELETE"


async def test_the_bridge_forwards_a_cancelled_notification_once() -> None:
    wire = Wire()
    async with ours() as shop, bridged(shop, wire) as (pipe, running):
        pipe.write(TAKE_BACK)
        async with asyncio.timeout(5):
            await shop.stopped.wait()
        pipe.write({"jsonrpc": "2.0", "id": 2, "method": "tools/list"})
        async with asyncio.timeout(5):
            answer = await pipe.said.get()
            pipe.close()
            await running

    assert answer["id"] == 2
    assert wire.cancelled() == ["c"]
    assert pipe.said.empty()


class Silent(httpx2.AsyncByteStream):
    """A stream on which nothing comes and that does not end."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""


async def test_the_bridge_stops_waiting_for_a_cancelled_request() -> None:
    called = asyncio.Event()

    def answer(request: httpx2.Request, message: Mapping[str, Any]) -> httpx2.Response:
        if message.get("method") == "tools/call":
            called.set()
            return httpx2.Response(
                200, headers={"content-type": "text/event-stream"}, stream=Silent()
            )
        if request.method != "POST":
            return httpx2.Response(405, stream=Chunks())
        found = result(message, protocolVersion="2025-11-25", capabilities={})
        found.headers["mcp-session-id"] = "one"
        return found

    script = Script(answer)
    async with bridged(Workshop(URL, called, called), script) as (pipe, running):
        pipe.write(TAKE_BACK)
        pipe.write({"jsonrpc": "2.0", "id": 2, "method": "tools/list"})
        await pipe.said.get()
        pipe.close()
        await running

    # Whoever still waited for it would have to take it back at the end.
    assert [note["params"] for note in script.messages(CANCELLED)] == [TAKE_BACK["params"]]


async def test_a_failed_cancelled_notification_does_not_change_the_timeout_error() -> None:
    class Deaf(Slow):
        def answer(self, request: httpx2.Request, message: Mapping[str, Any]) -> httpx2.Response:
            if is_cancelled(message):
                return httpx2.Response(500, stream=Chunks())
            return super().answer(request, message)

    assert await ask(Deaf("tools/call")) == "timeout"


@pytest.mark.e2e
async def test_ctrl_c_on_the_command_line_stops_the_tool_of_a_legacy_server(tmp_path: Path) -> None:
    async with the_official_sdks() as shop:
        called = await asyncio.create_subprocess_exec(
            Path(sys.executable).parent / "doorward",
            *("call", shop.url, "wait"),
            env={**os.environ, "DOORWARD_HOME": str(tmp_path)},
        )
        async with asyncio.timeout(30):
            await shop.begun.wait()
            called.send_signal(signal.SIGINT)
            status = await called.wait()
        async with asyncio.timeout(5):
            await shop.stopped.wait()

    assert status == 130
