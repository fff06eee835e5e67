"""
A code or a refresh token on PostgreSQL: one statement finds all about it, and one exchanges it.

A statement there costs more than its rows, because its answer is waited for. The transactions of the
token endpoint need five of them, with BEGIN and COMMIT. They remain the reference: what is not found
here, or was claimed by another request meanwhile, is decided by them. A client whose row is stored is
found by the first statement, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Float, LargeBinary, Select, Update, bindparam, insert, select, true

from doorward.authserver.clients.rows import Beside, with_client
from doorward.authserver.grants.codes import CLAIM, PresentedCode, claimable
from doorward.authserver.grants.refresh_tokens import ROTATE, StoredRefreshToken
from doorward.authserver.grants.usable_grants import USABLE, read_usable, usable_at
from doorward.authserver.keys.secrets import hash_secret
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.rows.grants import RECORD_TOKEN, Grant
from doorward.authserver.store.schema import codes, grants, refresh_tokens
from doorward.authserver.users.users import User

assert CLAIM.whereclause is not None
_FIND_CODE = (
    USABLE.add_columns(codes.c.nonce)
    .join(codes, codes.c.grant_id == grants.c.id)
    .where(CLAIM.whereclause)
)
_FIND_REFRESH_TOKEN = (
    USABLE.add_columns(
        refresh_tokens.c.token_hash,
        refresh_tokens.c.issued_at,
        refresh_tokens.c.expires_at.label("token_expires_at"),
    )
    .join(refresh_tokens, refresh_tokens.c.grant_id == grants.c.id)
    .where(
        refresh_tokens.c.token_hash == bindparam("digest"),
        refresh_tokens.c.rotated_at.is_(None),
        grants.c.client_id == bindparam("client"),
    )
)
_FIND_CODE_WITH_CLIENT = with_client(_FIND_CODE)
_FIND_REFRESH_TOKEN_WITH_CLIENT = with_client(_FIND_REFRESH_TOKEN)


def _exchange(claim: Update) -> Select[Any]:
    """Return the statement that claims, records the access token and stores the refresh token."""
    # PostgreSQL takes the locks in this order, as the transactions do: each part needs the rows of the
    # one before.
    claimed = claim.cte("claimed")
    recorded = (
        RECORD_TOKEN.where(grants.c.id == claimed.c.grant_id).returning(grants.c.id).cte("recorded")
    )
    new = {
        "token_hash": bindparam("token_hash", type_=LargeBinary),
        "grant_id": recorded.c.id,
        "issued_at": bindparam("now", type_=Float),
        "expires_at": bindparam("token_expires_at", type_=Float),
    }
    stored = insert(refresh_tokens).from_select(list(new), select(*new.values())).cte("stored")
    found = select(claimed.c.grant_id, recorded.c.id.label("recorded"))
    return found.select_from(claimed.outerjoin(recorded, true())).add_cte(stored)


_EXCHANGE_CODE = _exchange(CLAIM)
_EXCHANGE_REFRESH_TOKEN = _exchange(ROTATE.returning(refresh_tokens.c.grant_id))

Exchange = Literal["done", "revoked", "not-claimed"]
"""
``revoked``: the grant was revoked at the same moment, and the code or token is spent.
``not-claimed``: another request claimed it, so nothing was written.
"""


@dataclass(frozen=True)
class Found:
    """A grant that can be used, and its user unless disabled."""

    grant: Grant
    user: User | None


@dataclass(frozen=True)
class FoundCode(Found):
    """A valid code."""

    nonce: str | None


@dataclass(frozen=True)
class FoundRefreshToken(Found):
    """A refresh token that was not rotated."""

    kept: StoredRefreshToken


def code_beside(settings: AuthServerSettings, presented: PresentedCode, now: float) -> Beside:
    """Return what finds a code with its client."""
    return Beside(_FIND_CODE_WITH_CLIENT, _code_values(settings, presented, now))


async def find_code(
    connection: Connection, settings: AuthServerSettings, presented: PresentedCode, now: float
) -> FoundCode | None:
    """Return what belongs to a code if it can be claimed."""
    values = _code_values(settings, presented, now)
    return read_code((await connection.execute(_FIND_CODE, values)).one_or_none())


def read_code(row: Any) -> FoundCode | None:
    """Return what a row of ``find_code`` or ``code_beside`` holds."""
    if row is None or row.id is None:
        return None
    return FoundCode(*read_usable(row), nonce=row.nonce)


def _code_values(
    settings: AuthServerSettings, presented: PresentedCode, now: float
) -> dict[str, Any]:
    return claimable(settings, presented, now) | usable_at(settings, now)


def refresh_token_beside(
    settings: AuthServerSettings, token: str, client_id: str, now: float
) -> Beside:
    """Return what finds a refresh token with its client."""
    return Beside(_FIND_REFRESH_TOKEN_WITH_CLIENT, _refresh_values(settings, token, client_id, now))


async def find_refresh_token(
    connection: Connection, settings: AuthServerSettings, token: str, client_id: str, now: float
) -> FoundRefreshToken | None:
    """Return what belongs to a refresh token of the client if it was not rotated."""
    values = _refresh_values(settings, token, client_id, now)
    return read_refresh_token((await connection.execute(_FIND_REFRESH_TOKEN, values)).one_or_none())


def read_refresh_token(row: Any) -> FoundRefreshToken | None:
    """Return what a row of ``find_refresh_token`` or ``refresh_token_beside`` holds."""
    if row is None or row.id is None:
        return None
    kept = StoredRefreshToken(
        digest=row.token_hash,
        grant_id=row.id,
        issued_at=row.issued_at,
        expires_at=row.token_expires_at,
        rotated_at=None,
        successor=None,
        sealed_answer=None,
    )
    return FoundRefreshToken(*read_usable(row), kept=kept)


def _refresh_values(
    settings: AuthServerSettings, token: str, client_id: str, now: float
) -> dict[str, Any]:
    return {"digest": hash_secret(token), "client": client_id, **usable_at(settings, now)}


async def exchange_code(
    connection: Connection, claim: Mapping[str, Any], until: float, refresh_row: Mapping[str, Any]
) -> Exchange:
    """Claim a code by the parameters of ``CLAIM``, and store its tokens."""
    return await _run(connection, _EXCHANGE_CODE, claim, until, refresh_row)


async def exchange_refresh_token(
    connection: Connection, rotate: Mapping[str, Any], until: float, refresh_row: Mapping[str, Any]
) -> Exchange:
    """Rotate a refresh token by the parameters of ``ROTATE``, and store its successor."""
    return await _run(connection, _EXCHANGE_REFRESH_TOKEN, rotate, until, refresh_row)


async def _run(
    connection: Connection,
    statement: Select[Any],
    claim: Mapping[str, Any],
    until: float,
    refresh_row: Mapping[str, Any],
) -> Exchange:
    values = {
        **claim,
        "until": until,
        "token_hash": refresh_row["token_hash"],
        "token_expires_at": refresh_row["expires_at"],
    }
    row = (await connection.execute(statement, values)).one_or_none()
    if row is None:
        return "not-claimed"
    return "done" if row.recorded is not None else "revoked"
