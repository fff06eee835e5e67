"""What is known of a kept token, told without the token."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from doorward.client.oauth.token_store import TokenStore
from doorward.client.oauth.tokens import Tokens
from doorward.client.storage.open_store import open_store
from doorward.jose.compact import NotCompact, unverified_claims


def token_store_of(account: str | None) -> TokenStore:
    """
    Return what this user holds as ``account``.

    Raises:
        ConfigurationError: the name cannot be one, or the store cannot be used.
    """
    return TokenStore(open_store(), account)


def document_of(url: str, tokens: Tokens, place: str) -> dict[str, Any]:
    """
    Return everything that may be told of ``tokens``.

    What the token says of its user is read, not verified: only the server can do that.
    """
    claims = _claims(tokens.access_token)
    return {
        "server": url,
        "issuer": tokens.issuer,
        "resource": tokens.resource,
        "client_id": tokens.client_id,
        "subject": _text(claims.get("sub")),
        "name": _text(claims.get("name") or claims.get("preferred_username")),
        "scopes": sorted(tokens.scopes),
        "roles": [role for role in _list(claims.get("roles")) if isinstance(role, str)],
        "expires_at": tokens.expires_at,
        "renewable": tokens.refresh_token is not None,
        "kept_in": place,
    }


def facts_of(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the same for a person to read."""
    subject, name = document["subject"], document["name"]
    who = f"{name} ({subject})" if name and name != subject else subject
    facts = [
        ("user", who or "not said by the token"),
        ("issuer", document["issuer"]),
        ("scopes", " ".join(document["scopes"]) or "none"),
        ("roles", " ".join(document["roles"])),
        ("expires", _when(document["expires_at"], renewable=document["renewable"])),
        ("kept in", document["kept_in"]),
    ]
    return [(label, value) for label, value in facts if value]


def _when(expires_at: float | None, *, renewable: bool) -> str:
    after = ", renewed by itself" if renewable else ", then sign in again"
    if expires_at is None:
        return "not said" + after
    left = expires_at - time.time()
    clock = datetime.fromtimestamp(expires_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{_span(left)} ({clock}){after}"


def _span(seconds: float) -> str:
    if seconds <= 0:
        return "over"
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = round(seconds / size)
            return f"in {count} {unit}{'s' if count > 1 else ''}"
    return f"in {round(seconds)} seconds"


def _claims(token: str) -> dict[str, Any]:
    try:
        return unverified_claims(token)
    except NotCompact:
        return {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
