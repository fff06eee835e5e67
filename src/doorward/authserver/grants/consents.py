"""Consents: the scopes that a user allowed, per client, redirect URI and resource."""

import json
from collections.abc import Iterable
from hashlib import sha256

from sqlalchemy import Insert, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from doorward.authserver.clients.registry import Client
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.rows.grants import revoke_grants
from doorward.authserver.store.schema import consents, grants
from doorward.wire.oauth.redirect_uri import without_port

_FIND = select(consents).where(consents.c.digest == bindparam("the_digest"))


def _remember(statement: postgresql.Insert | sqlite.Insert) -> Insert:
    changed = {name: statement.excluded[name] for name in ("scopes", "shown", "given_at")}
    return statement.on_conflict_do_update(index_elements=["digest"], set_=changed)


_REMEMBER = {
    "postgresql": _remember(postgresql.insert(consents)),
    "sqlite": _remember(sqlite.insert(consents)),
}


def client_digest(client: Client) -> bytes:
    """
    Return a digest of what the consent page shows about a client.

    If the client's document later has another name or other redirect URIs, the consent is void.
    """
    metadata = client.metadata
    displayed = [metadata.client_name, metadata.client_uri, sorted(metadata.redirect_uris)]
    return sha256(json.dumps(displayed).encode()).digest()


async def remembered_scopes(
    connection: Connection, user_id: str, client: Client, redirect_uri: str, resource: str
) -> frozenset[str]:
    """Return the scopes that need no new consent; none if the client's metadata has changed."""
    digest = consent_digest(user_id, client.client_id, redirect_uri, resource)
    row = (await connection.execute(_FIND, {"the_digest": digest})).one_or_none()
    if row is None or row.shown != client_digest(client):
        return frozenset()
    return frozenset(row.scopes)


async def remember(
    connection: Connection,
    *,
    user_id: str,
    client: Client,
    redirect_uri: str,
    resource: str,
    scopes: Iterable[str],
    left_out: Iterable[str] = (),
    now: float,
) -> None:
    """
    Store a consent. While the client is unchanged, it adds to the earlier scopes.

    Scopes that were ``left_out`` now are not remembered from earlier.
    """
    before = await remembered_scopes(connection, user_id, client, redirect_uri, resource)
    answer = {
        "scopes": sorted(before.difference(left_out) | frozenset(scopes)),
        "shown": client_digest(client),
        "given_at": now,
    }
    digest = consent_digest(user_id, client.client_id, redirect_uri, resource)
    row = {
        "digest": digest,
        "user_id": user_id,
        "client_id": client.client_id,
        "redirect_uri": without_port(redirect_uri),
        "resource": resource,
        **answer,
    }
    # One statement: two consents at the same time must both succeed.
    await connection.execute(_REMEMBER[connection.dialect.name], row)


async def withdraw(connection: Connection, user_id: str, client_id: str, now: float) -> None:
    """Delete a user's consents for one client, and revoke all tokens of it."""
    theirs = (grants.c.user_id == user_id) & (grants.c.client_id == client_id)
    await revoke_grants(connection, theirs, "consent-withdrawn", now)
    await connection.execute(
        delete(consents).where(consents.c.user_id == user_id, consents.c.client_id == client_id)
    )


def consent_digest(user_id: str, client_id: str, redirect_uri: str, resource: str) -> bytes:
    """Return the key of a consent: 32 bytes, however long its parts are."""
    # JSON keeps the parts apart. Plainly joined, another client and another redirect URI could give
    # the same text, and one client would get the consent of the other.
    parts = [user_id, client_id, without_port(redirect_uri), resource]
    return sha256(json.dumps(parts).encode()).digest()
