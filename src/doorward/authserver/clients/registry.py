"""The registry of clients: registered, configured, or described by a metadata document."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from hmac import compare_digest
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from doorward.authserver.client_auth_methods import find_auth_method
from doorward.authserver.clients.metadata_documents import ClientMetadataDocuments
from doorward.authserver.events import EventRecorder
from doorward.authserver.keys.secrets import hash_secret, new_secret
from doorward.authserver.refusals import TooManyRequests, UnknownClient
from doorward.authserver.settings import AuthServerSettings, ConfiguredClient
from doorward.authserver.store.engine import Store
from doorward.authserver.store.grants import revoke_grants
from doorward.authserver.store.schema import clients, consents, grants
from doorward.net.clock import Clock
from doorward.wire.oauth.client_metadata import (
    LONGEST_CLIENT_ID,
    ClientMetadata,
    looks_like_url,
)

# The time of last use is written at most once in this many seconds.
_TOUCH_INTERVAL = 3600.0


@dataclass(frozen=True, kw_only=True)
class Client:
    """
    An OAuth client. ``origin`` says who vouches for ``metadata``.

    ``registered``: nobody. ``configured``: the operator. ``document``: the owner of the host name in
    the client_id.
    """

    client_id: str
    origin: str
    metadata: ClientMetadata
    secret_hash: bytes | None = field(default=None, repr=False)
    introspects: str | None = None

    @property
    def is_confidential(self) -> bool:
        """Whether the client authenticates; a public client does not."""
        return _needs(self.metadata) is not None

    def has_secret(self, secret: str) -> bool:
        """Say whether ``secret`` is this client's; a client without a secret has none that matches."""
        if self.secret_hash is None or not secret:
            return False
        return compare_digest(self.secret_hash, hash_secret(secret))


class Clients:
    """Finds clients, and stores registered and configured ones."""

    def __init__(
        self,
        store: Store,
        documents: ClientMetadataDocuments | None,
        settings: AuthServerSettings,
        clock: Clock,
        events: EventRecorder,
    ) -> None:
        self._store = store
        self._documents = documents
        self._settings = settings
        self._clock = clock
        self._events = events

    async def start(self) -> None:
        """Write the configured clients, and remove those that are no longer configured."""
        named = [client.client_id for client in self._settings.clients]
        async with self._store.exclusive() as connection:
            await connection.execute(
                delete(clients).where(
                    or_(clients.c.origin == "configured", clients.c.client_id.in_(named))
                )
            )
            for client in self._settings.clients:
                await connection.execute(insert(clients).values(**self._configured(client)))

    async def find(self, client_id: str) -> Client:
        """
        Return the client of that id.

        Raises:
            UnknownClient: no client has that id, or its registration has expired.
            ClientDocumentUnavailable: the client's document cannot be fetched or used.
            StoreUnavailable: 503; it is unknown whether the client exists.
        """
        if not 0 < len(client_id) <= LONGEST_CLIENT_ID or not client_id.isprintable():
            raise UnknownClient("the client_id is too long or unreadable")
        if looks_like_url(client_id):
            return await self._from_document(client_id)
        now = self._clock()
        async with self._store.reading() as connection:
            row = (
                await connection.execute(select(clients).where(clients.c.client_id == client_id))
            ).one_or_none()
        if row is None or (row.expires_at is not None and row.expires_at <= now):
            raise UnknownClient(f"no client {client_id!r}")
        return _client(row._mapping)

    async def register(self, metadata: ClientMetadata) -> tuple[Client, str | None]:
        """
        Store a new client, and return it with its secret; only the secret's hash is stored.

        Raises:
            TooManyRequests: 429, the maximum number of clients is registered.
        """
        secret = new_secret() if _needs(metadata) == "secret" else None
        client = Client(
            # Never a URL: URLs are looked up as documents.
            client_id=f"dw-{uuid4().hex}",
            origin="registered",
            metadata=metadata,
            secret_hash=hash_secret(secret) if secret else None,
        )
        now = self._clock()
        async with self._store.exclusive() as connection:
            await connection.execute(delete(clients).where(clients.c.expires_at <= now))
            kept = (
                await connection.execute(select(func.count()).select_from(clients))
            ).scalar_one()
            if kept >= self._settings.limits.clients:
                raise TooManyRequests(f"{kept} clients are registered", retry_after=3600)
            await connection.execute(
                insert(clients).values(
                    client_id=client.client_id,
                    origin=client.origin,
                    document=_document(metadata),
                    secret_hash=client.secret_hash,
                    created_at=now,
                    expires_at=now + self._settings.lifetimes.unused_client,
                )
            )
        return client, secret

    async def touch(self, client: Client) -> None:
        """Note that a registered client was used, so that its registration does not expire."""
        if client.origin != "registered":
            return
        now = self._clock()
        unnoted = or_(clients.c.used_at.is_(None), clients.c.used_at <= now - _TOUCH_INTERVAL)
        async with self._store.writing() as connection:
            await connection.execute(
                update(clients)
                .where(clients.c.client_id == client.client_id, unnoted)
                .values(used_at=now, expires_at=now + self._settings.lifetimes.idle_client)
            )

    async def remove(self, client_id: str) -> None:
        """Delete a client with its consents, and revoke its grants."""
        async with self._store.writing() as connection:
            await connection.execute(delete(clients).where(clients.c.client_id == client_id))
            await _forget(connection, client_id, self._clock())

    async def _from_document(self, client_id: str) -> Client:
        if self._documents is None:
            raise UnknownClient("client_id is a URL and client documents are switched off")
        metadata, changed = await self._documents.read(client_id)
        if changed:
            self._events.record_event("client-document.changed", client_id=client_id)
        return Client(client_id=client_id, origin="document", metadata=metadata)

    def _configured(self, client: ConfiguredClient) -> dict[str, Any]:
        metadata = ClientMetadata(
            redirect_uris=client.redirect_uris,
            token_endpoint_auth_method=client.auth_method,
            grant_types=client.grant_types,
            client_name=client.name,
            jwks=client.jwks,
            jwks_uri=client.jwks_uri,
        )
        resource = self._settings.resource(client.introspects) if client.introspects else None
        return {
            "client_id": client.client_id,
            "origin": "configured",
            "document": _document(metadata),
            "secret_hash": hash_secret(client.secret) if client.secret else None,
            "introspects": resource.uri if resource else None,
            "created_at": self._clock(),
        }


def _needs(metadata: ClientMetadata) -> str | None:
    method = find_auth_method(metadata.token_endpoint_auth_method)
    return None if method is None else method.needs


async def _forget(connection: AsyncConnection, client_id: str, now: float) -> None:
    await connection.execute(delete(consents).where(consents.c.client_id == client_id))
    await revoke_grants(connection, grants.c.client_id == client_id, "client-removed", now)


def _document(metadata: ClientMetadata) -> dict[str, Any]:
    document = asdict(metadata)
    document["scope"] = None if metadata.scope is None else sorted(metadata.scope)
    return document


def _client(row: Mapping[Any, Any]) -> Client:
    document = row["document"]
    lists = {
        name: tuple(document[name]) for name in ("redirect_uris", "grant_types", "response_types")
    }
    metadata = ClientMetadata(**{**document, **lists, "scope": None})
    if document["scope"] is not None:
        metadata = replace(metadata, scope=frozenset(document["scope"]))
    return Client(
        client_id=row["client_id"],
        origin=row["origin"],
        metadata=metadata,
        secret_hash=row["secret_hash"],
        introspects=row["introspects"],
    )
