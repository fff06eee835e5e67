"""
The SDK's server behind Doorward's guard, under the name that it had in version 1.

What ``from mcp.server.fastmcp import FastMCP`` brought in is called ``MCPServer`` since version 2
of the SDK. This one takes the same arguments, and stands behind a guard when it is given ``auth``
and a ``token_verifier`` with a ``JWTValidator`` inside.
"""

from typing import Any

from jwt_validator import JWTTokenVerifier, JWTValidator
from mcp.server.auth.provider import TokenVerifier
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer

from doorward import ConfigurationError, Guard, Identity, Policy, Rule
from doorward.errors import TokenRejected
from doorward.integrations.mcp_sdk import protect
from doorward.tokens import Verifier


class FastMCP(MCPServer[Any]):
    """
    ``MCPServer`` whose endpoint is guarded.

    A request without a token gets 401 without ``error``; the challenge names the metadata and
    ``auth.required_scopes``; pages in browsers on this machine may call. Inside tools,
    ``doorward.current_identity()`` is the caller, and the SDK's ``get_access_token()`` knows the
    caller too, without the token. ``doorward.integrations.mcp_sdk.protect.requires(scopes=...)`` beside a
    tool asks for more.

    Raises:
        ConfigurationError: ``not-guarded``: only one of the two was given, or the verifier holds
            no ``JWTValidator``.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        token_verifier: TokenVerifier | None = None,
        auth: AuthSettings | None = None,
        **options: Any,
    ) -> None:
        # Neither goes to the SDK: it would put a second, poorer door behind this one.
        super().__init__(name, **options)
        self._guarding: tuple[TokenVerifier, JWTValidator, AuthSettings] | None = None
        if token_verifier is not None or auth is not None:
            self._guarding = _guarding(token_verifier, auth)

    def streamable_http_app(self, **options: Any) -> Any:
        """Return the ASGI application: the SDK's own, behind the guard."""
        app = super().streamable_http_app(**options)
        if self._guarding is None:
            return app
        verifier, validator, auth = self._guarding
        scopes = frozenset(auth.required_scopes or ())
        guard = Guard(
            resource=_resource(auth, options.get("streamable_http_path", "/mcp")),
            issuers=[validator.trusted],
            policy=Policy(base=Rule(scopes=scopes), unknown="base"),
            verifier=_verifier_of(verifier, validator),
            resource_name=self.name,
            # Routes of your own are public, as they are in the SDK.
            serve_other_paths=True,
        )
        return protect(self, guard, app=app)

    def sse_app(self, **options: Any) -> Any:
        """
        Return the application of the SDK's older transport, which no guard knows how to judge.

        Raises:
            ConfigurationError: ``unguarded-transport``: the server is to be guarded.
        """
        # The SDK was given neither auth nor verifier, so its own door would stand open.
        if self._guarding is not None:
            raise ConfigurationError(
                "unguarded-transport",
                'transport="sse" would serve every tool to everybody, without a token.',
                'Run it with transport="streamable-http".',
            )
        return super().sse_app(**options)


class _AskedTwice(Verifier):
    """Asks the user's own verifier as well, so that what it refuses beyond ours stays refused."""

    def __init__(self, validator: JWTValidator, own: TokenVerifier) -> None:
        super().__init__([validator.trusted])
        self._inner, self._own = validator.verifier, own

    async def start(self) -> None:
        """Fetch the keys ahead of the first token."""
        await self._inner.start()

    async def aclose(self) -> None:
        """Forget every verified token."""
        await self._inner.aclose()

    def recall(self, _token: bytes) -> Identity | None:
        """Remember nothing: the user's verifier may change its mind between two requests."""
        return None

    async def verify(self, token: bytes) -> Identity:
        """Return whose token this is when both accept it."""
        identity = await self._inner.verify(token)
        if await self._own.verify_token(token.decode("ascii")) is None:
            raise TokenRejected("the token verifier of the application refused the token")
        return identity


def _guarding(
    verifier: TokenVerifier | None, auth: AuthSettings | None
) -> tuple[TokenVerifier, JWTValidator, AuthSettings]:
    validator = getattr(verifier, "jwt_validator", None)
    if verifier is None or auth is None or not isinstance(validator, JWTValidator):
        raise ConfigurationError(
            "not-guarded",
            "FastMCP needs auth and a token_verifier with a JWTValidator as its jwt_validator.",
            "Give both, as in main.py, or neither for a server that everybody may call.",
        )
    return verifier, validator, auth


def _verifier_of(verifier: TokenVerifier, validator: JWTValidator) -> Verifier:
    plain = type(verifier) is JWTTokenVerifier
    return validator.verifier if plain else _AskedTwice(validator, verifier)


def _resource(auth: AuthSettings, path: str) -> str:
    url = str(auth.resource_server_url)
    # "http://localhost:8000" is where the process listens; what clients call is the endpoint.
    origin, slash, named = url.partition("://")[2].partition("/")
    return url if slash and named else f"{url.partition('://')[0]}://{origin}{path}"
