"""Step 7: the server has a name, and accepts only tokens for it.

Adds: `/.well-known/oauth-protected-resource` (RFC 9728, at the root and with the path of the
server) names the server and its issuer. `/.well-known/oauth-authorization-server` (RFC 8414)
describes that issuer. Each 401 has the address of the first; `/health` and the server's responses
have it too. The server's name is its address, and the audience of its tokens (RFC 8707).

From the toolkit: `Verifier`. It checks what step 6 checked by hand, and that the token is for this
server.

Still suffers: one valid token does everything. A token without any scope can call every tool.
Step 8 prevents this.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from doorward import Identity, McpServer, RequestRefused, TrustedIssuer
from doorward.guard.http.bearer import read_bearer
from doorward.guard.http.request_headers import read_headers
from doorward.jose.pem import read_public_pem
from doorward.tokens import LocalKeys, Verifier
from mcp_http.stage import SCOPES, new_app, read_public_key, run
from mcp_http.tools import offer


# The idea of this step: two documents, and a challenge that leads to the first of them.
def resource_metadata(resource: str, issuer: str) -> dict[str, Any]:
    """Return what a protected resource says of itself. Spec: RFC 9728 §2."""
    return {
        "resource": resource,
        "authorization_servers": [issuer],
        "bearer_methods_supported": ["header"],
        "scopes_supported": list(SCOPES),
    }


def issuer_metadata(issuer: str) -> dict[str, Any]:
    """Return what the issuer says of itself. Spec: RFC 8414 §2."""
    return {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "scopes_supported": list(SCOPES),
        # Empty, and said so: left out, they would mean "code" and "implicit", and nobody can sign
        # in here. Tokens come from generate_token.py until step 10 brings a real issuer.
        "response_types_supported": [],
        "grant_types_supported": [],
    }


def challenge(refusal: RequestRefused, metadata_url: str) -> str:
    """Return what a client without a good token is told to do next. Spec: RFC 9728 §5.1."""
    said = [f'resource_metadata="{metadata_url}"']
    if refusal.wire_error is not None:
        said = [
            f'error="{refusal.wire_error}"',
            f'error_description="{refusal.description}"',
            *said,
        ]
    return f"Bearer {', '.join(said)}"


def create_app(address: str = "http://localhost:9000") -> FastAPI:
    """Step 7: only tokens for this server, and metadata that says which those are."""
    keys = {"keys": [read_public_pem(read_public_key())]}
    resource, metadata_url = f"{address}/mcp", f"{address}/.well-known/oauth-protected-resource/mcp"
    issuer = TrustedIssuer(
        issuer=address, audience=resource, algorithms=("RS256",), keys=LocalKeys(lambda: keys)
    )
    verifier = Verifier([issuer])
    oauth = {"resource": resource, "resource_metadata": metadata_url, "issuer": address}
    server = McpServer("mcp-step-by-step", version="7.0", meta={"mcp-step-by-step/oauth": oauth})
    offer(server)

    web = new_app("MCP step by step: 7", step="7", address=address, oauth=oauth)
    web.include_router(server.router("/mcp"))

    @web.middleware("http")
    async def require_token(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        path = request.scope["path"]
        if path != "/health" and not path.startswith("/.well-known/"):
            try:
                sent = read_headers(request.scope["headers"])
                token = read_bearer(sent, request.scope["query_string"])
                request.state.user = await verifier.verify(token)
            except RequestRefused as refusal:
                said = {"error": refusal.code, "error_description": refusal.description}
                headers = {"WWW-Authenticate": challenge(refusal, metadata_url)}
                return JSONResponse(said, refusal.status, headers=headers)
        return await call_next(request)

    @web.get("/me")
    async def me(request: Request) -> dict[str, Any]:
        user: Identity = request.state.user
        return {"id": user.subject, "scopes": sorted(user.scopes), "roles": sorted(user.roles)}

    about = resource_metadata(resource, address)
    documents = {
        "jwks.json": keys,
        "oauth-protected-resource": about,
        "oauth-protected-resource/mcp": about,
        "oauth-authorization-server": issuer_metadata(address),
    }

    @web.get("/.well-known/{name:path}")
    async def well_known(name: str) -> Response:
        # A client looks in several places, and must be able to read that there is nothing.
        found = documents.get(name)
        return JSONResponse(found or {"error": "not_found"}, 200 if found else 404)

    return web


def main() -> None:
    """Serve this step: `uv run step7`."""
    run(create_app)
