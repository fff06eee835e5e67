"""FastMCP with the verifier that it brings."""

from typing import Any

from fastmcp import FastMCP
from fastmcp.server.auth import RemoteAuthProvider
from fastmcp.server.auth.providers.jwt import JWTVerifier
from pydantic import AnyHttpUrl

from benchmarks.scene import ISSUER, RESOURCE, SCOPE


def build(keys_url: str) -> Any:
    """Return FastMCP's application in its quickest setting: async tool, JSON answers."""
    verifier = JWTVerifier(
        jwks_uri=keys_url,
        issuer=ISSUER,
        audience=RESOURCE,
        algorithm="RS256",
        required_scopes=[SCOPE],
    )
    auth = RemoteAuthProvider(
        token_verifier=verifier,
        authorization_servers=[AnyHttpUrl(ISSUER)],
        base_url=RESOURCE.removesuffix("/mcp"),
    )
    return with_add(FastMCP("bench", auth=auth)).http_app(path="/mcp", json_response=True)


def build_open(_keys_url: str) -> Any:
    """Return the same without auth."""
    return with_add(FastMCP("bench")).http_app(path="/mcp", json_response=True)


def with_add(server: FastMCP[Any]) -> FastMCP[Any]:
    """Return ``server`` with its one tool."""

    @server.tool
    async def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    return server
