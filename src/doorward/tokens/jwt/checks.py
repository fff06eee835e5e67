"""What the claims of a genuine token must say before it is accepted here."""

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
    """What the server expects of this issuer's tokens; times in seconds."""

    issuer: str
    audiences: frozenset[str]
    profile: TokenProfile
    leeway: float
    longest_life: float


class PresentedToken(msgspec.Struct, frozen=True, gc=False):
    """A genuine token before its judges: its ``typ``, its claims, what is expected, and the time."""

    type: str | None
    claims: Claims
    expected: Expected
    now: float


Check = Callable[[PresentedToken], None]


def kind(presented: PresentedToken) -> None:
    """
    Refuse what is genuine and no access token: ID tokens, logout tokens, DPoP proofs, grants.

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
    Refuse a token that is bound to a key: whoever sends it as a bearer token proves no key.

    Spec: RFC 9449 §7.2; RFC 8705 §3; RFC 7800 §3.1
    """
    if "cnf" in presented.claims:
        raise BoundToken("the token has cnf and came without proof of the key")


def issuer(presented: PresentedToken) -> None:
    """
    Refuse a token that another issuer speaks in.

    Spec: RFC 9068 §4; RFC 8725 §3.8
    """
    iss, expected = presented.claims.get("iss"), presented.expected.issuer
    if iss != expected:
        raise UnknownIssuer(f"iss={_shortened(iss)}, want {expected!r}")


def audience(presented: PresentedToken) -> None:
    """
    Refuse a token that was minted for somebody else.

    Spec: RFC 9068 §4; RFC 7519 §4.1.3 (a string or an array); RFC 8707 §2
    """
    name, expected = presented.expected.profile.audience_claim, presented.expected.audiences
    named = presented.claims.get(name)
    # The name is looked for among ours and never ours in the name: `in` on a str is a substring
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
    Refuse a token that is over, has not begun, or would outlive ``longest_life``.

    Spec: RFC 9068 §4; RFC 7519 §4.1.4, §4.1.5, §4.1.6
    """
    claims, now, expected = presented.claims, presented.now, presented.expected
    leeway, longest = expected.leeway, expected.longest_life
    exp: Any = claims.get("exp")
    # By exact type, so that True is no number. Windows rather than deadlines, written as what is
    # allowed: every comparison with NaN is false, so a NaN that gets here is refused as well.
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
    Refuse a token that lacks a claim its profile requires, or gives one the wrong type.

    Spec: RFC 9068 §2.2
    """
    claims, profile = presented.claims, presented.expected.profile
    if not profile.required_claims <= claims.keys():
        raise MissingClaim(f"without {sorted(profile.required_claims - claims.keys())}")
    _text(claims, profile.subject_claims, required=True)
    _text(claims, profile.client_claims, required=profile.client_required)
    _text(claims, profile.token_id_claims, required=False)


# Order is policy: the first check that fails names the refusal, and each may rely on those before
# it. First what the thing is, because every later sentence speaks of an access token; then who
# issued it and whom it is for, because "expired" makes a client refresh and "for another server"
# must not; then whether it lives; last what only a broken issuer leaves out.
CHECKS: tuple[Check, ...] = (kind, unbound, issuer, audience, lifetime, completeness)


def admit(presented: PresentedToken) -> None:
    """
    Return when every check passes, or raise what the first failing one says.

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
    """Return ``value`` for the log: a peer chose it, so it is cut."""
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "…"
