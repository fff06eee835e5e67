"""The official SDK: open, with a careful PyJWT verifier, and as a quickstart teaches it."""

import logging
from typing import Any

import httpx2
import jwt
from jwt.algorithms import RSAAlgorithm
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from pydantic import AnyHttpUrl

from benchmarks.scene import ISSUER, RESOURCE, SCOPE

logger = logging.getLogger(__name__)


def _with_add(server: MCPServer[Any]) -> MCPServer[Any]:
    @server.tool()
    async def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    return server


def _settings() -> AuthSettings:
    return AuthSettings(
        issuer_url=AnyHttpUrl(ISSUER),
        resource_server_url=AnyHttpUrl(RESOURCE),
        required_scopes=[SCOPE],
        validate_token_resource=False,
    )


def build_open(_keys_url: str) -> Any:
    """Return the SDK's application without auth, in its quickest setting."""
    return _with_add(MCPServer("bench")).streamable_http_app(json_response=True)


def build_verifying(keys_url: str) -> Any:
    """Return the SDK behind PyJWT with parsed keys, in its quickest setting."""
    server = MCPServer[Any]("bench", token_verifier=PyJWTVerifier(keys_url), auth=_settings())
    return _with_add(server).streamable_http_app(json_response=True)


def build_quickstart(keys_url: str) -> Any:
    """Return the SDK as the quickstart leaves it: key rebuilt per request, default answers."""
    logging.basicConfig(level=logging.WARNING)
    verifier = QuickstartVerifier(keys_url)
    server = MCPServer[Any]("bench", token_verifier=verifier, auth=_settings())
    return _with_add(server).streamable_http_app()


class PyJWTVerifier:
    """A ``TokenVerifier`` on PyJWT that parses each key once."""

    def __init__(self, keys_url: str) -> None:
        self._keys = jwt.PyJWKClient(keys_url)

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return what the SDK wants to know of a good token, or ``None``."""
        try:
            key = self._keys.get_signing_key_from_jwt(token)
            claims = jwt.decode(
                token, key.key, algorithms=["RS256"], issuer=ISSUER, audience=RESOURCE
            )
        except jwt.PyJWTError:
            return None
        return AccessToken(
            token=token,
            client_id=claims["client_id"],
            scopes=claims["scope"].split(),
            expires_at=claims["exp"],
        )


class QuickstartVerifier:
    """
    What the Asgardeo quickstart does per request: the key is made from its JWK each time.

    Its log line per token is at a level that is off here, in the quickstart's favour.
    """

    def __init__(self, keys_url: str) -> None:
        self._keys_url = keys_url
        self._key_set: dict[str, Any] | None = None

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return what the SDK wants to know of a good token, or ``None``."""
        try:
            claims = await self._validate(token)
        except (ValueError, jwt.PyJWTError):
            return None
        logger.info("valid: sub=%s", claims.get("sub"))
        return AccessToken(
            token=token,
            client_id=str(claims["aud"]),
            scopes=claims.get("scope", "").split(),
            expires_at=claims.get("exp"),
        )

    async def _validate(self, token: str) -> dict[str, Any]:
        kid = jwt.get_unverified_header(token).get("kid")
        for key in (await self._fetched_key_set())["keys"]:
            if key.get("kid") == kid:
                claims: dict[str, Any] = jwt.decode(
                    token,
                    RSAAlgorithm.from_jwk(key),  # type: ignore[arg-type]
                    algorithms=["RS256"],
                    issuer=ISSUER,
                    audience=RESOURCE,
                )
                return claims
        raise ValueError("no key has this kid")

    async def _fetched_key_set(self) -> dict[str, Any]:
        if self._key_set is None:
            async with httpx2.AsyncClient() as client:
                self._key_set = (await client.get(self._keys_url)).json()
        return self._key_set
