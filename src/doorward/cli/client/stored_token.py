"""Describes a stored token without showing it."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from doorward.client.oauth.token_store import TokenStore
from doorward.client.oauth.tokens import Tokens
from doorward.client.storage.open_store import open_store
from doorward.jose.compact import MalformedJws, unverified_claims


def token_store_of(account: str | None) -> TokenStore:
    """
    Return the token store of ``account``.

    Raises:
        ConfigurationError: the account name is invalid, or the store cannot be used.
    """
    return TokenStore(open_store(), account)


def stored_token_document(url: str, tokens: Tokens, place: str) -> dict[str, Any]:
    """
    Return the printable facts about ``tokens``.

    Does not verify the claims in the access token: only the server can.
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
        "stored_in": place,
    }


def stored_token_facts(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the same facts as labels and texts."""
    subject, name = document["subject"], document["name"]
    who = f"{name} ({subject})" if name and name != subject else subject
    facts = [
        ("user", who or "not in the token"),
        ("issuer", document["issuer"]),
        ("scopes", " ".join(document["scopes"]) or "none"),
        ("roles", " ".join(document["roles"])),
        ("expires", _when(document["expires_at"], renewable=document["renewable"])),
        ("storage", document["stored_in"]),
    ]
    return [(label, value) for label, value in facts if value]


def _when(expires_at: float | None, *, renewable: bool) -> str:
    after = ", renews automatically" if renewable else ", then sign in again"
    if expires_at is None:
        return "unknown" + after
    left = expires_at - time.time()
    clock = datetime.fromtimestamp(expires_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{_span(left)} ({clock}){after}"


def _span(seconds: float) -> str:
    if seconds <= 0:
        return "expired"
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = round(seconds / size)
            return f"in {count} {unit}{'s' if count > 1 else ''}"
    return f"in {round(seconds)} seconds"


def _claims(token: str) -> dict[str, Any]:
    try:
        return unverified_claims(token)
    except MalformedJws:
        return {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
