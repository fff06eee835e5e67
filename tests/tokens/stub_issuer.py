"""An issuer of opaque tokens: its HTTP responses, and every request that it got."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from doorward.net import Fetcher, FetchFailed, FetchRequest, FetchResponse
from doorward.tokens import Introspection, OpaqueIssuer

ISSUER = "https://opaque.example"
RESOURCE = "https://mcp.example/mcp"
ENDPOINT = "https://opaque.example/introspect"
NOW = 1_800_000_000.0
TOKEN = b"opaque-token-of-alice"


def lookup(**changes: Any) -> Introspection:
    """Return a way to ask, with credentials."""
    given = {"client_id": "mcp-server", "client_secret": "s3cret", "endpoint": ENDPOINT}
    return Introspection(**{**given, **changes})


def opaque(**changes: Any) -> OpaqueIssuer:
    """Return the issuer, with introspection of its tokens for our resource."""
    given: dict[str, Any] = {"issuer": ISSUER, "lookup": lookup(), "audience": RESOURCE}
    return OpaqueIssuer(**{**given, **changes})


def active(**changes: Any) -> dict[str, Any]:
    """Return what the issuer says of a good token, changed; ``...`` leaves a member out."""
    good = {
        "active": True,
        "token_type": "Bearer",
        "iss": ISSUER,
        "sub": "alice",
        "aud": RESOURCE,
        "client_id": "client-1",
        "scope": "mcp:read mcp:tools",
        "iat": NOW - 10,
        "exp": NOW + 600,
        "username": "Alice",
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not ...}


def answer(
    body: Any, status: int = 200, media_type: str = "application/json", **headers: str
) -> FetchResponse:
    """Return an HTTP answer; bytes are taken as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return FetchResponse(status, {"content-type": media_type, **named}, content, None)


class StubIssuer(Fetcher):
    """Answers with ``says``, and records every request as (URL, request)."""

    def __init__(self, says: Callable[[str], FetchResponse | FetchFailed] | None = None) -> None:
        super().__init__()
        self.says = says or (lambda _url: answer(active()))
        self.requests: list[tuple[str, FetchRequest]] = []

    async def send(self, url: str, question: FetchRequest, *, limit: int = 0) -> FetchResponse:
        """Answer a question."""
        self.requests.append((url, question))
        return self._said(url)

    async def fetch(self, url: str, *, accept: str = "", limit: int = 0) -> FetchResponse:
        """Answer a GET, and only with 200."""
        self.requests.append((url, FetchRequest(accept=accept)))
        said = self._said(url)
        if said.status != 200:
            raise FetchFailed(f"answered {said.status}")
        return said

    def _said(self, url: str) -> FetchResponse:
        said = self.says(url)
        if isinstance(said, FetchFailed):
            raise said
        return said

    def form(self, number: int = -1) -> dict[str, str]:
        """Return the form of a question."""
        body = self.requests[number][1].body.decode()
        return {name: values[0] for name, values in parse_qs(body).items()}
