"""The real authorization server on a loopback port, and a program that waits for its answer."""

import base64
import contextlib
import hashlib
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlencode

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from doorward.authserver.server import AuthorizationServer
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.settings.lifetimes import Limits
from doorward.authserver.settings.resource import Resource
from tests.net.http_server import listening
from tests.pages.browser import served

PASSWORDS = {"alice": "correct horse", "bob": "battery staple"}
SCOPES = {"mcp:read": "See what the server offers", "mcp:tools": "Use its tools"}


@dataclass
class Program:
    """A client on this computer: it registers, asks, listens, and redeems what it got."""

    issuer: str
    redirect_uri: str
    client_id: str = ""
    answers: list[dict[str, str]] = field(default_factory=list)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def resource(self) -> str:
        """The one resource of the server."""
        return f"{self.issuer}/mcp"

    def register(self, name: str = "Inspector", redirect_uri: str | None = None) -> None:
        """Register under ``name`` as a client that nobody has seen before."""
        self.redirect_uri = redirect_uri or self.redirect_uri
        document = {
            "client_name": name,
            "redirect_uris": [self.redirect_uri],
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "application_type": "native",
        }
        answer = httpx2.post(f"{self.issuer}/register", json=document)
        assert answer.status_code == 201, answer.text
        self.client_id = answer.json()["client_id"]

    def authorize_url(self, **changes: str) -> str:
        """Return an authorization request with a ``state`` and a verifier of its own."""
        self.verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(self.verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": "mcp:read mcp:tools",
            "state": secrets.token_urlsafe(8) + " é&=",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "resource": self.resource,
        }
        return f"{self.issuer}/authorize?{urlencode({**asked, **changes})}"

    def redeem(self, code: str) -> dict[str, object]:
        """Return the answer of the token endpoint to ``code``."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "client_id": self.client_id,
            "code_verifier": self.verifier,
            "resource": self.resource,
        }
        answer: dict[str, object] = httpx2.post(f"{self.issuer}/token", data=form).json()
        return answer


@contextlib.contextmanager
def real_server() -> Iterator[Program]:
    """Run an authorization server with two users, and a program that listens for its answers."""
    sock = listening()
    issuer = f"http://127.0.0.1:{sock.getsockname()[1]}"
    settings = AuthServerSettings(
        issuer=issuer,
        service_name="Harbour",
        resources=(Resource(uri=f"{issuer}/mcp", scopes=SCOPES, name="Harbour tools"),),
        limits=Limits(registrations_per_address="1000/hour"),
    )
    server = AuthorizationServer(settings)

    @contextlib.asynccontextmanager
    async def running() -> AsyncIterator[None]:
        await server.start()
        for name, password in PASSWORDS.items():
            await server.users.add(name, password, scopes=SCOPES)
        yield
        await server.aclose()

    answers: list[dict[str, str]] = []

    async def callback(request: Request) -> Response:
        answers.append(dict(request.query_params))
        return PlainTextResponse("You can close this.")

    async def no_icon(request: Request) -> Response:
        return Response(status_code=204)

    listener = Starlette(routes=[Route("/callback", callback), Route("/favicon.ico", no_icon)])
    with served(server.app, sock, running()), served(listener) as here:
        yield Program(issuer, f"{here}/callback", answers=answers)
