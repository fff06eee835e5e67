"""Step 6: `/mcp` requires a token, which says who is calling.

Adds: every request needs an access token in its `Authorization` header. Middleware verifies its
signature, its type, its issuer and its lifetime, and makes the user's context from its claims;
`/me` shows it. A missing, invalid or expired token gets 401, and the response says which.

From the toolkit: `read_public_pem` makes the published key that step 5 made by hand.

Still suffers: genuine tokens for another server. The operator of that server gets tokens from its
users, and can use them here. This server has no name yet, so no token can name it. Step 7 prevents
this.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import jwt
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from doorward import McpServer
from doorward.jose.pem import read_public_pem
from mcp_http.stage import new_app, read_public_key, run
from mcp_http.tools import offer

NEEDED = ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"]


class User(NamedTuple):
    """The user's context: who is calling, and what the token says about them."""

    id: str
    scopes: list[str]
    roles: list[str]


class Unauthorized(Exception):
    """No token came, or none that is good; `error` is what RFC 6750 calls it, if anything."""

    def __init__(self, text: str, error: str | None = "invalid_token") -> None:
        super().__init__(text)
        self.error = error


# The idea of this step: what must be true of a token before the server believes its claims.
def verify(token: str, key: Mapping[str, Any], issuer: str) -> dict[str, Any]:
    """Return the claims of a genuine access token of `issuer`, or raise `Unauthorized`."""
    try:
        header = jwt.get_unverified_header(token)
        if header.get("typ") != "at+jwt" or header.get("kid") != key["kid"]:
            raise Unauthorized("This is not an access token that was signed with our key.")
        # The algorithm is ours to choose. Taken from the token, it may be "none", or HS256 with
        # the public key as the secret, which everyone has.
        return jwt.decode(
            token,
            jwt.PyJWK(dict(key)),
            algorithms=["RS256"],
            issuer=issuer,
            options={"require": NEEDED, "verify_aud": False},
        )
    except jwt.ExpiredSignatureError:
        raise Unauthorized("The access token has expired.") from None
    except jwt.InvalidTokenError:
        raise Unauthorized("The access token is not acceptable here.") from None


def bearer(authorization: str) -> str:
    """Return the token of an `Authorization` header, or raise `Unauthorized`."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        # No error code: a client without a token did nothing wrong, and is told what to bring.
        raise Unauthorized("This server needs an access token.", error=None)
    return token.strip()


def refused(problem: Unauthorized) -> Response:
    """Return the answer to a request without a good token."""
    body = {"error": problem.error or "missing_token", "error_description": str(problem)}
    challenge = f'Bearer error="{problem.error}", error_description="{problem}"'
    headers = {"WWW-Authenticate": challenge if problem.error else "Bearer"}
    return JSONResponse(body, 401, headers=headers)


def create_app(address: str = "http://localhost:9000") -> FastAPI:
    """Step 6: a token is required on /mcp."""
    key = read_public_pem(read_public_key())
    server = McpServer("mcp-step-by-step", version="6.0")
    offer(server)

    web = new_app("MCP step by step: 6", step="6", address=address, mcp=f"{address}/mcp")
    web.include_router(server.router("/mcp"))

    @web.middleware("http")
    async def require_token(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        # What is open is listed, and all the rest asks. In a list of what is guarded, somebody
        # would find the spelling that is missing.
        path = request.scope["path"]
        if path != "/health" and not path.startswith("/.well-known/"):
            try:
                claims = verify(bearer(request.headers.get("authorization", "")), key, address)
            except Unauthorized as problem:
                return refused(problem)
            scopes = str(claims.get("scope", "")).split()
            request.state.user = User(claims["sub"], scopes, claims.get("roles", []))
        return await call_next(request)

    @web.get("/me")
    async def me(request: Request) -> dict[str, Any]:
        user: User = request.state.user
        return user._asdict()

    @web.get("/.well-known/jwks.json")
    async def jwks() -> dict[str, Any]:
        return {"keys": [key]}

    return web


def main() -> None:
    """Serve this step: `uv run step6`."""
    run(create_app)
