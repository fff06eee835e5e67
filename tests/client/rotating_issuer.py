"""An issuer that rotates refresh tokens strictly, and an MCP server, on a real loopback port."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


class Rotating:
    """
    Knows one refresh token at a time. Whoever shows an older one is a thief, and everybody is out.

    ``refreshes`` counts those that were served, ``thefts`` those that were not. Access tokens live
    for ``lifetime`` seconds by their own word; this server takes the newest alone.
    """

    def __init__(self, lifetime: int = 1) -> None:
        self.refresh, self.access = "refresh-0", "access-0"
        self.refreshes = self.thefts = self.served = 0
        self.lifetime = lifetime
        self.url = ""

    @property
    def app(self) -> Starlette:
        """The application."""
        return Starlette(
            routes=[
                Route("/.well-known/oauth-authorization-server", self._metadata),
                Route("/.well-known/oauth-protected-resource/mcp", self._resource),
                Route("/token", self._token, methods=["POST"]),
                Route("/mcp", self._mcp, methods=["POST"]),
            ]
        )

    def _metadata(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "code_challenge_methods_supported": ["S256"],
            }
        )

    def _resource(self, _: Request) -> Response:
        return JSONResponse({"resource": f"{self.url}/mcp", "authorization_servers": [self.url]})

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        if form["refresh_token"] != self.refresh:
            self.thefts += 1
            self.refresh = "none-any-more"
            return JSONResponse({"error": "invalid_grant"}, 400)
        self.refreshes += 1
        self.refresh, self.access = f"refresh-{self.refreshes}", f"access-{self.refreshes}"
        return JSONResponse(
            {
                "access_token": self.access,
                "refresh_token": self.refresh,
                "token_type": "Bearer",
                "expires_in": self.lifetime,
            }
        )

    async def _mcp(self, request: Request) -> Response:
        if not request.headers.get("authorization", "").startswith("Bearer access-"):
            return Response(status_code=401)
        message = await request.json()
        self.served += 1
        return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "result": {"tools": []}})


@contextmanager
def rotating(lifetime: int = 1) -> Iterator[Rotating]:
    """Serve one on a port of its own, in a thread of its own."""
    fake_issuer = Rotating(lifetime)
    server = uvicorn.Server(
        uvicorn.Config(fake_issuer.app, host="127.0.0.1", port=0, log_config=None, loop="asyncio")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    fake_issuer.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield fake_issuer
    server.should_exit = True
    thread.join(10)
