"""The checks that the claims of a token with a good signature must pass."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from doorward.errors import (
    BoundToken,
    MissingClaim,
    OutsideLifetime,
    UnknownIssuer,
    WrongAudience,
    WrongType,
)
from doorward.tokens.jwt.profile import TokenProfile

Claims = Mapping[str, Any]
_NUMBERS = (int, float)


class Expected(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What the server requires of an issuer's tokens; times in seconds."""

    issuer: str
    audiences: frozenset[str]
    profile: TokenProfile
    leeway: float
    longest_life: float


class PresentedToken(msgspec.Struct, frozen=True, gc=False):
    """A token with a good signature: its ``typ``, its claims, what is required, and the time."""

    type: str | None
    claims: Claims
    expected: Expected
    now: float


Check = Callable[[PresentedToken], None]


def kind(presented: PresentedToken) -> None:
    """
    Refuse a JWT of another kind: ID token, logout token, DPoP proof, assertion grant.

    Spec: RFC 9068 §4; RFC 8725 §3.11, §3.12
    """
    claims, profile = presented.claims, presented.expected.profile
    admitted = (
        profile.type_may_be_absent if presented.type is None else presented.type in profile.types
    )
    if not admitted:
        raise WrongType(f"typ={_shortened(presented.type)}, want one of {sorted(profile.types)}")
    required = profile.required_values
    for name, value in required.items() if required else ():
        if claims.get(name) != value:
            raise WrongType(f"{name}={_shortened(claims.get(name))}, want {value!r}")
    if not profile.forbidden_claims.isdisjoint(claims):
        strange = sorted(profile.forbidden_claims & claims.keys())
        raise WrongType(f"claims {strange} are those of another kind of token")


def unbound(presented: PresentedToken) -> None:
    """
    Refuse a token that is bound to a key: a bearer token proves no key.

    Spec: RFC 9449 §7.2; RFC 8705 §3; RFC 7800 §3.1
    """
    if "cnf" in presented.claims:
        raise BoundToken("the token has cnf and came without proof of the key")


def issuer(presented: PresentedToken) -> None:
    """
    Refuse a token whose ``iss`` is another issuer.

    Spec: RFC 9068 §4; RFC 8725 §3.8
    """
    iss, expected = presented.claims.get("iss"), presented.expected.issuer
    if iss != expected:
        raise UnknownIssuer(f"iss={_shortened(iss)}, want {expected!r}")


def audience(presented: PresentedToken) -> None:
    """
    Refuse a token that was issued for another server.

    Spec: RFC 9068 §4; RFC 7519 §4.1.3 (a string or an array); RFC 8707 §2
    """
    name, expected = presented.expected.profile.audience_claim, presented.expected.audiences
    named = presented.claims.get(name)
    # `aud` is looked up in the expected set, never the other way round: `in` on a str is a substring
    # test, and ".../mcp" is a substring of ".../mcp-admin".
    if isinstance(named, str):
        admitted = named in expected
    else:
        admitted = (
            isinstance(named, list)
            and all(isinstance(one, str) for one in named)
            and not expected.isdisjoint(named)
        )
    if admitted:
        return
    raise WrongAudience(f"{name}={_shortened(named)}, want {sorted(expected)}")


def lifetime(presented: PresentedToken) -> None:
    """
    Refuse a token that has expired, is not valid yet, or expires after ``longest_life``.

    Spec: RFC 9068 §4; RFC 7519 §4.1.4, §4.1.5, §4.1.6
    """
    claims, now, expected = presented.claims, presented.now, presented.expected
    leeway, longest = expected.leeway, expected.longest_life
    exp: Any = claims.get("exp")
    # The exact type, because True is an int. The conditions say what is allowed: every comparison
    # with NaN is false, so NaN is refused too.
    if type(exp) not in _NUMBERS:
        raise OutsideLifetime(f"exp={_shortened(exp)} is not a NumericDate")
    if not now - leeway < exp <= now + leeway + longest:
        raise OutsideLifetime(f"exp={_shortened(exp)}, now={now:.0f}, longest life {longest:.0f} s")
    for name in ("nbf", "iat"):
        if name not in claims:
            continue
        begin: Any = claims[name]
        if type(begin) not in _NUMBERS:
            raise OutsideLifetime(f"{name}={_shortened(begin)} is not a NumericDate")
        if not 0 <= begin <= now + leeway or begin > exp:
            raise OutsideLifetime(
                f"{name}={_shortened(begin)}, now={now:.0f}, exp={_shortened(exp)}"
            )


def completeness(presented: PresentedToken) -> None:
    """
    Refuse a token that lacks a claim its profile requires, or has one of the wrong type.

    Spec: RFC 9068 §2.2
    """
    claims, profile = presented.claims, presented.expected.profile
    if not profile.required_claims <= claims.keys():
        raise MissingClaim(f"without {sorted(profile.required_claims - claims.keys())}")
    _text(claims, profile.subject_claims, required=True)
    _text(claims, profile.client_claims, required=profile.client_required)
    _text(claims, profile.token_id_claims, required=False)


# The order is policy: the first check that fails names the refusal, and each relies on those before
# it. First the kind, because all others assume an access token. Then issuer and audience, because
# "expired" makes a client refresh, and "for another server" must not. Then the lifetime. Last, what
# only a broken issuer leaves out.
CHECKS: tuple[Check, ...] = (kind, unbound, issuer, audience, lifetime, completeness)


def admit(presented: PresentedToken) -> None:
    """
    Return when every check passes.

    Does not verify the signature and does not look at scopes.

    Raises:
        TokenRejected: 401 ``invalid_token``, as the subclass that names the reason.
    """
    for check in CHECKS:
        check(presented)


def _text(claims: Claims, names: tuple[str, ...], *, required: bool) -> None:
    for name in names:
        if name in claims:
            if type(claims[name]) is not str or not claims[name]:
                raise MissingClaim(f"{name} is not a text: {_shortened(claims[name])}")
            return
    if required:
        raise MissingClaim(f"without any of {list(names)}")


def _shortened(value: Any) -> str:
    """Return ``value`` for the log, cut: a peer chose it."""
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "…"
