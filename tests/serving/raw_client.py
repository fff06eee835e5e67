"""A connection without a network: what it is sent, what it sends, and a clock of its own."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, NamedTuple

import h11
import uvicorn
from uvicorn.server import ServerState

from doorward.serving import Connection

GET = b"GET /mcp?a=1 HTTP/1.1\r\nHost: mcp.example\r\n\r\n"


class FakeSocket(NamedTuple):
    """The two ends of a socket, as the socket tells them."""

    peer: tuple[object, ...]
    own: tuple[object, ...]
    family: socket.AddressFamily = socket.AF_UNIX

    def getpeername(self) -> tuple[object, ...]:
        return self.peer

    def getsockname(self) -> tuple[object, ...]:
        return self.own


class FakeTransport(asyncio.Transport):
    """The transport under a connection; remembers what was written and asked of it."""

    def __init__(
        self, peer: tuple[object, ...] = ("127.0.0.1", 4000), *, ends: type[FakeSocket] = FakeSocket
    ) -> None:
        super().__init__({"socket": ends(peer, ("127.0.0.1", 9000))})
        self.writes: list[bytes] = []
        self.closed = self.aborted = False
        self.reading = True
        self.unsent = 0

    def write(self, data: Any) -> None:
        assert not self.closed
        self.writes.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class FakeClock:
    """The running loop, but for its time and its timers."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[tuple[float, Callable[[], object]]] = []
        self._loop = asyncio.get_running_loop()

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        self.timers.append((self.now + seconds, callback))
        return asyncio.TimerHandle(self.now + seconds, callback, (), self._loop)

    def create_task(self, work: Any) -> asyncio.Task[Any]:
        return self._loop.create_task(work)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and ring what is due meanwhile."""
        ends = self.now + seconds
        while due := [one for one in self.timers if one[0] <= ends]:
            first = min(due, key=lambda one: one[0])
            self.timers.remove(first)
            self.now = first[0]
            first[1]()
        self.now = ends


class RawClient:
    """One client's connection to ``app``."""

    def __init__(
        self, app: Any, *, keep_alive: int = 5, transport: FakeTransport | None = None
    ) -> None:
        config = uvicorn.Config(
            app, log_config=None, server_header=False, timeout_keep_alive=keep_alive
        )
        self.state = ServerState()
        self.clock = FakeClock()
        self.transport = transport or FakeTransport()
        self.connection = Connection(config, self.state, {}, self.clock)  # type: ignore[arg-type]
        self.connection.connection_made(self.transport)

    async def send(self, *pieces: bytes) -> None:
        """Send the pieces, each of which arrives by itself, and let the application work."""
        for piece in pieces:
            self.connection.data_received(piece)
            await settle()

    @property
    def received(self) -> bytes:
        """Everything that was answered."""
        return b"".join(self.transport.writes)

    def answers(self, *methods: str) -> list[tuple[int, dict[str, str], bytes]]:
        """Return what a strict client reads: status, headers and body of each answer."""
        found = []
        rest = self.received
        for method in methods:
            client = h11.Connection(h11.CLIENT)
            head = h11.Request(method=method, target="/", headers=[("host", "x")])
            client.send(head)
            client.send(h11.EndOfMessage())
            client.receive_data(rest)
            if self.transport.closed:
                client.receive_data(b"")
            status, headers, body = 0, {}, b""
            while type(event := client.next_event()) is not h11.EndOfMessage:
                if isinstance(event, h11.Response):
                    status = event.status_code
                    headers = {k.decode(): v.decode() for k, v in event.headers}
                elif isinstance(event, h11.Data):
                    body += bytes(event.data)
                else:
                    assert event is not h11.NEED_DATA, "the answer is not whole"
            found.append((status, headers, body))
            rest = client.trailing_data[0]
        assert rest == b""
        return found


async def settle() -> None:
    """Let everything happen that waits for nothing."""
    for _ in range(10):
        await asyncio.sleep(0)


class Echo:
    """An application that answers with the body it was sent, and remembers the scopes."""

    def __init__(self) -> None:
        self.scopes: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            if not message["more_body"]:
                break
        headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def post(body: bytes, *headers: bytes) -> bytes:
    """Return a whole request with that body."""
    lines = [b"POST /mcp HTTP/1.1", b"Host: mcp.example", b"Content-Length: %d" % len(body)]
    return b"\r\n".join([*lines, *headers]) + b"\r\n\r\n" + body
