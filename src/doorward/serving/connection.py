"""One HTTP/1.1 connection with limits: it parses requests and calls the application for each in turn."""

import asyncio
import socket
from collections import deque
from contextlib import suppress
from typing import Any, cast
from urllib.parse import unquote

import httptools
from uvicorn.config import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState

from doorward.serving.request_cycle import RequestCycle
from doorward.serving.request_head import (
    HEAD_TOO_LARGE,
    HeadRefused,
    origin_form,
    refusal_for,
    require_chunked,
    require_version,
)
from doorward.serving.timeouts import Timeouts
from doorward.wire.asgi import Scope

MAX_HEAD_SIZE = 64 * 1024
_CHECK_INTERVAL = 5.0
_MAX_UNREAD_BODY = 64 * 1024
# How much is read of a body whose request is already answered. A lower limit breaks clients that
# send the whole body before they read the response.
MAX_DISCARDED_BODY = 16 * 1024 * 1024

_REFUSAL = (
    b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
    b"connection: close\r\n\r\n%b"
)


class Connection(asyncio.Protocol):
    """
    A client connection with limits, for ``uvicorn.Config(http=Connection)``.

    ```python
    config = uvicorn.Config(app, http=Connection, loop="doorward.serving:new_event_loop")
    ```

    It replaces uvicorn's own protocol class, which limits neither the size of headers nor the time
    that a request or a response takes. There, one client without a token can make the server hold
    gigabytes, and a thousand slow clients occupy every connection. This class also sends head and
    body in one piece. It supports HTTP/1.1 only: no WebSocket, no access log.

    Spec: RFC 9112; RFC 6585 §5; RFC 9110 §15.5.9
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if not config.loaded:
            config.load()
        self._app: Any = config.loaded_app
        self._loop = _loop or asyncio.get_event_loop()
        self._server = server_state
        self._app_state = app_state
        self._root_path = config.root_path
        self._timeouts = Timeouts(self._loop.time, float(config.timeout_keep_alive))
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self.paused = False
        self._writable: asyncio.Event | None = None
        self.is_reading = True
        # The request that the application answers, the requests pipelined behind it, and the one whose
        # body is still arriving.
        self._cycle: RequestCycle | None = None
        self._pipelined: deque[RequestCycle] = deque()
        self._receiving: RequestCycle | None = None
        self._in_head = False
        self._discarded = 0
        self._timer: asyncio.TimerHandle | None = None
        # Of a head or of trailers: the bytes before the current chunk, the size of the chunk, and
        # whether the head began inside it.
        self._size_before = self._chunk_size = 0
        self._began_in_chunk = False

    # Callbacks of asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first request."""
        # uvloop's transports behave like asyncio's but do not inherit from them.
        self._transport = cast(asyncio.Transport, transport)
        self._server.connections.add(cast(Any, self))
        self._client = get_remote_addr(self._transport)
        self._address = get_local_addr(self._transport)
        self._scheme = "https" if is_ssl(self._transport) else "http"
        _set_nodelay(self._transport)
        self._timeouts.begin()
        self._timeouts.received = 1
        self._timer = self._loop.call_later(_CHECK_INTERVAL, self._check_timeouts)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Tell the application that the client is disconnected."""
        self._server.connections.discard(cast(Any, self))
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        for cycle in (self._cycle, *self._pipelined):
            if cycle is not None:
                cycle.disconnected = True
                cycle.wake()
        self._pipelined.clear()
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Parse ``data``; refuse it when it is not a valid request."""
        self._chunk_size = len(data)
        timeouts = self._timeouts
        timeouts.received += len(data)
        if timeouts.since is None and self._cycle is None:
            timeouts.begin()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # No other protocol is supported. The request is answered without the upgrade and is the
            # last one, because what follows is in the other protocol.
            if self._cycle is not None:
                self._cycle.keep_alive = False
            return
        except httptools.HttpParserError as error:
            self._refuse(*refusal_for(error))
            return
        if self._in_head or self._receiving is not None:
            self._limit_lines()

    def _limit_lines(self) -> None:
        # The parser buffers an endless header, in a head or in trailers, and never calls back. The
        # chunk in which a head begins is not counted: it may also contain the end of a body.
        if not self._began_in_chunk:
            self._size_before += self._chunk_size
        self._began_in_chunk = False
        if self._size_before > MAX_HEAD_SIZE:
            self._refuse(*HEAD_TOO_LARGE)

    def pause_writing(self) -> None:
        """Pause the application: the client reads slower than it writes."""
        self.paused = True

    def resume_writing(self) -> None:
        """Let the application write again."""
        self.paused = False
        if self._writable is not None:
            self._writable.set()

    # Callbacks of uvicorn.

    def shutdown(self) -> None:
        """Close the connection after the request in flight."""
        if self._cycle is None:
            self.close()
        else:
            self._cycle.keep_alive = False

    # Callbacks of the parser.

    def on_message_begin(self) -> None:
        """Start a new request."""
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._in_head = True
        self._reset_count()

    def on_url(self, url: bytes) -> None:
        """Append a part of the request target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Append a header; ignore trailers."""
        if self._in_head:
            name = name.lower()
            if name == b"transfer-encoding":
                require_chunked(value)
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Call the application, or queue the request behind the one before it."""
        # Sizes are added up only where the bytes received exceed the limit, which is rare.
        if (
            self._size_before + self._chunk_size > MAX_HEAD_SIZE
            and self._head_size() > MAX_HEAD_SIZE
        ):
            raise HeadRefused(HEAD_TOO_LARGE)
        self._in_head = False
        self._reset_count()
        version = self._parser.get_http_version()
        require_version(version)
        keep_alive = version == "1.1" and self._parser.should_keep_alive()
        cycle = RequestCycle(self, self._scope(version), keep_alive)
        self._receiving = cycle
        if self._cycle is None:
            self._begin(cycle)
        else:
            self._pipelined.append(cycle)
            self._stop_reading()

    def on_body(self, body: bytes) -> None:
        """Pass on a part of the body; stop reading while the application does not ask for it."""
        self._reset_count()
        if self._receiving is not None:
            self._receiving.feed(body)
            if self._receiving.complete:
                self._discard(len(body))
            elif self._receiving.unread > _MAX_UNREAD_BODY:
                self._stop_reading()

    def on_message_complete(self) -> None:
        """Mark the request as complete."""
        if self._receiving is not None:
            self._receiving.end()
        self._receiving = None
        self._discarded = self._timeouts.received = 0
        if self._cycle is None:
            self._timeouts.begin()
        else:
            self._timeouts.since = None

    # Calls of the current request cycle.

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers that uvicorn adds to every response."""
        return self._server.default_headers

    def write(self, data: bytes) -> None:
        """Send ``data`` unless the client is disconnected."""
        if self._transport is not None:
            self._timeouts.written += len(data)
            self._transport.write(data)

    async def drained(self) -> None:
        """Wait until the write buffer is below its limit."""
        if self._writable is None:
            self._writable = asyncio.Event()
        self._writable.clear()
        if self.paused:
            await self._writable.wait()

    def resume_reading(self) -> None:
        """Read from the client again, unless a pipelined request is waiting."""
        if not self.is_reading and not self._pipelined and self._transport is not None:
            self.is_reading = True
            self._transport.resume_reading()

    def response_complete(self, cycle: RequestCycle) -> None:
        """Start the next pipelined request, or wait for one."""
        self._server.total_requests += 1
        self._cycle = None
        if not cycle.keep_alive:
            self.close()
        elif self._pipelined:
            self._begin(self._pipelined.popleft())
            self.resume_reading()
        else:
            # The rest of an unread body has the same time limits as a request.
            self._timeouts.begin()
            if not self.is_reading:
                self.resume_reading()

    def task_done(self, cycle: RequestCycle) -> None:
        """Remove the finished task of ``cycle``."""
        if cycle.task is not None:
            self._server.tasks.discard(cycle.task)

    def close(self) -> None:
        """Close the connection after the write buffer is sent."""
        if self._transport is not None:
            self._transport.close()

    # Internals.

    def _begin(self, cycle: RequestCycle) -> None:
        self._cycle = cycle
        cycle.task = self._loop.create_task(cycle.run(self._app))
        self._server.tasks.add(cycle.task)

    def _scope(self, version: str) -> Scope:
        target = self._url
        if not target.startswith(b"/") or b"#" in target:
            target = origin_form(target, self._headers)
        raw_path, _, query = target.partition(b"?")
        path = raw_path.decode("ascii")
        root = self._root_path
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": version,
            "method": self._parser.get_method().decode("ascii"),
            "scheme": self._scheme,
            "path": root + (unquote(path) if "%" in path else path),
            "raw_path": root.encode("ascii") + raw_path,
            "query_string": query,
            "root_path": root,
            "headers": self._headers,
            "client": self._client,
            "server": self._address,
            "state": self._app_state.copy(),
        }

    def _reset_count(self) -> None:
        self._size_before = 0
        self._began_in_chunk = True

    def _head_size(self) -> int:
        return len(self._url) + sum(len(name) + len(value) for name, value in self._headers)

    def _discard(self, length: int) -> None:
        self._discarded += length
        if self._discarded > MAX_DISCARDED_BODY:
            self.close()

    def _stop_reading(self) -> None:
        if self.is_reading and self._transport is not None:
            self.is_reading = False
            self._transport.pause_reading()

    def _check_timeouts(self) -> None:
        """Close the connection when a time limit is exceeded."""
        transport = self._transport
        if transport is None:
            return
        self._timer = self._loop.call_later(_CHECK_INTERVAL, self._check_timeouts)
        if self._timeouts.is_stalled(transport.get_write_buffer_size()):
            # close() would wait for the client to read the buffer.
            transport.abort()
        elif self._timeouts.is_over() and not transport.is_closing():
            self._time_out()

    def _time_out(self) -> None:
        if self._timeouts.received and self._cycle is None and self._receiving is None:
            self._refuse(b"408 Request Timeout", b"The request took too long to arrive")
        else:
            self.close()

    def _refuse(self, status: bytes, message: bytes) -> None:
        body = b'{"error":"%b"}' % message
        # Inside a response that has begun, the client would take the refusal for a part of it.
        if self._cycle is None:
            self.write(_REFUSAL % (status, len(body), body))
        self.close()


def _set_nodelay(transport: asyncio.Transport) -> None:
    """
    Set TCP_NODELAY, so that the kernel sends each write at once.

    asyncio sets it only when the listening socket names its protocol. Sockets that people bind
    themselves do not, nor do uvicorn's with ``--workers``. Each event of a stream would then wait
    40 ms for the acknowledgement of the event before.
    """
    end = transport.get_extra_info("socket")
    if end is not None and end.family in (socket.AF_INET, socket.AF_INET6):
        # macOS raises when the client is disconnected already; asyncio reports that next.
        with suppress(OSError):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
