"""An issuer on a real socket, whose tokens the examples trust."""

import threading
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from doorward.testing import TokenMint

RESOURCE = "http://localhost:8000/mcp"


@pytest.fixture(scope="module")
def issuer() -> Iterator[TokenMint]:
    """Serve an issuer's metadata and keys, as an identity provider would."""
    mint = TokenMint(audience=RESOURCE, algorithm="RS256")

    def metadata(_request: Request) -> JSONResponse:
        return JSONResponse(
            {
                "issuer": mint.issuer,
                "authorization_endpoint": f"{mint.issuer}/authorize",
                "token_endpoint": f"{mint.issuer}/token",
                "jwks_uri": f"{mint.issuer}/keys",
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    def keys(_request: Request) -> JSONResponse:
        return JSONResponse(mint.jwks())

    app = Starlette(
        routes=[Route("/.well-known/oauth-authorization-server", metadata), Route("/keys", keys)]
    )
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, loop="asyncio")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    mint.issuer = f"http://127.0.0.1:{port}"
    yield mint
    server.should_exit = True
    thread.join(10)
