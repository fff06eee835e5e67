"""A provider's tokens as they are stored: encrypted under the newest key of the ring."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Table, select, update

from doorward.authserver.keys.sealing_keys import Sealed, SealingKeys
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.engine import Store
from doorward.authserver.store.schema import (
    ended_provider_tokens,
    provider_connections,
    provider_sessions,
)
from doorward.authserver.upstream.responses import ProviderTokens

_BATCH = 100


async def seal_tokens(
    keys: SealingKeys, connection: Connection, row_id: str, tokens: ProviderTokens
) -> dict[str, object]:
    """Return the columns with the tokens of the row ``row_id``."""
    document = asdict(tokens)
    # Only what is used again: an ID token says who somebody is, and is needed once.
    document["id_token"] = None
    document["scopes"] = None if tokens.scopes is None else sorted(tokens.scopes)
    sealed = await keys.seal(connection, json.dumps(document).encode(), row_id)
    return {"sealed_tokens": sealed.value, "sealing_key_id": sealed.key_id}


async def unseal_tokens(
    keys: SealingKeys, connection: Connection, row_id: str, sealed: Sealed
) -> ProviderTokens | None:
    """Return the tokens of the row ``row_id``, or ``None`` if their key is gone."""
    opened = await keys.unseal(connection, sealed, row_id)
    if opened is None:
        return None
    document = json.loads(opened)
    scopes = document.pop("scopes")
    return ProviderTokens(**document, scopes=None if scopes is None else frozenset(scopes))


async def reseal_tokens(store: Store, keys: SealingKeys, key_id: str) -> int:
    """
    Encrypt all stored tokens under the key ``key_id``, the newest one.

    Returns of how many sessions and connections they were.
    """
    active = provider_sessions.c.ended_at.is_(None)
    sessions = await _reseal(store, keys, key_id, provider_sessions, active)
    await _reseal(store, keys, key_id, ended_provider_tokens)
    return sessions + await _reseal(store, keys, key_id, provider_connections)


async def _reseal(
    store: Store, keys: SealingKeys, key_id: str, rows: Table, *conditions: ColumnElement[bool]
) -> int:
    """Do it in small batches, so that nobody waits for long."""
    table = rows.c
    changed, after = 0, ""

    async def reseal_batch(connection: Connection) -> tuple[int, Sequence[Any]]:
        batch = select(table.id, table.sealed_tokens, table.sealing_key_id)
        batch = batch.where(table.sealing_key_id != key_id, *conditions, table.id > after)
        found = (await connection.execute(batch.order_by(table.id).limit(_BATCH))).all()
        return sum([await _reseal_row(connection, keys, rows, row) for row in found]), found

    while True:
        moved, found = await store.write(reseal_batch)
        if not found:
            return changed
        changed, after = changed + moved, found[-1].id


async def _reseal_row(connection: Connection, keys: SealingKeys, rows: Table, row: Any) -> int:
    old = Sealed(row.sealing_key_id, row.sealed_tokens)
    plain = await keys.unseal(connection, old, row.id)
    # Encrypted under another secret: void, whatever the key.
    if plain is None:
        return 0
    fresh = await keys.seal(connection, plain, row.id)
    # Only if it is still the same: a refresh may have brought newer tokens.
    moved = await connection.execute(
        update(rows)
        .where(rows.c.id == row.id, rows.c.sealed_tokens == row.sealed_tokens)
        .values(sealed_tokens=fresh.value, sealing_key_id=fresh.key_id)
    )
    return moved.rowcount
