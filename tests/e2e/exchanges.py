"""What a client really sent and got, without a token, a code or a secret in it."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

SHOWN_PARAMETERS = ("grant_type", "resource", "scope")


@dataclass(frozen=True)
class Exchange:
    """One request and how it was answered. ``form`` holds only parameters that are no secrets."""

    method: str
    path: str
    status: int
    challenge: str | None
    form: dict[str, str]
    has_token: bool


@dataclass
class Exchanges:
    """Every exchange of one HTTP client, in order; plugs into ``event_hooks``."""

    seen: list[Exchange] = field(default_factory=list)

    async def note(self, response: httpx2.Response) -> None:
        """Take down one answered request."""
        request = response.request
        self.seen.append(
            Exchange(
                method=request.method,
                path=urlsplit(str(request.url)).path,
                status=response.status_code,
                challenge=response.headers.get("www-authenticate"),
                form=_shown(request),
                has_token="authorization" in request.headers,
            )
        )

    def grants(self) -> list[str]:
        """Return the grant types of the token requests that were answered with 200, in order."""
        return [
            one.form["grant_type"]
            for one in self.seen
            if one.status == 200 and "grant_type" in one.form
        ]

    def as_json(self) -> list[dict[str, Any]]:
        """Return what can be printed as JSON."""
        return [vars(one) for one in self.seen]


def _shown(request: httpx2.Request) -> dict[str, str]:
    if "form-urlencoded" not in request.headers.get("content-type", ""):
        return {}
    sent = parse_qs(request.content.decode())
    return {name: sent[name][0] for name in SHOWN_PARAMETERS if name in sent}
