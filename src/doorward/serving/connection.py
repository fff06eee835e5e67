"""One connection: HTTP/1.1 in, one call of the application after another, with bounds on both."""

import asyncio
import socket
from collections import deque
from contextlib import suppress
from typing import Any, cast
from urllib.parse import unquote

import httptools
from starlette.types import Scope
from uvicorn.config import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState

from doorward.serving.request_cycle import RequestCycle
from doorward.serving.request_head import (
    HEAD_TOO_LONG,
    HeadRefused,
    answer_to,
    origin_form,
    require_chunked,
    require_version,
)
from doorward.serving.timeouts import Timeouts

LONGEST_HEAD = 64 * 1024
_LOOKS_EVERY = 5.0
_MOST_UNREAD = 64 * 1024
# Of a body that is still coming when its request has been answered. Less would cut clients off that
# send all of it before they read the answer.
MOST_IGNORED = 16 * 1024 * 1024

_REFUSAL = (
    b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
    b"connection: close\r\n\r\n%b"
)


class Connection(asyncio.Protocol):
    """
    One client's connection to an application that uvicorn runs: ``uvicorn.Config(http=Connection)``.

    In place of uvicorn's own, which keeps whatever headers somebody cares to send and waits for
    ever for a request to end, and for its answer to be taken: one client without a token could have
    it hold gigabytes, and a thousand slow ones every connection there is. It also sends head and
    body apart, and sets a timer for each request. HTTP/1.1 alone: no WebSocket, no access log.

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
        self.reads = True
        # The request that is answered, those that came behind it, and the one that still arrives.
        self._cycle: RequestCycle | None = None
        self._behind: deque[RequestCycle] = deque()
        self._arriving: RequestCycle | None = None
        self._head_is_open = False
        self._ignored = 0
        self._timer: asyncio.TimerHandle | None = None
        # Of a head, or of lines around a body: what came before the piece at hand, that piece, and
        # whether they began in there.
        self._before = self._piece = 0
        self._began_here = False

    # What asyncio tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        # uvloop's transports do what asyncio's do without being of their class.
        self._transport = cast(asyncio.Transport, transport)
        self._server.connections.add(cast(Any, self))
        self._client = get_remote_addr(self._transport)
        self._address = get_local_addr(self._transport)
        self._scheme = "https" if is_ssl(self._transport) else "http"
        _send_at_once(self._transport)
        self._timeouts.begin()
        self._timeouts.came = 1
        self._timer = self._loop.call_later(_LOOKS_EVERY, self._look)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Tell the application that nobody reads any more."""
        self._server.connections.discard(cast(Any, self))
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        for cycle in (self._cycle, *self._behind):
            if cycle is not None:
                cycle.gone = True
                cycle.tell()
        self._behind.clear()
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Take bytes from the line; end the connection where they are no request."""
        self._piece = len(data)
        timeouts = self._timeouts
        timeouts.came += len(data)
        if timeouts.since is None and self._cycle is None:
            timeouts.begin()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Nobody here speaks anything else. The request is answered as what it is without that,
            # and is the last one: what follows is in the other protocol.
            if self._cycle is not None:
                self._cycle.stays = False
            return
        except httptools.HttpParserError as error:
            self._refuse(*answer_to(error))
            return
        if self._head_is_open or self._arriving is not None:
            self._bound_lines()

    def _bound_lines(self) -> None:
        # A single endless header never comes to its callback, be it in a head or in the trailers of a
        # body, which the parser keeps until it ends. In the piece in which lines begin, there may
        # also be the end of another request, or of a body.
        if not self._began_here:
            self._before += self._piece
        self._began_here = False
        if self._before > LONGEST_HEAD:
            self._refuse(*HEAD_TOO_LONG)

    def pause_writing(self) -> None:
        """Take note that the client reads slower than the application writes."""
        self.paused = True

    def resume_writing(self) -> None:
        """Let the application write on."""
        self.paused = False
        if self._writable is not None:
            self._writable.set()

    # What uvicorn tells.

    def shutdown(self) -> None:
        """Close, as soon as no request is under way."""
        if self._cycle is None:
            self.break_off()
        else:
            self._cycle.stays = False

    # What the parser tells.

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_is_open = True
        self._count_anew()

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what follows a body is nobody's."""
        if self._head_is_open:
            name = name.lower()
            if name == b"transfer-encoding":
                require_chunked(value)
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Call the application, or let the request wait for the one before it."""
        # One by one only where they could be too many: all that came is as short, as a rule.
        if self._before + self._piece > LONGEST_HEAD and self._size_of_head() > LONGEST_HEAD:
            raise HeadRefused(HEAD_TOO_LONG)
        self._head_is_open = False
        self._count_anew()
        version = self._parser.get_http_version()
        require_version(version)
        stays = version == "1.1" and self._parser.should_keep_alive()
        cycle = RequestCycle(self, self._scope(version), stays)
        self._arriving = cycle
        if self._cycle is None:
            self._begin(cycle)
        else:
            self._behind.append(cycle)
            self._stop_reading()

    def on_body(self, body: bytes) -> None:
        """Hand on a piece of the body, and take no more while nobody asks for it."""
        self._count_anew()
        if self._arriving is not None:
            self._arriving.feed(body)
            if self._arriving.complete:
                self._ignore(len(body))
            elif self._arriving.unread > _MOST_UNREAD:
                self._stop_reading()

    def on_message_complete(self) -> None:
        """Take note that the request is whole."""
        if self._arriving is not None:
            self._arriving.end()
        self._arriving = None
        self._ignored = self._timeouts.came = 0
        if self._cycle is None:
            self._timeouts.begin()
        else:
            self._timeouts.since = None

    # What the turn under way asks for.

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers that uvicorn puts into every answer."""
        return self._server.default_headers

    def write(self, data: bytes) -> None:
        """Send ``data``, where somebody still reads."""
        if self._transport is not None:
            self._timeouts.written += len(data)
            self._transport.write(data)

    async def drained(self) -> None:
        """Wait until the client has taken enough of what was written."""
        if self._writable is None:
            self._writable = asyncio.Event()
        self._writable.clear()
        if self.paused:
            await self._writable.wait()

    def go_on_reading(self) -> None:
        """Take more from the client, where that was stopped and nothing waits already."""
        if not self.reads and not self._behind and self._transport is not None:
            self.reads = True
            self._transport.resume_reading()

    def answered(self, cycle: RequestCycle) -> None:
        """Serve the request behind this one, or wait for the next."""
        self._server.total_requests += 1
        self._cycle = None
        if not cycle.stays:
            self.break_off()
        elif self._behind:
            self._begin(self._behind.popleft())
            self.go_on_reading()
        else:
            # What is left of a body that nobody wanted comes under the same limits as a request.
            self._timeouts.begin()
            if not self.reads:
                self.go_on_reading()

    def over(self, cycle: RequestCycle) -> None:
        """Forget the application's work on ``turn``."""
        if cycle.task is not None:
            self._server.tasks.discard(cycle.task)

    def break_off(self) -> None:
        """Close, once what was written has left."""
        if self._transport is not None:
            self._transport.close()

    # The connection's own.

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

    def _count_anew(self) -> None:
        self._before = 0
        self._began_here = True

    def _size_of_head(self) -> int:
        return len(self._url) + sum(len(name) + len(value) for name, value in self._headers)

    def _ignore(self, length: int) -> None:
        self._ignored += length
        if self._ignored > MOST_IGNORED:
            self.break_off()

    def _stop_reading(self) -> None:
        if self.reads and self._transport is not None:
            self.reads = False
            self._transport.pause_reading()

    def _look(self) -> None:
        """Close what has been waited for long enough."""
        transport = self._transport
        if transport is None:
            return
        self._timer = self._loop.call_later(_LOOKS_EVERY, self._look)
        if self._timeouts.stands_still(transport.get_write_buffer_size()):
            # To close would be to wait for what nobody takes.
            transport.abort()
        elif self._timeouts.is_over() and not transport.is_closing():
            self._give_up()

    def _give_up(self) -> None:
        if self._timeouts.came and self._cycle is None and self._arriving is None:
            self._refuse(b"408 Request Timeout", b"The request took too long to arrive")
        else:
            self.break_off()

    def _refuse(self, status: bytes, said: bytes) -> None:
        body = b'{"error":"%b"}' % said
        # Between two parts of an answer, nobody could tell it from the answer.
        if self._cycle is None:
            self.write(_REFUSAL % (status, len(body), body))
        self.break_off()


def _send_at_once(transport: asyncio.Transport) -> None:
    """
    Let the kernel send every piece when it is written, though the last one is not yet acknowledged.

    asyncio asks for that only where a listening socket names its protocol. Those that people bind
    themselves do not, nor do uvicorn's with ``--workers``: each event of a stream then waits for
    the client's acknowledgement of the one before, which comes 40 ms late.
    """
    end = transport.get_extra_info("socket")
    if end is not None and end.family in (socket.AF_INET, socket.AF_INET6):
        # macOS refuses it where the client is gone already, which asyncio is about to tell.
        with suppress(OSError):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
