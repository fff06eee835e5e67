"""The loopback listener that receives the authorization response."""

import asyncio
import hmac
import os
from typing import Self

from doorward.client.refusals import SignInFailed
from doorward.client.sign_in.callback_page import page, page_for
from doorward.errors import BadRequest
from doorward.wire.oauth.parameters import parse_parameters

HOST = "127.0.0.1"
PATH = "/callback"
_MAX_REQUEST = 16 * 1024
_READ_TIMEOUT = 5.0
_MAX_CONNECTIONS = 32


class Listener:
    """
    Waits on a loopback port for one authorization response.

    ```python
    async with await Listener.open() as listener:
        redirect_uri = listener.redirect_uri
        answer = await listener.answer(state, timeout=300)
    ```

    Accepts ``GET /callback`` with the expected state, once. Everything else gets a 404, so a page
    that scans local ports learns nothing and cannot end the wait. The Host header must match,
    against DNS rebinding. Closes the oldest of more than ``_MAX_CONNECTIONS`` connections: idle
    connections could otherwise use up all file descriptors.

    Spec: RFC 8252 §7.3, §8.3
    """

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._expected: str | None = None
        self._answer: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
        # In the order in which they came.
        self._open: dict[asyncio.StreamWriter, None] = {}
        self.port = 0

    @classmethod
    async def open(cls, preferred_port: int = 0, *, exact: bool = False) -> "Listener":
        """
        Return a listener on ``preferred_port`` if it is free, else on any free port.

        The registered redirect URI has the port of the first sign-in, and many servers compare it.
        With ``exact``, another port is no substitute: the user registered this one.

        Raises:
            SignInFailed: with reason ``redirect-port-unusable``, with ``exact``.
        """
        listener = cls()
        try:
            await listener._bind(preferred_port)
        except OSError as error:
            if exact:
                raise SignInFailed(
                    "redirect-port-unusable",
                    f"Cannot listen on port {preferred_port} of {HOST}: {os.strerror(error.errno or 0)}.",
                    "Stop the program that uses it, or register another redirect URI and give its port "
                    "with --port.",
                ) from None
            await listener._bind(0)
        return listener

    async def _bind(self, port: int) -> None:
        self._server = await asyncio.start_server(self._serve, HOST, port, limit=_MAX_REQUEST)
        self.port = self._server.sockets[0].getsockname()[1]

    @property
    def redirect_uri(self) -> str:
        """The redirect URI of this listener."""
        return f"http://{HOST}:{self.port}{PATH}"

    def expect(self, state: str) -> None:
        """Accept the response with ``state`` from now on; call it before the browser opens."""
        self._expected = state

    async def answer(self, state: str, timeout: float) -> dict[str, str]:  # noqa: ASYNC109
        """
        Return the parameters of the response with ``state``; ``timeout`` is in seconds.

        Raises:
            SignInFailed: with reason ``timed-out``.
        """
        self.expect(state)
        try:
            async with asyncio.timeout(timeout):
                return await self._answer
        except TimeoutError:
            raise SignInFailed(
                "timed-out",
                "The browser did not return in time.",
                "Start again, and finish the sign-in on the page that opens. If the browser is on another "
                "machine, use --paste.",
            ) from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            # Browsers open idle connections in advance; do not wait for them.
            for writer in self._open:
                writer.close()
            await self._server.wait_closed()
        if not self._answer.done():
            self._answer.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open[writer] = None
        if len(self._open) > _MAX_CONNECTIONS:
            self._close(next(iter(self._open)))
        try:
            async with asyncio.timeout(_READ_TIMEOUT):
                head = await reader.readuntil(b"\r\n\r\n")
            writer.write(self._respond(head))
            await writer.drain()
        except (
            TimeoutError,
            OSError,
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
        ):
            pass
        finally:
            self._close(writer)

    def _close(self, writer: asyncio.StreamWriter) -> None:
        self._open.pop(writer, None)
        writer.close()

    def _respond(self, head: bytes) -> bytes:
        try:
            lines = head.decode("ascii").split("\r\n")
            method, target, _ = lines[0].split(" ")
        except ValueError:
            return page(400, "Bad request", "This is not a valid HTTP request.")
        if _host_of(lines[1:]) != f"{HOST}:{self.port}":
            return page(404, "Page not found", "There is no page at this address.")
        if method != "GET":
            return page(405, "Method not allowed", "This address accepts only GET.")
        answer = self._take(target)
        if answer is None:
            return page(404, "Page not found", "There is no page at this address.")
        return page_for(answer)

    def _take(self, target: str) -> dict[str, str] | None:
        # Not urlsplit: it raises for "//[", which an attacker can send.
        path, _, query = target.partition("?")
        if path != PATH or self._expected is None or self._answer.done():
            return None
        try:
            parameters = parse_parameters(query.encode("ascii"))
        except BadRequest:
            return None
        state = parameters.one("state") or ""
        if not hmac.compare_digest(state.encode(), self._expected.encode()):
            return None
        answer = {name: values[0] for name, values in parameters.items()}
        self._answer.set_result(answer)
        return answer


def _host_of(lines: list[str]) -> str | None:
    hosts = [
        value.strip()
        for name, _, value in (line.partition(":") for line in lines)
        if name.lower() == "host"
    ]
    return hosts[0] if len(hosts) == 1 else None
