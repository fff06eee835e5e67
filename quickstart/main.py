"""An MCP server that adds two numbers for whoever signs in at Asgardeo."""

import os
from typing import Any
from urllib.parse import urlsplit

from dotenv import load_dotenv
from jwt_validator import JWTTokenVerifier
from mcp.server.auth.settings import AuthSettings
from protected import FastMCP
from pydantic import AnyHttpUrl

from doorward import current_identity

load_dotenv()

AUTH_ISSUER = os.getenv("AUTH_ISSUER", "")
CLIENT_ID = os.getenv("CLIENT_ID", "")
JWKS_URL = os.getenv("JWKS_URL", "")
for name, value in (
    ("AUTH_ISSUER", AUTH_ISSUER),
    ("CLIENT_ID", CLIENT_ID),
    ("JWKS_URL", JWKS_URL),
):
    if not value:
        raise SystemExit(f"{name} is not set. Copy .env.example to .env, and set {name} there.")
    if "<" in value:
        raise SystemExit(f"{name} is still {value}. Put your own value into .env.")

MCP_URL = os.getenv("MCP_URL", "http://localhost:8000/mcp")
# Asgardeo names the client id as audience until the MCP server is a resource there.
AUDIENCE = os.getenv("AUDIENCE", CLIENT_ID)
SCOPES = os.getenv("SCOPES", "openid").split()

mcp = FastMCP(
    "Addition Tool",
    token_verifier=JWTTokenVerifier(JWKS_URL, AUTH_ISSUER, CLIENT_ID, audience=AUDIENCE),
    auth=AuthSettings(
        issuer_url=AnyHttpUrl(AUTH_ISSUER),
        resource_server_url=AnyHttpUrl(MCP_URL),
        required_scopes=SCOPES,
        # The audience is checked by the verifier, where it is said what it must be.
        validate_token_resource=False,
    ),
)


@mcp.tool()
async def add(a: float, b: float) -> dict[str, float]:
    """Add two numbers and return the result."""
    return {"a": a, "b": b, "result": a + b}


@mcp.tool()
async def whoami() -> dict[str, Any]:
    """Say who is calling: the user, what kind of caller, and the agent who acts for the user."""
    caller = current_identity()
    if caller is None:
        return {}
    return {"sub": caller.subject, "aut": caller.claims.get("aut"), "act": caller.claims.get("act")}


if __name__ == "__main__":
    mcp.run(transport="streamable-http", port=urlsplit(MCP_URL).port or 8000)
