"""The checks of an ID token, in the order in which they run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256, sha384, sha512
from hmac import compare_digest
from typing import Any

from doorward.authserver.upstream.id_tokens.reauthentication import Reauthentication, require_recent
from doorward.authserver.upstream.id_tokens.signed_token import read_signed_token
from doorward.authserver.upstream.refusals import ProviderAnswerRefused
from doorward.jose.compact import encode_segment
from doorward.net.clock import LEEWAY
from doorward.tokens.jwt.key_source import KeySource

LONGEST_SUBJECT = 255
# An ID token tells of a sign-in that has just happened.
_OLDEST = 600.0
_HASHES = {"256": sha256, "384": sha384, "512": sha512}


@dataclass(frozen=True, kw_only=True)
class ExpectedIdToken:
    """
    What an ID token must say.

    ``nonce`` is ``None`` for a refreshed token: providers leave it out, and the connection to the
    token endpoint binds the answer to the request. ``subject`` is then the one that signed in.
    ``reauthentication`` is what a client asked for.
    """

    issuer: str
    client_id: str
    algorithms: tuple[str, ...]
    now: float
    nonce: str | None = None
    subject: str | None = None
    access_token: str | None = None
    reauthentication: Reauthentication | None = None


@dataclass(frozen=True)
class _Presented:
    algorithm: str
    type: str | None
    claims: Mapping[str, Any]
    expected: ExpectedIdToken


def kind(presented: _Presented) -> None:
    """Refuse a token of another kind: access token, logout token, introspection response."""
    if presented.type not in (None, "jwt", "id_token+jwt") or "events" in presented.claims:
        raise ProviderAnswerRefused(f"typ={presented.type!r} is not of an ID token")


def issuer(presented: _Presented) -> None:
    """Spec: OpenID Connect Core 1.0 §3.1.3.7, rule 2."""
    iss = presented.claims.get("iss")
    if iss != presented.expected.issuer:
        raise ProviderAnswerRefused(f"iss={str(iss)[:200]!r}, want {presented.expected.issuer!r}")


def audience(presented: _Presented) -> None:
    """
    Refuse a token for another client, or for others beside this one that it was not issued to.

    Spec: OpenID Connect Core 1.0 §3.1.3.7, rules 3 to 5
    """
    client_id, claims = presented.expected.client_id, presented.claims
    aud = claims.get("aud")
    audiences = [aud] if isinstance(aud, str) else aud
    if not isinstance(audiences, list) or client_id not in audiences:
        raise ProviderAnswerRefused(f"aud={str(aud)[:200]!r} lacks the client id")
    party = claims.get("azp")
    if (party is not None or len(audiences) > 1) and party != client_id:
        raise ProviderAnswerRefused(f"azp={str(party)[:200]!r} is not the client id")


def lifetime(presented: _Presented) -> None:
    """Spec: OpenID Connect Core 1.0 §3.1.3.7, rules 9 and 10."""
    now = presented.expected.now
    exp: Any = presented.claims.get("exp")
    iat: Any = presented.claims.get("iat")
    # A token that has just been issued: if it is old or of the future, a clock is off.
    clocks = "The clocks of this server and of the identity provider differ."
    if type(exp) not in (int, float) or not exp > now - LEEWAY:
        raise ProviderAnswerRefused(f"exp={exp!r}, now={now:.0f}", description=clocks)
    if type(iat) not in (int, float) or not now - _OLDEST <= iat <= now + LEEWAY:
        raise ProviderAnswerRefused(
            f"iat={iat!r}, now={now:.0f}: compare the clocks", description=clocks
        )


def nonce(presented: _Presented) -> None:
    """
    Refuse a token of another sign-in: an injected code leads to a token with another nonce.

    Spec: OpenID Connect Core 1.0 §3.1.3.7, rule 11; RFC 9700 §4.5.3
    """
    expected, got = presented.expected.nonce, presented.claims.get("nonce")
    if expected is None:
        return
    if not isinstance(got, str) or not compare_digest(got.encode(), expected.encode()):
        raise ProviderAnswerRefused("the nonce is not that of this sign-in")


def authentication_time(presented: _Presented) -> None:
    """Spec: OpenID Connect Core 1.0 §3.1.3.7, rule 13."""
    require_recent(presented.claims.get("auth_time"), presented.expected.reauthentication)


def access_token_hash(presented: _Presented) -> None:
    """
    Refuse a token whose ``at_hash`` belongs to another access token.

    Spec: OpenID Connect Core 1.0 §3.1.3.6, §3.1.3.8
    """
    got, access_token = presented.claims.get("at_hash"), presented.expected.access_token
    hashed = _HASHES.get(presented.algorithm[-3:])
    if got is None or access_token is None or hashed is None:
        return
    digest = hashed(access_token.encode()).digest()
    if got != encode_segment(digest[: len(digest) // 2]):
        raise ProviderAnswerRefused("at_hash is not of this access token")


def subject(presented: _Presented) -> None:
    """Require a subject of 1 to 255 characters, after a refresh the same as before."""
    got, expected = presented.claims.get("sub"), presented.expected.subject
    if not isinstance(got, str) or not 0 < len(got) <= LONGEST_SUBJECT:
        raise ProviderAnswerRefused("sub is absent, empty or longer than 255 characters")
    if expected is not None and got != expected:
        raise ProviderAnswerRefused("sub is not the user whose tokens were refreshed")


# The kind first: all others assume an ID token. The subject last: it means nothing before.
CHECKS: tuple[Callable[[_Presented], None], ...] = (
    kind,
    issuer,
    audience,
    lifetime,
    nonce,
    authentication_time,
    access_token_hash,
    subject,
)


async def verify_id_token(token: str, keys: KeySource, expected: ExpectedIdToken) -> dict[str, Any]:
    """
    Return the claims of an ID token with a good signature that passes every check.

    Raises:
        ProviderAnswerRefused: 502, the detail names the check.
        AuthenticationTooOld: the user was not authenticated again, as a client asked.
        ProviderUnavailable: 503, the provider's keys cannot be fetched.

    Spec: OpenID Connect Core 1.0 §3.1.3.7, §12.2
    """
    header, claims = await read_signed_token(
        token, keys, expected.algorithms, ProviderAnswerRefused
    )
    presented = _Presented(header.algorithm, header.type, claims, expected)
    for check in CHECKS:
        check(presented)
    return claims
