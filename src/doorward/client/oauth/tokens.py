"""A token response: parsed once, with limits, and never printed."""

import re
from dataclasses import asdict, dataclass, field
from typing import Any

import msgspec

from doorward.client.refusals import SignInFailed
from doorward.wire.oauth.scope import build_scope, parse_scope

# RFC 6750 §2.1 b64token. A line break in a token would write a header of its own.
_SENDABLE = re.compile(r"[A-Za-z0-9._~+/-]+=*")

MAX_LIFETIME = 366 * 86400
"""Seconds; a longer lifetime is cut to this, so that no date overflows."""
# The end of the year 9999, the last that a datetime can hold.
_LATEST = 253_402_300_799


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """
    An access token with its refresh token, issuer, resource and scopes.

    ```python
    def is_usable(tokens: Tokens | None) -> bool:
        return tokens is not None and tokens.is_fresh(time.time(), margin=60)
    ```

    ``expires_at`` is in seconds since 1970, or ``None`` if unknown. Every lookup needs the issuer
    and the resource. ``refused_scopes`` were requested and not granted. ``proof_key`` is the DPoP private key in PEM form, ``None`` for a bearer token.

    Spec: RFC 6749 §5.1; RFC 8707 §2.2; RFC 9449 §5
    """

    issuer: str
    resource: str
    client_id: str
    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_at: float | None = None
    scopes: frozenset[str] = frozenset()
    refused_scopes: frozenset[str] = frozenset()
    proof_key: str | None = field(default=None, repr=False)

    def is_fresh(self, now: float, margin: float = 30.0) -> bool:
        """Return whether the token is valid for another ``margin`` seconds, if its expiry is known."""
        return self.expires_at is None or now < self.expires_at - margin

    def to_record(self) -> dict[str, Any]:
        """Return the record for the token store."""
        return {
            **asdict(self),
            "scopes": build_scope(self.scopes),
            "refused_scopes": build_scope(self.refused_scopes),
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Tokens | None":
        """Return the tokens in ``record``, or ``None`` if it is not valid."""
        try:
            scopes = parse_scope(record["scopes"])
            refused = parse_scope(record.get("refused_scopes", ""))
            if scopes is None or refused is None or not is_sendable(record["access_token"]):
                return None
            # The constructor refuses unknown members, msgspec refuses wrong types.
            found = cls(**{**record, "scopes": scopes, "refused_scopes": refused})
            found = msgspec.convert(vars(found), cls)
        except (KeyError, TypeError, AttributeError, msgspec.ValidationError):
            return None
        end = found.expires_at
        # No date can be made of a later end.
        return found if end is None or 0 <= end <= _LATEST else None


def read_tokens(
    document: dict[str, Any],
    *,
    issuer: str,
    resource: str,
    client_id: str,
    requested: frozenset[str],
    now: float,
    proof_key: str | None = None,
) -> Tokens:
    """
    Return the tokens in a token response.

    ``requested`` are the scopes if the response has none. ``now`` is in seconds since 1970.
    ``proof_key`` is the DPoP key of the token request.

    Raises:
        SignInFailed: with reason ``malformed-token-response``.

    Spec: RFC 6749 §5.1; RFC 6750 §2.1
    """
    token_type = document.get("token_type")
    kind = token_type.lower() if isinstance(token_type, str) else None
    if kind != "bearer" and (kind != "dpop" or proof_key is None):
        raise _malformed(f"token_type is {token_type!r}, not Bearer")
    access_token = document.get("access_token")
    if not is_sendable(access_token):
        raise _malformed("access_token is missing or cannot be sent in a header")
    refresh_token = document.get("refresh_token")
    if refresh_token is not None and not (isinstance(refresh_token, str) and refresh_token):
        raise _malformed("refresh_token is not a string")
    scopes = _granted(document.get("scope"), requested)
    return Tokens(
        issuer=issuer,
        resource=resource,
        client_id=client_id,
        access_token=str(access_token),
        refresh_token=refresh_token,
        expires_at=_expiry(document.get("expires_in"), now),
        scopes=scopes,
        refused_scopes=requested - scopes,
        proof_key=proof_key if kind == "dpop" else None,
    )


def is_sendable(token: object) -> bool:
    """Return whether ``token`` is a valid Bearer token for a header (b64token)."""
    return isinstance(token, str) and len(token) < 65536 and bool(_SENDABLE.fullmatch(token))


def _expiry(expires_in: Any, now: float) -> float | None:
    if expires_in is None:
        return None
    # Some providers send the string "3600". No other string is accepted.
    if isinstance(expires_in, str) and re.fullmatch(r"[0-9]{1,12}", expires_in):
        expires_in = int(expires_in)
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float):
        raise _malformed("expires_in is not a number of seconds")
    # "not >" and not "<=": every comparison with NaN is false.
    if not expires_in > 0:
        raise _malformed("expires_in is not in the future")
    return now + min(expires_in, MAX_LIFETIME)


def _granted(scope: Any, requested: frozenset[str]) -> frozenset[str]:
    if scope is None:
        return requested
    granted = parse_scope(scope) if isinstance(scope, str) else None
    if granted is None:
        raise _malformed("scope is not a scope string")
    return granted


def _malformed(what: str) -> SignInFailed:
    return SignInFailed(
        "malformed-token-response",
        f"The token response is not valid: {what}.",
        "The authorization server's operator must fix it.",
    )
