"""ID tokens: issued, and read back as hints."""

from collections.abc import Mapping
from typing import Any

from doorward.authserver.keys.signing_keys import KeyRing
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.users.authentication import Authentication
from doorward.net.clock import Clock

# An access token of this server has another one, so neither is taken for the other.
TYPE = "JWT"


class IdTokens:
    """
    Issues ID tokens, and reads those that clients send back.

    They say who signed in, when and how. What else an application may know is at the userinfo endpoint.

    Spec: OpenID Connect Core 1.0 §2, §3.1.3.3, §12.2
    """

    def __init__(self, keys: KeyRing, settings: AuthServerSettings, clock: Clock) -> None:
        self._keys = keys
        self._issuer = settings.issuer
        self._clock = clock

    def issue(
        self,
        *,
        subject: str,
        client_id: str,
        authentication: Authentication,
        nonce: str | None,
        expires_in: int,
    ) -> str:
        """
        Return an ID token for one client.

        ``nonce`` is that of the authorization request; ``None`` for a refreshed token. ``expires_in`` is
        at most the lifetime of access tokens: the key stays published for that long.
        """
        now = int(self._clock())
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "sub": subject,
            "aud": client_id,
            "iat": now,
            "exp": now + expires_in,
            **authentication.claims(),
        }
        if nonce is not None:
            claims["nonce"] = nonce
        return self._keys.sign(claims, TYPE)

    def subject_of_hint(self, token: str, client_id: str) -> str | None:
        """
        Return the user of an ID token that this server issued to the client, or ``None``.

        It may have expired: it says whom the client means, and proves nothing.

        Spec: OpenID Connect Core 1.0 §3.1.2.1 (``id_token_hint``), §3.1.2.2
        """
        claims: Mapping[str, Any] | None = self._keys.open(token, TYPE.lower())
        if claims is None or claims.get("aud") != client_id:
            return None
        return str(claims["sub"])
