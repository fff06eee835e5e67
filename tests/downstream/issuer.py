"""An issuer on this machine that keeps what it was asked and answers as it is told."""

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.idp.listening import listening

Answering = Callable[[dict[str, str]], tuple[int, Any]]


def granting(form: dict[str, str]) -> tuple[int, Any]:
    """Answer with a token that names what it was asked for."""
    return 200, {
        "access_token": f"token-{form.get('audience', 'x')}-{form.get('scope', '')}".replace(
            " ", "+"
        ),
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": form.get("scope", ""),
    }


@dataclass
class Issuer:
    """One issuer at ``base``: ``answer`` decides, ``forms`` and ``authorizations`` are what came."""

    base: str
    answer: Answering = granting
    headers: dict[str, str] = field(default_factory=dict)
    forms: list[dict[str, str]] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    # Held back until set, where a test wants several to wait at once.
    gate: threading.Event | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    metadata_fetches: int = 0
    keys: dict[str, Any] = field(default_factory=lambda: {"keys": []})

    @property
    def issuer(self) -> str:
        """Its name, with a path as the grown-up ones have."""
        return f"{self.base}/realms/mcp"

    @property
    def token_endpoint(self) -> str:
        """Where it gives tokens."""
        return f"{self.base}/realms/mcp/token"

    def app(self) -> Starlette:
        """Return the application."""
        return Starlette(
            routes=[
                Route("/.well-known/oauth-authorization-server/realms/mcp", self._document),
                Route("/realms/mcp/token", self._token, methods=["POST"]),
                Route("/keys", self._keys),
            ]
        )

    async def _document(self, _request: Request) -> Response:
        self.metadata_fetches += 1
        document = {"issuer": self.issuer, "token_endpoint": self.token_endpoint}
        return JSONResponse({**document, **self.metadata})

    async def _keys(self, _request: Request) -> Response:
        return JSONResponse(self.keys)

    async def _token(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        self.forms.append(form)
        self.authorizations.append(request.headers.get("authorization"))
        if self.gate is not None:
            import asyncio

            await asyncio.to_thread(self.gate.wait, 20)
        status, body = self.answer(form)
        if isinstance(body, bytes):
            return Response(body, status, headers=self.headers)
        return JSONResponse(body, status, headers=self.headers)


@contextmanager
def issuing() -> Iterator[Issuer]:
    """Serve an issuer for as long as the block lasts."""
    made: list[Issuer] = []

    @asynccontextmanager
    async def build(base: str) -> AsyncIterator[Any]:
        made.append(Issuer(base))
        yield made[0].app()

    with listening(build):
        yield made[0]
