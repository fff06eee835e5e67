"""The checks of a client assertion, in the order in which they run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from doorward.authserver.refusals import InvalidClient
from doorward.jose.compact import CompactJws, JwsHeader, MalformedJws, read_object
from doorward.jose.public_key import Key
from doorward.net.clock import LEEWAY

# A client signs an assertion for one request. Some libraries let them live for an hour.
LONGEST_LIFE = 3600.0
_LONGEST_JTI = 512
_TYPES = (None, "jwt", "client-authentication+jwt")
_NUMBERS = (int, float)


@dataclass(frozen=True, kw_only=True)
class PresentedAssertion:
    """An assertion with a good signature, and what it must say."""

    type: str | None
    claims: Mapping[str, Any]
    client_id: str
    issuer: str
    now: float


def signed_claims(jws: CompactJws, header: JwsHeader, key: Key) -> Mapping[str, Any]:
    """
    Return the claims of an assertion that ``key`` signed.

    Raises:
        InvalidClient: 401.
    """
    if not key.verify(header.algorithm, jws.signing_input, jws.signature):
        raise InvalidClient("the assertion has a wrong signature")
    try:
        return read_object(jws.payload)
    except MalformedJws as error:
        raise InvalidClient(f"the assertion is malformed: {error}") from None


def kind(presented: PresentedAssertion) -> None:
    """
    Refuse another JWT that the client signed: a DPoP proof, a request object, an access token.

    Spec: draft-ietf-oauth-rfc7523bis §4; RFC 8725 §3.11
    """
    if presented.type not in _TYPES:
        raise InvalidClient(f"typ={presented.type[:60]!r} is not of a client assertion")


def parties(presented: PresentedAssertion) -> None:
    """Refuse an assertion about another client. Spec: RFC 7523 §3, rules 1 and 2."""
    for name in ("iss", "sub"):
        if presented.claims.get(name) != presented.client_id:
            raise InvalidClient(f"{name} of the assertion is not the client_id")


def audience(presented: PresentedAssertion) -> None:
    """
    Refuse an assertion for another server, or for several.

    Another server could name our token endpoint in its metadata, and send what it receives to us.
    Only the issuer identifier cannot be named by somebody else, so a URL of an endpoint is refused.

    Spec: draft-ietf-oauth-rfc7523bis §4
    """
    if presented.claims.get("aud") not in (presented.issuer, [presented.issuer]):
        raise InvalidClient(f"aud of the assertion is not {presented.issuer!r} alone")


def lifetime(presented: PresentedAssertion) -> None:
    """
    Refuse an assertion that is over, not valid yet, or valid for more than ``LONGEST_LIFE``.

    Spec: RFC 7523 §3, rules 4 to 6
    """
    claims, now = presented.claims, presented.now
    exp: Any = claims.get("exp")
    # The exact type, because True is an int. Every comparison with NaN is false.
    if type(exp) not in _NUMBERS or not now - LEEWAY < exp <= now + LEEWAY + LONGEST_LIFE:
        raise InvalidClient("exp of the assertion is over or too far away")
    for name in ("nbf", "iat"):
        begin: Any = claims.get(name, 0)
        if type(begin) not in _NUMBERS or not 0 <= begin <= min(exp, now + LEEWAY):
            raise InvalidClient(f"{name} of the assertion is in the future or no time")


def token_id(presented: PresentedAssertion) -> None:
    """Refuse an assertion without ``jti``: it could be used again. Spec: RFC 7523 §3, rule 7."""
    jti = presented.claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= _LONGEST_JTI:
        raise InvalidClient("the assertion has no jti")


CHECKS: tuple[Callable[[PresentedAssertion], None], ...] = (
    kind,
    parties,
    audience,
    lifetime,
    token_id,
)


def check_assertion(presented: PresentedAssertion) -> None:
    """
    Return when every check passes. Does not verify the signature or spend the assertion.

    Raises:
        InvalidClient: 401; the detail names the first check that failed.
    """
    for check in CHECKS:
        check(presented)
