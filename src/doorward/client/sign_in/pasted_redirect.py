"""Sign-in with a browser on another machine: the user pastes the redirect URL."""

import re
import secrets
from collections.abc import Callable
from typing import Self

import anyio.to_thread

from doorward.client.refusals import SignInFailed
from doorward.client.sign_in.listener import HOST, PATH
from doorward.errors import BadRequest
from doorward.wire.oauth.parameters import parse_parameters

ReadRedirectUrl = Callable[[], str]
"""Returns a line that the user typed, as ``input`` does."""

_MAX_ATTEMPTS = 3
_LONGEST = 16 * 1024
# The dynamic range: usually no program listens there on the browser's machine.
_PORTS = range(49152, 65536)


class PastedRedirect:
    """
    Reads the authorization response from a URL that the user copies from the address bar.

    The redirect goes to a loopback port without a listener. The browser shows an error page, and
    its address bar has the whole response. Over SSH this needs no forwarded port.

    Spec: RFC 8252 §7.3
    """

    def __init__(self, paste: ReadRedirectUrl, port: int = 0) -> None:
        self._paste = paste
        self.port = port or secrets.choice(_PORTS)

    @property
    def redirect_uri(self) -> str:
        """The redirect URI; nothing listens there."""
        return f"http://{HOST}:{self.port}{PATH}"

    def expect(self, state: str) -> None:
        """Do nothing: the state is checked when the URL is pasted."""

    async def answer(self, state: str, timeout: float) -> dict[str, str]:  # noqa: ASYNC109
        """
        Return the parameters of the response with ``state``; ``timeout`` is in seconds.

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
                "The pasted text is not the redirect URL of this sign-in.",
                f"Start again, and paste the whole URL. It begins with {self.redirect_uri}.",
            )
        raise SignInFailed("timed-out", "No URL was pasted in time.", "Start again.")

    async def _line(self) -> str:
        try:
            return await anyio.to_thread.run_sync(self._paste, abandon_on_cancel=True)
        except (EOFError, UnicodeError):
            # End of input, or not text: the same as a wrong line.
            return ""

    def _read(self, line: str) -> dict[str, str] | None:
        # Terminals wrap long lines, and mark pasted text with escape sequences.
        text = re.sub(r"\x1b\[20[01]~|\s", "", line)[:_LONGEST].strip("'\"")
        # Not urlsplit: it raises for "//[".
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

    async def __aexit__(self, *_error: object) -> None:
        return None
