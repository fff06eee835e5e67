"""The registry of clients: registered, configured, or described by a metadata document."""

from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Any

from sqlalchemy import case, delete, insert, or_, update

from doorward.authserver.client_auth_methods import find_auth_method
from doorward.authserver.clients.metadata_documents import ClientMetadataDocuments
from doorward.authserver.clients.registered_ids import RegisteredIds, new_registration_id
from doorward.authserver.clients.rows import (
    Beside,
    find_row,
    make_room,
    metadata_digest,
    metadata_document,
    operator_row,
    read_stored_metadata,
    remove_client,
)
from doorward.authserver.events import EventRecorder
from doorward.authserver.keys.secrets import hash_secret
from doorward.authserver.refusals import UnknownClient
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.settings.configured_client import ConfiguredClient
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.engine import Store
from doorward.authserver.store.schema import clients
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

    ``registered``: nobody. ``configured`` and ``added``: the operator, in the settings or with
    ``doorward clients add``. ``document``: the owner of the host name in the client_id.
    """

    client_id: str
    origin: str
    metadata: ClientMetadata
    secret_hash: bytes | None = field(default=None, repr=False)
    introspects: str | None = None
    used_at: float | None = field(default=None, compare=False)

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
        ids: RegisteredIds,
    ) -> None:
        self._store = store
        self._documents = documents
        self._settings = settings
        self._clock = clock
        self._events = events
        self._ids = ids

    async def start(self) -> None:
        """Write the configured clients, and remove those that are no longer configured."""
        named = [client.client_id for client in self._settings.clients]

        async def replace(connection: Connection) -> None:
            await connection.execute(
                delete(clients).where(
                    or_(clients.c.origin == "configured", clients.c.client_id.in_(named))
                )
            )
            for client in self._settings.clients:
                await connection.execute(insert(clients).values(**self._configured(client)))

        await self._store.exclusive(replace)

    async def find(self, client_id: str, beside: Beside | None = None) -> Client:
        """
        Return the client of that id; the same statement finds what is ``beside`` a stored client.

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
        registration = self._ids.registration(client_id)
        row = await self._store.look_up(
            lambda connection: find_row(connection, client_id, registration, beside)
        )
        if row is None or (row.client_expires_at is not None and row.client_expires_at <= now):
            raise UnknownClient(f"no client {client_id!r}")
        metadata = read_stored_metadata(row.document)
        if registration:
            return self._registered(client_id, metadata, row.used_at)
        return Client(
            client_id=row.client_key,
            origin=row.origin,
            metadata=metadata,
            secret_hash=row.secret_hash,
            introspects=row.introspects,
        )

    async def register(self, metadata: ClientMetadata) -> tuple[Client, str | None]:
        """
        Return a new client with its secret; equal metadata is stored once.

        At the maximum number of registrations, the oldest one that was never used makes room.
        Otherwise, somebody who registers without end would keep everybody else from registering.

        Raises:
            TooManyRequests: 429, the maximum number of registrations is in use.
        """
        now = self._clock()
        registration = await self._store.exclusive(
            lambda connection: self._store_registration(connection, metadata, now)
        )
        client_id = self._ids.issue(registration)
        client = self._registered(client_id, metadata)
        return client, self._ids.secret(client_id) if _needs(metadata) == "secret" else None

    async def _store_registration(
        self, connection: Connection, metadata: ClientMetadata, now: float
    ) -> str:
        await connection.execute(delete(clients).where(clients.c.expires_at <= now))
        digest = metadata_digest(metadata)
        unused = now + self._settings.lifetimes.unused_client
        later = case((clients.c.expires_at > unused, clients.c.expires_at), else_=unused)
        found = await connection.execute(
            update(clients)
            .where(clients.c.digest == digest)
            .values(expires_at=later)
            .returning(clients.c.client_id)
        )
        registration: str | None = found.scalar_one_or_none()
        if registration is not None:
            return registration
        await make_room(connection, self._settings.limits.clients)
        registration = new_registration_id()
        await connection.execute(
            insert(clients).values(
                client_id=registration,
                origin="registered",
                document=metadata_document(metadata),
                digest=digest,
                created_at=now,
                expires_at=unused,
            )
        )
        return registration

    def _registered(
        self, client_id: str, metadata: ClientMetadata, used_at: float | None = None
    ) -> Client:
        secret = self._ids.secret(client_id) if _needs(metadata) == "secret" else None
        return Client(
            client_id=client_id,
            origin="registered",
            metadata=metadata,
            secret_hash=None if secret is None else hash_secret(secret),
            used_at=used_at,
        )

    async def touch(self, client: Client) -> None:
        """Note that a registered client was used, so that its registration does not expire."""
        if client.origin != "registered":
            return
        now = self._clock()
        if client.used_at is not None and now - _TOUCH_INTERVAL < client.used_at <= now:
            return
        unnoted = or_(clients.c.used_at.is_(None), clients.c.used_at <= now - _TOUCH_INTERVAL)
        used = (
            update(clients)
            .where(clients.c.client_id == self._ids.registration(client.client_id), unnoted)
            .values(used_at=now, expires_at=now + self._settings.lifetimes.idle_client)
        )
        await self._store.write(lambda connection: connection.execute(used))

    async def remove(self, client_id: str) -> None:
        """Remove a client with its consents, and revoke its grants."""
        now = self._clock()
        await self._store.write(lambda connection: remove_client(connection, client_id, now))

    async def _from_document(self, client_id: str) -> Client:
        if self._documents is None:
            raise UnknownClient("client_id is a URL and client documents are switched off")
        metadata, changed = await self._documents.read(client_id)
        if changed:
            self._events.record_event("client-document.changed", client_id=client_id)
        return Client(client_id=client_id, origin="document", metadata=metadata)

    def _configured(self, client: ConfiguredClient) -> dict[str, Any]:
        resource = self._settings.resource(client.introspects) if client.introspects else None
        row = operator_row(client, "configured", self._clock())
        return {**row, "introspects": resource.uri if resource else None}


def _needs(metadata: ClientMetadata) -> str | None:
    method = find_auth_method(metadata.token_endpoint_auth_method)
    return None if method is None else method.needs
