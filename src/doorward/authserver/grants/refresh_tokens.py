"""
Refresh tokens: issued, rotated, and answered again if a response was lost.

A token is random text, the id of its grant, and a code that only this server can compute. The row of
a rotated token is deleted soon after the grace period, since clients can make thousands of them. Its
token still proves that it was issued for the grant: its use is reuse, and ends the grant.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from math import inf
from typing import Any

import msgspec
from sqlalchemy import Float, bindparam, insert, select, update

from doorward.authserver.keys.secrets import (
    authenticate,
    derive,
    hash_secret,
    new_secret,
    seal,
    unseal,
)
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.rows.grants import Grant
from doorward.authserver.store.schema import grants, refresh_tokens

_CONTEXT = "doorward refresh answer"
_RANDOM_LENGTH = 43
_CODE_LENGTH = 32
_ISSUE = insert(refresh_tokens)
_ROTATED_AT = select(refresh_tokens.c.rotated_at).where(
    refresh_tokens.c.token_hash == bindparam("digest")
)
_FIND = (
    select(refresh_tokens)
    .join(grants, grants.c.id == refresh_tokens.c.grant_id)
    .where(
        refresh_tokens.c.token_hash == bindparam("digest"),
        grants.c.client_id == bindparam("client"),
    )
    # On PostgreSQL, a second request with the same token waits here, and then gets the answer of the
    # first. SQLite runs one writing transaction at a time.
    .with_for_update(of=refresh_tokens)
)
_GRANT_OF_CLIENT = select(grants.c.id).where(
    grants.c.id == bindparam("the_id"), grants.c.client_id == bindparam("client")
)
ROTATE = (
    update(refresh_tokens)
    .where(
        refresh_tokens.c.token_hash == bindparam("digest"), refresh_tokens.c.rotated_at.is_(None)
    )
    .values(
        rotated_at=bindparam("now", type_=Float),
        successor_hash=bindparam("successor"),
        sealed_answer=bindparam("sealed"),
    )
)


@dataclass(frozen=True, kw_only=True)
class StoredRefreshToken:
    """A refresh token as it is stored."""

    digest: bytes
    grant_id: str
    issued_at: float
    expires_at: float
    rotated_at: float | None
    successor: bytes | None
    sealed_answer: bytes | None


class RefreshTokens:
    """Issues refresh tokens, and finds them again."""

    def __init__(self, settings: AuthServerSettings, secret: str) -> None:
        self._settings = settings
        self._key = derive(secret, "doorward refresh tokens")

    def new(self, grant: Grant, now: float) -> tuple[str, dict[str, Any]]:
        """
        Return a fresh refresh token, and its row for ``store_refresh_token``.

        It expires when it is idle too long, or with the grant.
        """
        random = new_secret()
        token = f"{random}{grant.id}{self._code(random, grant.id)}"
        row = {
            "token_hash": hash_secret(token),
            "grant_id": grant.id,
            "issued_at": now,
            "expires_at": min(now + self._settings.lifetimes.refresh_idle, grant.expires_at),
        }
        return token, row

    async def find(
        self, connection: Connection, token: str, client_id: str
    ) -> StoredRefreshToken | None:
        """Return the token if it belongs to this client, or ``None``."""
        found = await connection.execute(_FIND, {"digest": hash_secret(token), "client": client_id})
        row = found.one_or_none()
        if row is None:
            return await self._find_deleted(connection, token, client_id)
        return StoredRefreshToken(
            digest=row.token_hash,
            grant_id=row.grant_id,
            issued_at=row.issued_at,
            expires_at=row.expires_at,
            rotated_at=row.rotated_at,
            successor=row.successor_hash,
            sealed_answer=row.sealed_answer,
        )

    async def _find_deleted(
        self, connection: Connection, token: str, client_id: str
    ) -> StoredRefreshToken | None:
        """Return a token whose row was deleted, as one that was rotated long ago."""
        random, code = token[:_RANDOM_LENGTH], token[-_CODE_LENGTH:]
        grant_id = token[_RANDOM_LENGTH:-_CODE_LENGTH]
        # Without the code, anybody who knows the id of a grant could end it. Access tokens have it.
        if not token.isascii() or not compare_digest(self._code(random, grant_id), code):
            return None
        found = await connection.execute(
            _GRANT_OF_CLIENT, {"the_id": grant_id, "client": client_id}
        )
        if found.one_or_none() is None:
            return None
        return StoredRefreshToken(
            digest=hash_secret(token),
            grant_id=grant_id,
            issued_at=-inf,
            expires_at=inf,
            rotated_at=-inf,
            successor=None,
            sealed_answer=None,
        )

    def _code(self, random: str, grant_id: str) -> str:
        return authenticate(self._key, random, grant_id)[:_CODE_LENGTH]


async def store_refresh_token(connection: Connection, row: Mapping[str, Any]) -> None:
    """Store a token that ``RefreshTokens.new`` made."""
    await connection.execute(_ISSUE, row)


async def was_rotated(connection: Connection, digest: bytes | None) -> bool:
    """Say whether the token with that hash was rotated."""
    row = (await connection.execute(_ROTATED_AT, {"digest": digest})).one_or_none()
    return row is None or row.rotated_at is not None


def rotation(
    kept: StoredRefreshToken,
    token: str,
    successor: Mapping[str, Any],
    answer: dict[str, Any],
    retry_key: str,
    now: float,
) -> dict[str, Any]:
    """
    Return the parameters of ``ROTATE``, with the encrypted response; ``successor`` is a row.

    The response is encrypted under a key derived from the old token. The database holds only that
    token's hash, so it cannot decrypt the response. A client that lost the response has the token.
    """
    plain = msgspec.json.encode([retry_key, answer])
    return {
        "digest": kept.digest,
        "now": now,
        "successor": successor["token_hash"],
        "sealed": seal(derive(token, _CONTEXT), plain, _CONTEXT),
    }


async def rotate(connection: Connection, values: Mapping[str, Any]) -> bool:
    """Replace a token by its successor, as ``rotation`` says; say whether it was unused."""
    return (await connection.execute(ROTATE, values)).rowcount == 1


def retry_response(kept: StoredRefreshToken, token: str, retry_key: str) -> dict[str, Any] | None:
    """Return the response that ``token`` got, if the request was the same."""
    plain = unseal(derive(token, _CONTEXT), kept.sealed_answer or b"", _CONTEXT)
    if plain is None:
        return None
    stored_key, answer = msgspec.json.decode(plain)
    return answer if stored_key == retry_key else None
