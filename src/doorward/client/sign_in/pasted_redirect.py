"""Signing in where the browser is on another machine: its last address is pasted back."""

import re
import secrets
from collections.abc import Callable
from types import TracebackType
from typing import Self

import anyio.to_thread

from doorward.client.refusals import SignInFailed
from doorward.client.sign_in.listener import HOST, PATH
from doorward.errors import BadRequest
from doorward.wire.oauth.parameters import parse_parameters

ReadRedirectUrl = Callable[[], str]
"""Returns one line of the user's, as ``input`` does."""

_MAX_ATTEMPTS = 3
_LONGEST = 16 * 1024
# The dynamic range: nobody is meant to listen there on the machine where the browser is.
_PORTS = range(49152, 65536)


class PastedRedirect:
    """
    Takes the authorization response from a line that the user copies out of the address bar.

    The browser is sent to a loopback address where nobody listens, so it shows that it found
    nothing, and its address bar holds the whole answer. Over SSH this needs no port to be forwarded.

    Spec: RFC 8252 §7.3
    """

    def __init__(self, paste: ReadRedirectUrl, port: int = 0) -> None:
        self._paste = paste
        self.port = port or secrets.choice(_PORTS)

    @property
    def redirect_uri(self) -> str:
        """Where the browser is sent, and finds nobody."""
        return f"http://{HOST}:{self.port}{PATH}"

    def expect(self, state: str) -> None:
        """Do nothing: what is pasted is looked at when it is there."""

    async def answer(self, state: str, timeout: float) -> dict[str, str]:  # noqa: ASYNC109
        """
        Return the parameters of the response that carries ``state``; ``timeout`` is in seconds.

        Raises:
            SignInFailed: with reason ``timed-out`` or ``nothing-pasted``.
        """
        with anyio.move_on_after(timeout):
            for _ in range(_MAX_ATTEMPTS):
                found = self._read(await self._line())
                if found is not None and secrets.compare_digest(
                    found.get("state", "").encode(), state.encode()
                ):
                    return found
            raise SignInFailed(
                "nothing-pasted",
                "What was pasted is not the address that this sign-in ends at.",
                f"Copy the whole address, which begins with {self.redirect_uri}, and start again.",
            )
        raise SignInFailed("timed-out", "Nothing was pasted in time.", "Start again.")

    async def _line(self) -> str:
        try:
            return await anyio.to_thread.run_sync(self._paste, abandon_on_cancel=True)
        except (EOFError, UnicodeError):
            # The input ended, or is not text: as good as a line that is no address.
            return ""

    def _read(self, line: str) -> dict[str, str] | None:
        # Terminals break long lines and mark where a paste begins and ends.
        text = re.sub(r"\x1b\[20[01]~|\s", "", line)[:_LONGEST].strip("'\"")
        # Cut by hand: a URL parser raises for "//[", which this address never holds.
        place, _, query = text.partition("#")[0].partition("?")
        if place != self.redirect_uri:
            return None
        try:
            parameters = parse_parameters(query.encode("ascii"))
        except (BadRequest, UnicodeError):
            return None
        return {name: values[0] for name, values in parameters.items()}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None
