"""Stage hands of step 11: every request is printed as it is answered, its secrets shortened."""

import re
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlsplit

import httpx2

__all__ = ["Hops", "shortened"]

SECRET = frozenset({"code", "state", "code_verifier", "access_token", "refresh_token", "token"})
_OF_INTEREST = re.compile(r'(error|scope|resource_metadata)="([^"]*)"')


def shortened(values: Mapping[str, str]) -> str:
    """Return `values` on one line, with the first six characters of each secret."""
    return "  ".join(
        f"{name}={value[:6]}…" if name in SECRET else f"{name}={value}"
        for name, value in values.items()
    )


class Hops:
    """Numbers and prints what goes over the wire; `say` gets the lines."""

    def __init__(self, say: Callable[[str], object] = print) -> None:
        self._say = say
        self._count = 0

    def note(self, what: str, values: Mapping[str, str]) -> None:
        """Print a hop that the browser makes: this process sees only where it begins and ends."""
        self._hop(what, "")
        self._say(f"      {shortened(values)}")

    async def __call__(self, response: httpx2.Response) -> None:
        """Print one request and the status of its answer; for `event_hooks`."""
        request = response.request
        method = request.headers.get("mcp-method", "")
        name = request.headers.get("mcp-name", "")
        what = " ".join(part for part in (method, name) if part)
        self._hop(f"{request.method} {request.url}", f"→ {response.status_code}", what)
        if request.headers.get("content-type", "").startswith("application/x-www-form"):
            self._say(f"      {shortened(dict(parse_qsl(request.content.decode())))}")
        challenge = _OF_INTEREST.findall(response.headers.get("www-authenticate", ""))
        for key, value in challenge:
            self._say(f"      {key}: {value}")

    def browser(self, url: str) -> None:
        """Print where the browser is sent."""
        place, asked = url.partition("?")[0], dict(parse_qsl(urlsplit(url).query))
        self.note(f"browser → {place}", asked)

    def _hop(self, what: str, status: str, more: str = "") -> None:
        self._count += 1
        parts = (f"{self._count:>3}", what, f"({more})" if more else "", status)
        self._say("  ".join(part for part in parts if part))
