"""The table of clients: metadata as it is stored, room for new rows, and removal."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from doorward.authserver.keys.secrets import hash_secret
from doorward.authserver.refusals import TooManyRequests
from doorward.authserver.settings import ConfiguredClient
from doorward.authserver.store.grants import revoke_grants
from doorward.authserver.store.schema import clients, consents, grants
from doorward.wire.oauth.client_metadata import ClientMetadata

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


async def make_room(connection: AsyncConnection, most: int) -> None:
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


async def remove_client(connection: AsyncConnection, key: str, now: float) -> bool:
    """
    Delete the client or registration ``key`` with its consents; revoke its grants.

    Returns whether there was anything to remove. A client ID document has no row, but can have
    consents and grants.
    """
    row = await connection.execute(
        delete(clients).where(clients.c.client_id == key).returning(clients.c.origin)
    )
    origin = row.scalar_one_or_none()
    forgotten = await connection.execute(delete(consents).where(_ids_of(consents, key, origin)))
    revoked = await revoke_grants(connection, _ids_of(grants, key, origin), "client-removed", now)
    return origin is not None or forgotten.rowcount + revoked > 0


def _ids_of(table: Table, key: str, origin: str | None) -> ColumnElement[bool]:
    # The IDs of a registration are its key, a dot, and more. Those of other clients are the key
    # itself: "https://app.example/client" must not remove "https://app.example/client.json".
    if origin == "registered":
        return table.c.client_id.startswith(f"{key}.", autoescape=True)
    return table.c.client_id == key
