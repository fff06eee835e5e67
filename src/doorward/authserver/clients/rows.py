"""The table of clients: metadata as it is stored, room for new rows, and removal."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from hashlib import sha256
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    delete,
    func,
    insert,
    or_,
    select,
    true,
)

from doorward.authserver.clients.registered_ids import claimed_registration
from doorward.authserver.keys.secrets import hash_secret
from doorward.authserver.refusals import TooManyRequests
from doorward.authserver.settings.configured_client import ConfiguredClient
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.rows.grants import revoke_grants
from doorward.authserver.store.schema import clients, consents, grants
from doorward.wire.oauth.client_metadata import ClientMetadata

_COLUMNS = (
    clients.c.client_id.label("client_key"),
    clients.c.origin,
    # As text: equal documents are read once.
    cast(clients.c.document, Text).label("document"),
    clients.c.secret_hash,
    clients.c.introspects,
    clients.c.used_at,
    clients.c.expires_at.label("client_expires_at"),
)
_IS_CLIENT = or_(
    clients.c.client_id == bindparam("the_id"),
    clients.c.client_id == bindparam("the_registration"),
)
_FIND = select(*_COLUMNS).where(_IS_CLIENT)
_LISTS = ("redirect_uris", "grant_types", "response_types")


def metadata_document(metadata: ClientMetadata) -> dict[str, Any]:
    """Return the metadata as it is stored."""
    scope = None if metadata.scope is None else sorted(metadata.scope)
    return {**asdict(metadata), "scope": scope}


def read_metadata(document: Mapping[str, Any]) -> ClientMetadata:
    """Return the metadata that ``metadata_document`` wrote."""
    lists = {name: tuple(document[name]) for name in _LISTS}
    metadata = ClientMetadata(**{**document, **lists, "scope": None})
    if document["scope"] is None:
        return metadata
    return replace(metadata, scope=frozenset(document["scope"]))


@lru_cache(256)
def read_stored_metadata(document: str) -> ClientMetadata:
    """Return the metadata of a document as the database has it."""
    return read_metadata(json.loads(document))


def metadata_digest(metadata: ClientMetadata) -> bytes:
    """Return the key by which equal metadata is found."""
    return sha256(json.dumps(metadata_document(metadata), sort_keys=True).encode()).digest()


def operator_row(client: ConfiguredClient, origin: str, now: float) -> dict[str, Any]:
    """Return the row of a client that the operator vouches for."""
    metadata = ClientMetadata(
        redirect_uris=client.redirect_uris,
        token_endpoint_auth_method=client.auth_method,
        grant_types=client.grant_types,
        client_name=client.name,
        jwks=client.jwks,
        jwks_uri=client.jwks_uri,
    )
    return {
        "client_id": client.client_id,
        "origin": origin,
        "document": metadata_document(metadata),
        "secret_hash": hash_secret(client.secret) if client.secret else None,
        "created_at": now,
    }


async def make_room(connection: Connection, most: int) -> None:
    """
    Delete the oldest registrations that were never used, until there are fewer than ``most``.

    Raises:
        TooManyRequests: 429, all of them are in use.
    """
    registered = clients.c.origin == "registered"
    count = select(func.count()).select_from(clients).where(registered)
    extra = (await connection.execute(count)).scalar_one() - most + 1
    if extra <= 0:
        return
    oldest = (
        select(clients.c.client_id)
        .where(registered, clients.c.used_at.is_(None))
        .order_by(clients.c.created_at)
        .limit(extra)
    )
    deleted = await connection.execute(delete(clients).where(clients.c.client_id.in_(oldest)))
    if deleted.rowcount < extra:
        raise TooManyRequests(f"{most} registrations are in use", retry_after=3600)


@dataclass
class Beside:
    """
    What one statement finds beside a client, such as the code that the client presents.

    ``statement`` is of ``with_client``. ``row`` has its columns, all NULL if there is nothing; it is
    ``None`` until a client is found.
    """

    statement: Select[Any]
    values: Mapping[str, Any]
    row: Any = None


def with_client(other: Select[Any]) -> Select[Any]:
    """Return the statement that finds a client, and what ``other`` finds."""
    found = other.subquery("found")
    return (
        select(*_COLUMNS, *found.c).select_from(clients.outerjoin(found, true())).where(_IS_CLIENT)
    )


async def find_row(
    connection: Connection, client_id: str, registration: str | None, beside: Beside | None = None
) -> Any:
    """Return the row of a client, or of the ``registration`` that issued its ID, or ``None``."""
    ids = {"the_id": client_id, "the_registration": registration or client_id}
    if beside is None:
        found = (await connection.execute(_FIND, ids)).all()
    else:
        found = (await connection.execute(beside.statement, {**beside.values, **ids})).all()
        beside.row = found[0] if found else None
    rows = {row.origin: row for row in found}
    if "removed" in rows:
        return None
    # The key of a registration is no client ID: only IDs that were issued for it are.
    if registration is None:
        return next((row for origin, row in rows.items() if origin != "registered"), None)
    return rows.get("registered")


async def remove_client(connection: Connection, client_id: str, now: float) -> bool:
    """
    Remove a client with its consents, and revoke its grants; return whether there was one.

    The key of a registration removes all of its clients. A client ID document has no row, but can
    have consents and grants.
    """
    registration = claimed_registration(client_id)
    key = clients.c.client_id == (registration or client_id)
    origin = (await connection.execute(select(clients.c.origin).where(key))).scalar_one_or_none()
    forgotten = await connection.execute(delete(consents).where(_ids(consents, client_id, origin)))
    revoked = await revoke_grants(
        connection, _ids(grants, client_id, origin), "client-removed", now
    )
    if registration is None:
        await connection.execute(delete(clients).where(key))
    elif origin is not None:
        # Equal metadata is one row, so the row stays for the other clients. This one is noted.
        await connection.execute(delete(clients).where(clients.c.client_id == client_id))
        await connection.execute(
            insert(clients).values(
                client_id=client_id, origin="removed", document={}, created_at=now
            )
        )
    return origin is not None or forgotten.rowcount + revoked > 0


def _ids(table: Table, client_id: str, origin: str | None) -> ColumnElement[bool]:
    exact = table.c.client_id == client_id
    # Only for a registration. Otherwise "https://app.example/client" would remove
    # "https://app.example/client.json".
    if origin != "registered" or claimed_registration(client_id) is not None:
        return exact
    return table.c.client_id.startswith(f"{client_id}.", autoescape=True)
