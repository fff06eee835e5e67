"""What a user has agreed to: per client, address to return to and resource, with the scopes."""

import json
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256

from sqlalchemy import ColumnElement, Table, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from doorward.authserver.clients.registry import Client
from doorward.authserver.store.grants import revoke_grants
from doorward.authserver.store.schema import consents, grants
from doorward.wire.oauth.redirect_uri import without_port

_INSERT: Mapping[str, Callable[[Table], postgresql.Insert | sqlite.Insert]] = {
    "postgresql": postgresql.insert,
    "sqlite": sqlite.insert,
}


def client_digest(client: Client) -> bytes:
    """
    Return a digest of what a person was told about a client when they agreed.

    A document that later names another application, or other addresses, was not agreed to.
    """
    metadata = client.metadata
    told = [metadata.client_name, metadata.client_uri, sorted(metadata.redirect_uris)]
    return sha256(json.dumps(told).encode()).digest()


async def remembered_scopes(
    connection: AsyncConnection, user_id: str, client: Client, redirect_uri: str, resource: str
) -> frozenset[str]:
    """Return the scopes that need no new question; empty when the client shows another face."""
    row = (
        await connection.execute(
            select(consents).where(_key(user_id, client.client_id, redirect_uri, resource))
        )
    ).one_or_none()
    if row is None or row.shown != client_digest(client):
        return frozenset()
    return frozenset(row.scopes)


async def consented_scopes(
    connection: AsyncConnection, user_id: str, client_id: str, redirect_uri: str, resource: str
) -> frozenset[str] | None:
    """Return the scopes of a consent that was not withdrawn, or ``None``; for a refresh."""
    row = (
        await connection.execute(
            select(consents.c.scopes).where(_key(user_id, client_id, redirect_uri, resource))
        )
    ).one_or_none()
    return None if row is None else frozenset(row.scopes)


async def remember(
    connection: AsyncConnection,
    *,
    user_id: str,
    client: Client,
    redirect_uri: str,
    resource: str,
    scopes: Iterable[str],
    now: float,
) -> None:
    """Keep an answer, together with what was agreed to before while the client is the same."""
    before = await remembered_scopes(connection, user_id, client, redirect_uri, resource)
    answer = {
        "scopes": sorted(before | frozenset(scopes)),
        "shown": client_digest(client),
        "given_at": now,
    }
    digest = consent_digest(user_id, client.client_id, redirect_uri, resource)
    kept = _INSERT[connection.dialect.name](consents).values(
        digest=digest,
        user_id=user_id,
        client_id=client.client_id,
        redirect_uri=without_port(redirect_uri),
        resource=resource,
        **answer,
    )
    # One statement: two answers at once are two answers, and not one of them a failure.
    await connection.execute(kept.on_conflict_do_update(index_elements=["digest"], set_=answer))


async def withdraw(connection: AsyncConnection, user_id: str, client_id: str, now: float) -> None:
    """Forget everything a user agreed to for one client, and revoke all tokens that came of it."""
    theirs = (grants.c.user_id == user_id) & (grants.c.client_id == client_id)
    await revoke_grants(connection, theirs, "consent-withdrawn", now)
    await connection.execute(
        delete(consents).where(consents.c.user_id == user_id, consents.c.client_id == client_id)
    )


def consent_digest(user_id: str, client_id: str, redirect_uri: str, resource: str) -> bytes:
    """Return what one consent is found by: 32 bytes, however long its parts are."""
    # JSON keeps the parts apart. Joined as they are, another client and another address could spell
    # the same text, and the one would be let in by what was agreed for the other.
    parts = [user_id, client_id, without_port(redirect_uri), resource]
    return sha256(json.dumps(parts).encode()).digest()


def _key(user_id: str, client_id: str, redirect_uri: str, resource: str) -> ColumnElement[bool]:
    return consents.c.digest == consent_digest(user_id, client_id, redirect_uri, resource)
