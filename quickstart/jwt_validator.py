"""Access tokens of Asgardeo, verified by Doorward under the names that the quickstart teaches."""

from typing import Any

from mcp.server.auth.provider import AccessToken

from doorward import ConfigurationError, DoorwardError, Identity, RequestRefused, TrustedIssuer
from doorward.idp import ASGARDEO
from doorward.tokens import RFC9068, Verifier


class TokenNotValid(DoorwardError, ValueError):
    """The token is refused. ``code`` says why, and a token is never in the text."""

    code = "token-not-valid"

    def __init__(self, refusal: RequestRefused) -> None:
        super().__init__(f"{refusal.public} ({refusal.code})")
        self.refusal = refusal


class JWTValidator:
    """
    Verifies access tokens of one issuer for one audience.

    Keys are fetched when they are needed, kept for minutes, and fetched again when a token names
    one that is not known. Only access tokens pass: an ID token has the same audience here.

    Raises:
        ConfigurationError: the issuer, the key address or the audience cannot be used.
    """

    def __init__(self, jwks_url: str, issuer: str, audience: str, ssl_verify: bool = True) -> None:
        if not ssl_verify:
            raise ConfigurationError(
                "unverified-keys",
                "ssl_verify=False would take keys from whoever answers.",
                "Name your authority's certificate in SSL_CERT_FILE; on localhost, use http.",
            )
        self.jwks_url = jwks_url
        self.issuer = issuer
        self.audience = audience
        self.trusted = TrustedIssuer(
            issuer=issuer,
            audience=audience,
            jwks_uri=jwks_url,
            algorithms=ASGARDEO.algorithms,
            profile=ASGARDEO.profile or RFC9068,
        )
        self.verifier = Verifier([self.trusted])

    async def validate_token(self, token: str) -> dict[str, Any]:
        """
        Return the claims of ``token``.

        Raises:
            TokenNotValid: a ``ValueError``; the token is not acceptable here.
            KeysUnavailable: Asgardeo cannot be asked for its keys, so nobody knows.
        """
        identity = await self.identify(token)
        return {
            **identity.claims,
            "_validated_by": "JWTValidator",
            "_issuer": self.issuer,
            "_audience": self.audience,
        }

    async def identify(self, token: str) -> Identity:
        """Return whose token this is. Raises: as ``validate_token``."""
        try:
            return await self.verifier.verify(token.encode())
        except RequestRefused as refusal:
            raise TokenNotValid(refusal) from None


def create_jwt_validator(
    jwks_url: str, issuer: str, audience: str, ssl_verify: bool = True
) -> JWTValidator:
    """Return a validator: the same as ``JWTValidator(...)``."""
    return JWTValidator(jwks_url, issuer, audience, ssl_verify)


class JWTTokenVerifier:
    """
    The official SDK's token verifier, with ``JWTValidator`` inside.

    Asgardeo names the client id as audience, so that is what tokens must name. Give ``audience``
    where the MCP server's own URL is registered as a resource there: only then is a token that the
    application got for something else refused here.
    """

    def __init__(
        self, jwks_url: str, issuer: str, client_id: str, *, audience: str | None = None
    ) -> None:
        self.jwt_validator = JWTValidator(jwks_url, issuer, audience or client_id)
        self._resource = audience if audience and "://" in audience else None

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return what the SDK knows of a caller, or ``None`` for a token that is refused."""
        try:
            identity = await self.jwt_validator.identify(token)
        except TokenNotValid:
            return None
        return AccessToken(
            token=token,
            client_id=identity.client_id or self.jwt_validator.audience,
            scopes=sorted(identity.scopes),
            expires_at=int(identity.expires_at),
            resource=self._resource,
            subject=identity.subject,
            # Who it is and who acts in that name; nothing else needs to travel through the SDK.
            claims={
                name: identity.claims[name]
                for name in ("iss", "sub", "aut", "act")
                if name in identity.claims
            },
        )
