"""Token lookup at Google."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from doorward.errors import MissingClaim
from doorward.net import FetchRequest
from doorward.tokens.opaque.client_authentication import require_secure
from doorward.tokens.opaque.introspection import INSECURE, require_cache_ttl
from doorward.tokens.opaque.issuer import LookupContext, LookupFunction, LookupResult
from doorward.tokens.opaque.responses import ask, json_object, read, without
from doorward.tokens.refusals import LookupUnavailable

TOKENINFO = "https://oauth2.googleapis.com/tokeninfo"


@dataclass(frozen=True, kw_only=True)
class GoogleTokenInfo:
    """
    Looks tokens up at Google's tokeninfo endpoint.

    ```python
    issuer = OpaqueIssuer(
        issuer="https://accounts.google.com",
        lookup=GoogleTokenInfo(),
        client_ids=("1234.apps.googleusercontent.com",),
    )
    ```

    It answers everybody, so it only shows that a token is active. Set which tokens you accept in
    ``OpaqueIssuer``: ``client_ids`` is compared to ``azp``, and ``audience`` to ``aud``. The user
    must have granted ``openid``; otherwise Google names no user.
    ``cache_ttl`` is in seconds, as in ``Introspection``.

    Raises:
        ConfigurationError: with reason ``insecure-lookup`` or ``not-a-limit``.
    """

    endpoint: str = TOKENINFO
    cache_ttl: float = 60.0

    def __post_init__(self) -> None:
        require_secure(self.endpoint, INSECURE)
        require_cache_ttl(self.cache_ttl)

    @property
    def named_urls(self) -> tuple[str, ...]:
        """The endpoint, if it is not Google's."""
        return () if self.endpoint == TOKENINFO else (self.endpoint,)

    def recognises(self, token: str) -> bool:
        """Say whether the token has the prefix of Google's access tokens."""
        return token.startswith("ya29.")

    def begin(self, context: LookupContext) -> LookupFunction:
        """Return the function that looks up one token."""

        async def ask_google(token: str) -> LookupResult:
            # In a header. Most examples put the token into the URL, which ends up in logs.
            request = FetchRequest(authorization=f"Bearer {token}")
            response = await ask(context.fetcher, self.endpoint, request)
            if response.status in (400, 401) and _is_refusal(json_object(response, "Google")):
                return None
            return _claims(without(token, read(response, "Google")), context.clock())

        return ask_google


def _is_refusal(body: Mapping[str, Any]) -> bool:
    return body.get("error") == "invalid_token" or body.get("error_description") == "Invalid Value"


def _claims(body: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Return Google's response in the words of RFC 7662."""
    if "sub" not in body:
        raise MissingClaim("Google names no sub: the client must ask for the scope openid")
    issued_to = body.get("azp", body.get("aud"))
    claims = {name: body[name] for name in ("sub", "aud", "scope", "email") if name in body}
    return claims | {
        "client_id": issued_to,
        "token_type": "Bearer",
        "exp": _seconds(body, now),
        # Google sends booleans as strings here.
        "email_verified": str(body.get("email_verified", "")).lower() == "true",
    }


def _seconds(body: Mapping[str, Any], now: float) -> int:
    """Return the expiry; Google sends numbers as strings here."""
    for name, begin in (("exp", 0), ("expires_in", int(now))):
        value = str(body.get(name, ""))
        if value.isascii() and value.isdigit() and len(value) < 12:
            return begin + int(value)
    raise LookupUnavailable("Google says neither exp nor expires_in")
