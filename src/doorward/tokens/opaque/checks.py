"""The checks that an issuer's response about a token must pass."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from doorward.errors import BoundToken, MissingClaim, WrongType
from doorward.identity import Identity
from doorward.tokens.jwt import checks
from doorward.tokens.jwt.checks import Expected, PresentedToken
from doorward.tokens.jwt.identity_from_claims import read_identity
from doorward.tokens.opaque.issuer import OpaqueIssuer
from doorward.tokens.refusals import WrongClient

# The identity of a token without ``exp`` ends after this many seconds. Then a stream must be opened
# again, and the issuer is asked again.
MAX_LIFE_WITHOUT_EXP = 3600.0
# To the year 9999, which some issuers write for "never". Beyond it are milliseconds, and numbers
# that no clock and no float can hold.
_LONGEST_LIFE = 2.6e11
# How providers name an access token in token_type (Stytch says access_token) and token_use (Hydra
# and Cognito).
_ACCESS = frozenset({"bearer", "access_token", "urn:ietf:params:oauth:token-type:access_token"})
_USES = frozenset({"access", "access_token"})
_encode = msgspec.json.encode

OpaqueCheck = Callable[[PresentedToken, OpaqueIssuer], None]


def kind(presented: PresentedToken, _trusted: OpaqueIssuer) -> None:
    """
    Refuse an active token of another kind: refresh tokens and ID tokens, which issuers look up too.

    A refresh token lives for days, and would be accepted for as long.

    Spec: RFC 7662 §2.1 (the hint is a hint), §2.2
    """
    claims, profile = presented.claims, presented.expected.profile
    token_type, token_use = claims.get("token_type"), claims.get("token_use")
    if isinstance(token_type, str) and token_type.lower() == "dpop":
        raise BoundToken("token_type=DPoP, and the token came without proof of the key")
    # One of the two must say so, and neither may say otherwise: several issuers say nothing at all
    # of a refresh token's type.
    if token_type is None and token_use is None:
        raise WrongType("the issuer does not say what it is: no token_type in its answer")
    if token_type is not None and not (
        isinstance(token_type, str) and token_type.lower() in _ACCESS
    ):
        raise WrongType(f"token_type={str(token_type)[:100]!r}, want Bearer")
    if token_use is not None and not (isinstance(token_use, str) and token_use in _USES):
        raise WrongType(f"token_use={str(token_use)[:100]!r}, want access_token")
    if not profile.forbidden_claims.isdisjoint(claims):
        strange = sorted(profile.forbidden_claims & claims.keys())
        raise WrongType(f"claims {strange} are those of another kind of token")
    for name, value in profile.required_values.items():
        if claims.get(name) != value:
            raise WrongType(f"{name}={str(claims.get(name))[:100]!r}, want {value!r}")


def unbound(presented: PresentedToken, _trusted: OpaqueIssuer) -> None:
    """Refuse a token that is bound to a key. Spec: RFC 8705 §3.2; RFC 9449 §6.2"""
    checks.unbound(presented)


def issuer(presented: PresentedToken, _trusted: OpaqueIssuer) -> None:
    """Refuse a response about another issuer's token."""
    checks.issuer(presented)


def audience(presented: PresentedToken, trusted: OpaqueIssuer) -> None:
    """Refuse a token for another server, if audiences are configured."""
    if trusted.audiences:
        checks.audience(presented)


def client(presented: PresentedToken, trusted: OpaqueIssuer) -> None:
    """
    Refuse a token that was issued to another client, if clients are configured.

    Spec: RFC 6819 §4.6.4; RFC 9700 §2.3
    """
    if not trusted.client_ids:
        return
    profile = presented.expected.profile
    name = next((one for one in profile.client_claims if one in presented.claims), None)
    client_id = presented.claims[name] if name is not None else None
    if not isinstance(client_id, str) or client_id not in trusted.client_ids:
        raise WrongClient(
            f"{name}={str(client_id)[:200]!r}, want one of {sorted(trusted.client_ids)}"
        )


def lifetime(presented: PresentedToken, _trusted: OpaqueIssuer) -> None:
    """Refuse a token that has expired or is not valid yet, even if the issuer says it is active."""
    checks.lifetime(presented)


def completeness(presented: PresentedToken, _trusted: OpaqueIssuer) -> None:
    """Refuse a response that does not say who is calling."""
    checks.completeness(presented)


# First the kind, because all others assume an access token; then issuer, audience and client; then
# the lifetime.
CHECKS: tuple[OpaqueCheck, ...] = (kind, unbound, issuer, audience, client, lifetime, completeness)


def identity_from_response(
    response: Mapping[str, Any], trusted: OpaqueIssuer, *, leeway: float, now: float
) -> Identity:
    """
    Return who is calling, from the issuer's ``response`` about the token.

    Raises:
        TokenRejected: 401 ``invalid_token``, as the subclass that names the reason.

    Spec: RFC 7662 §2.2
    """
    claims = _completed(response, trusted, now)
    expected = Expected(
        issuer=trusted.issuer,
        audiences=frozenset(trusted.audiences),
        profile=trusted.profile,
        leeway=leeway,
        # The issuer is asked again and again, so it alone decides how long a token lives.
        longest_life=_LONGEST_LIFE,
    )
    presented = PresentedToken(None, claims, expected, now)
    for check in CHECKS:
        check(presented, trusted)
    return read_identity(claims, trusted.profile, _encode(claims))


def _completed(response: Mapping[str, Any], trusted: OpaqueIssuer, now: float) -> dict[str, Any]:
    """Return ``response`` with the claims that an issuer may omit."""
    claims = {name: value for name, value in response.items() if value is not None}
    claims.pop("active", None)
    claims.setdefault("iss", trusted.issuer)
    claims.setdefault("exp", now + MAX_LIFE_WITHOUT_EXP)
    profile = trusted.profile
    if not any(name in claims for name in profile.subject_claims):
        client_id = next((claims[one] for one in profile.client_claims if one in claims), None)
        # Without a person, the client is the subject. But a name without a subject belongs to a
        # person: with the client as subject, all its users would be one caller, and a service.
        if client_id is None or any(name in claims for name in profile.name_claims):
            raise MissingClaim(f"without any of {list(profile.subject_claims)}")
        claims[profile.subject_claims[0]] = client_id
    return claims
