"""Parses a token response into a token, or into the error."""

import re
from collections.abc import Mapping
from typing import Any

from doorward.downstream.refusals import (
    AccountNotConnected,
    AnswerRefused,
    DownstreamRefused,
    DownstreamUnavailable,
    GrantRefused,
    NotGranted,
    SameToken,
    ServerNotKnown,
    SignInNeeded,
    TokenForUs,
)
from doorward.downstream.token import DownstreamToken
from doorward.jose.compact import MalformedJws, unverified_claims
from doorward.net import FetchResponse
from doorward.net.circuit_breaker import BUSY, RETRY
from doorward.wire.oauth.scope import parse_scope
from doorward.wire.strict_json import NotStrictJson, parse_object

MAX_RESPONSE = 128 * 1024
# RFC 6749 appendix A.12, without what would begin another credential in a header. RFC 6750 §2.1
# knows fewer characters, and some issuers use more.
_SENDABLE = re.compile(r"[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]{1,65535}")
_MAX_CLAIMS = 4096
_PAGE = re.compile(r"[A-Za-z0-9_/-]{1,100}(?:\?[a-z]{1,20}=[A-Za-z0-9_-]{1,100})?")

# OpenID Connect Core §3.1.2.6, and Entra's suberror for the last.
_FOR_THE_USER = frozenset({"interaction_required", "login_required", "consent_required"})
# Entra says invalid_grant where the user has not agreed, and names the cause by number alone:
# consent missing, more proof wanted (second factor, enrolment, terms), password expired.
_ENTRA_FOR_THE_USER = frozenset(
    {65001, 50076, 50079, 50158, 50055, 50072, 50074, 53000, 53001, 53003}
)
_BY_ERROR: Mapping[str, type[DownstreamRefused]] = {
    "invalid_grant": GrantRefused,
    "invalid_request": GrantRefused,
    "invalid_token": GrantRefused,
    "invalid_client": ServerNotKnown,
    "invalid_scope": NotGranted,
    "invalid_target": NotGranted,
    "unauthorized_client": NotGranted,
    "access_denied": NotGranted,
    "unsupported_grant_type": NotGranted,
}


def read_answer(
    target: str, answer: FetchResponse, *, now: float, link_prefix: str | None = None
) -> DownstreamToken:
    """
    Return the token in ``answer``.

    ``link_prefix`` is how a link begins that users may be shown, if the issuer may name one.

    Raises:
        DownstreamUnavailable: the issuer is busy or broken.
        DownstreamRefused: it said no.
        AnswerRefused: it said yes, and what it gave is no bearer access token.

    Spec: RFC 6749 §5.1, §5.2; RFC 8693 §2.2
    """
    if answer.status >= 500 or answer.status == 429:
        pause = _retry_after(answer)
        raise DownstreamUnavailable(
            f"{target}: the token endpoint answered {answer.status}",
            retry_after=RETRY if pause is None else pause,
            hold=(RETRY if answer.status in BUSY else 0) if pause is None else pause,
        )
    try:
        document = parse_object(answer.body)
    except NotStrictJson as error:
        raise AnswerRefused(target, f"{answer.status}, and no JSON object: {error}") from None
    if answer.status != 200:
        if link_prefix and (link := _link(document, link_prefix)) is not None:
            raise AccountNotConnected(target, f"{answer.status} with a link", link)
        raise _refusal(target, answer.status, document)
    return _token(target, document, now)


def _token(target: str, document: Mapping[str, Any], now: float) -> DownstreamToken:
    value, kind = document.get("access_token"), document.get("token_type")
    if not isinstance(value, str) or not _SENDABLE.fullmatch(value):
        raise AnswerRefused(target, "no access_token in the answer that a header can carry")
    # Another type, such as DPoP, does not work in a plain Authorization header.
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise AnswerRefused(target, f"token_type={str(kind)[:40]!r}, want Bearer")
    issued = document.get("issued_token_type")
    if issued is not None and not str(issued).endswith((":access_token", ":jwt")):
        raise AnswerRefused(target, f"issued_token_type={str(issued)[:80]!r}")
    scope, life = document.get("scope"), _seconds(document.get("expires_in"))
    return DownstreamToken(
        value,
        scopes=parse_scope(scope) if isinstance(scope, str) else None,
        expires_at=None if life is None else now + life,
    )


def require_other(target: str, token: str, inbound: str, own_audiences: frozenset[str]) -> None:
    """
    Refuse a token that equals the caller's token, or has this server as audience.

    The audience of an opaque token cannot be checked.

    Raises:
        SameToken, TokenForUs.

    Spec: MCP 2026-07-28 security best practices, "Token Passthrough"
    """
    if token == inbound:
        raise SameToken(target, "the issuer returned the caller's own token")
    try:
        audience = unverified_claims(token).get("aud")
    except MalformedJws:
        return
    named = [audience] if isinstance(audience, str) else audience
    if isinstance(named, list) and not own_audiences.isdisjoint(str(one) for one in named):
        raise TokenForUs(target, f"aud={str(audience)[:200]!r} names this server")


def _refusal(target: str, status: int, document: Mapping[str, Any]) -> Exception:
    error = document.get("error")
    error_code = error if isinstance(error, str) and error.isprintable() else "unknown"
    error_code = error_code[:80]
    # Only codes, not the description: some issuers repeat the request in it.
    codes = document.get("error_codes")
    numbers = [one for one in codes if type(one) is int][:5] if isinstance(codes, list) else []
    detail = f"{status} {error_code}" + (f" {numbers}" if numbers else "")
    if error_code == "temporarily_unavailable":
        return DownstreamUnavailable(f"{target}: {detail}", retry_after=RETRY, hold=RETRY)
    suberror = document.get("suberror")
    claims = _claims(document.get("claims"))
    if (
        error_code in _FOR_THE_USER
        or suberror == "consent_required"
        or claims is not None
        or not _ENTRA_FOR_THE_USER.isdisjoint(numbers)
    ):
        return SignInNeeded(target, detail, error_code, claims)
    # Keycloak says unauthorized_client of a wrong secret; the status tells the two apart.
    kind = ServerNotKnown if status == 401 else _BY_ERROR.get(error_code, DownstreamRefused)
    return kind(target, detail, error_code)


def _link(document: Mapping[str, Any], prefix: str) -> str | None:
    """Return the link with which the user connects an account, if the response has one."""
    link = document.get("error_uri")
    # With another error, error_uri is a page for developers (RFC 6749 §5.2).
    if document.get("error") != "interaction_required" or not isinstance(link, str):
        return None
    # Shown to users and to models: only a page of the issuer itself, and no text beside it.
    is_page = link.startswith(prefix) and _PAGE.fullmatch(link.removeprefix(prefix)) is not None
    return link if is_page else None


def _claims(value: object) -> str | None:
    """Return a claims challenge when it is one: it is about to be put into a header."""
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_CLAIMS:
        return None
    try:
        parse_object(value.encode())
    except (NotStrictJson, UnicodeEncodeError):
        return None
    return value


def _seconds(value: object) -> float | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return float(value)
    return float(value) if type(value) in (int, float) and 0 < value < 1e9 else None  # type: ignore[operator,arg-type]


def _retry_after(answer: FetchResponse) -> int | None:
    value = answer.headers.get("retry-after", "").strip()
    return min(int(value), 300) if value.isascii() and value.isdigit() and len(value) < 6 else None
