"""The checks of a logout token, in the order in which they run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from doorward.authserver.refusals import InvalidRequest
from doorward.net.clock import LEEWAY

_EVENT = "http://schemas.openid.net/event/backchannel-logout"
# A logout token tells of something that has just happened. Its jti is remembered for as long.
OLDEST = 600.0


@dataclass(frozen=True, kw_only=True)
class LogoutToken:
    """A logout token with a good signature; ``type`` is that of its header."""

    type: str | None
    claims: Mapping[str, Any]
    issuer: str
    client_id: str
    now: float


def kind(token: LogoutToken) -> None:
    """Refuse an ID token, which says who signed in, and an access token."""
    events = token.claims.get("events")
    if token.type not in (None, "jwt", "logout+jwt"):
        raise InvalidRequest(f"typ={token.type!r} is not of a logout token")
    if not isinstance(events, dict) or not isinstance(events.get(_EVENT), dict):
        raise InvalidRequest("events does not have the back-channel logout event")
    # Spec: §2.4: a nonce is prohibited, so that no logout token passes as an ID token.
    if "nonce" in token.claims:
        raise InvalidRequest("a logout token has no nonce")


def issuer(token: LogoutToken) -> None:
    """Refuse a token of another issuer."""
    if token.claims.get("iss") != token.issuer:
        raise InvalidRequest("iss is not the issuer of this provider")


def audience(token: LogoutToken) -> None:
    """Refuse a token for another client."""
    aud = token.claims.get("aud")
    if aud != token.client_id and not (isinstance(aud, list) and token.client_id in aud):
        raise InvalidRequest("aud lacks the client id")


def lifetime(token: LogoutToken) -> None:
    """Refuse a token that is old, expired or from the future."""
    iat: Any = token.claims.get("iat")
    exp: Any = token.claims.get("exp", token.now + 1)
    if type(iat) not in (int, float) or not token.now - OLDEST <= iat <= token.now + LEEWAY:
        raise InvalidRequest(f"iat={iat!r}, now={token.now:.0f}")
    if type(exp) not in (int, float) or not exp > token.now - LEEWAY:
        raise InvalidRequest(f"exp={exp!r}, now={token.now:.0f}")


def completeness(token: LogoutToken) -> None:
    """Require a jti, and a user or a session."""
    named = [name for name in ("sub", "sid") if name in token.claims]
    if not named or not all(_is_name(token.claims[name]) for name in named):
        raise InvalidRequest("neither sub nor sid names a user or a session")
    if not _is_name(token.claims.get("jti")):
        raise InvalidRequest("jti is missing")


# The kind first: an ID token would pass most of the others.
CHECKS: tuple[Callable[[LogoutToken], None], ...] = (
    kind,
    issuer,
    audience,
    lifetime,
    completeness,
)


def check_logout_token(token: LogoutToken) -> None:
    """
    Return if the token passes every check.

    Raises:
        InvalidRequest: 400; the detail names the check.

    Spec: OpenID Connect Back-Channel Logout 1.0 §2.4, §2.6
    """
    for check in CHECKS:
        check(token)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 255
