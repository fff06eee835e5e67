"""Sessions at identity providers: who signed in there, and the sealed tokens of the provider."""

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Table, delete, insert, select, update

from doorward.authserver.keys.sealing_keys import Sealed, SealingKeys
from doorward.authserver.settings.admission import ProviderAccount
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.settings.identity_provider import IdentityProvider
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.engine import Store
from doorward.authserver.store.rows.ended_tokens import end_provider_sessions
from doorward.authserver.store.rows.grants import revoke_grants
from doorward.authserver.store.schema import grants, provider_sessions, sessions
from doorward.authserver.upstream.responses import ProviderTokens
from doorward.authserver.upstream.sessions.sealed_tokens import seal_tokens, unseal_tokens
from doorward.authserver.users.authentication import Authentication
from doorward.net.clock import Clock

# How long a provider's word counts, where its token names no other time.
_CHECK_INTERVAL = 3600.0
_SHORTEST_INTERVAL = 300.0
_CREATE = insert(provider_sessions)


@dataclass(frozen=True, kw_only=True)
class ProviderSession:
    """
    A session at a provider; ``tokens`` is ``None`` if the settings have made them void.

    ``authentication`` is what the provider said of the sign-in.
    """

    id: str
    user_id: str
    provider: str
    subject: str
    tokens: ProviderTokens | None = field(repr=False)
    check_due_at: float
    ended: bool
    authentication: Authentication


class ProviderSessions:
    """The table of sessions at identity providers."""

    def __init__(
        self, store: Store, settings: AuthServerSettings, keys: SealingKeys, clock: Clock
    ) -> None:
        self._store = store
        self._settings = settings
        self._keys = keys
        self._clock = clock

    async def create(
        self,
        provider: IdentityProvider,
        account: ProviderAccount,
        user_id: str,
        tokens: ProviderTokens,
    ) -> str:
        """Store a session, and return the new id."""
        session_id = uuid4().hex
        now = self._clock()
        row = {
            "id": session_id,
            "user_id": user_id,
            "provider": provider.name,
            "issuer": provider.issuer_url,
            "client_id": provider.client_id,
            "subject": account.subject,
            "sid": account.sid,
            "acr": account.acr,
            "amr": sorted(account.amr),
            "auth_time": account.auth_time,
            "created_at": now,
            "checked_at": now,
            "check_due_at": check_due_at(tokens, now),
            # Longer than any grant that hangs on it.
            "expires_at": now + self._settings.lifetimes.refresh_absolute + 86400,
        }

        async def add(connection: Connection) -> None:
            sealed = await seal_tokens(self._keys, connection, session_id, tokens)
            await connection.execute(_CREATE, row | sealed)

        await self._store.write(add)
        return session_id

    async def find(self, connection: Connection, session_id: str) -> ProviderSession | None:
        """Return the session, or ``None`` if there is none of that id."""
        row = (
            await connection.execute(
                select(provider_sessions).where(provider_sessions.c.id == session_id)
            )
        ).one_or_none()
        return None if row is None else await self._read(connection, row)

    async def is_active(self, connection: Connection, session_id: str) -> bool:
        """
        Say whether the session has not ended; it cannot end before the caller's transaction does.

        On PostgreSQL, a logout waits for the lock, and then finds what the caller has written. SQLite
        runs one writing transaction at a time.
        """
        active = (provider_sessions.c.id == session_id, provider_sessions.c.ended_at.is_(None))
        found = select(provider_sessions.c.id).where(*active).with_for_update(read=True)
        return (await connection.execute(found)).one_or_none() is not None

    async def keep_tokens(self, session_id: str, tokens: ProviderTokens) -> bool:
        """Store the tokens that the provider has just issued; say whether the session is active."""

        async def keep(connection: Connection) -> bool:
            kept = await connection.execute(
                update(provider_sessions)
                # Not in a session that a logout has ended meanwhile: its tokens are deleted.
                .where(provider_sessions.c.id == session_id, provider_sessions.c.ended_at.is_(None))
                .values(**await seal_tokens(self._keys, connection, session_id, tokens))
            )
            return kept.rowcount == 1

        return await self._store.write(keep)

    async def renew(
        self, connection: Connection, session_id: str, tokens: ProviderTokens, now: float
    ) -> None:
        """Note that the provider has said that the account is good."""
        await connection.execute(
            update(provider_sessions)
            .where(provider_sessions.c.id == session_id)
            .values(checked_at=now, check_due_at=check_due_at(tokens, now), refreshing_until=None)
        )

    async def end(self, connection: Connection, session_id: str, reason: str) -> bool:
        """
        End a session with every grant and every browser session that hangs on it.

        Says whether it was active. The provider's tokens are deleted.
        """
        now = self._clock()
        ended = await connection.execute(
            update(provider_sessions)
            .where(provider_sessions.c.id == session_id, provider_sessions.c.ended_at.is_(None))
            .values(ended_at=now, ended_for=reason, sealed_tokens=b"", refreshing_until=None)
        )
        await _end_dependents(connection, session_id, now)
        return ended.rowcount == 1

    async def end_matching(
        self,
        connection: Connection,
        provider: IdentityProvider,
        *,
        subject: str | None,
        sid: str | None,
    ) -> int:
        """End the sessions that a provider names; return how many were active."""
        table = provider_sessions
        named = (
            named_by_provider(table, provider, subject=subject, sid=sid),
            table.c.ended_at.is_(None),
        )
        found = (await connection.execute(select(table.c.id).where(*named))).all()
        for row in found:
            await self.end(connection, row.id, "provider-logout")
        return len(found)

    async def _read(self, connection: Connection, row: Any) -> ProviderSession:
        provider = self._settings.identity_provider(row.provider)
        same = (
            provider is not None
            and not provider.connect_only
            and provider.issuer_url == row.issuer
            and provider.client_id == row.client_id
            and provider.unmet_authentication(row.acr, row.amr or ()) is None
        )
        return ProviderSession(
            id=row.id,
            user_id=row.user_id,
            provider=row.provider,
            subject=row.subject,
            # Tokens of another issuer or client must not be sent to the one that is configured now, and
            # a session without a second factor does not count once the settings require one. What counts
            # is how it began: refreshed ID tokens need not repeat acr and amr.
            tokens=await self._unsealed(connection, row) if same else None,
            check_due_at=row.check_due_at,
            ended=row.ended_at is not None,
            authentication=Authentication(
                time=row.auth_time, acr=row.acr, amr=tuple(row.amr or ())
            ),
        )

    async def _unsealed(self, connection: Connection, row: Any) -> ProviderTokens | None:
        sealed = Sealed(row.sealing_key_id, row.sealed_tokens)
        return await unseal_tokens(self._keys, connection, row.id, sealed)


async def end_unused_session(connection: Connection, session_id: str, now: float) -> bool:
    """
    End a session that no grant uses, with its browser sessions; say whether it has ended now.

    The provider's tokens then wait for revocation.
    """
    in_use = select(grants.c.id).where(
        grants.c.provider_session_id == session_id,
        grants.c.revoked_at.is_(None),
        grants.c.expires_at > now,
    )
    if (await connection.execute(in_use.limit(1))).one_or_none() is not None:
        return False
    which = provider_sessions.c.id == session_id
    ended = await end_provider_sessions(connection, which, "revoked", now)
    if ended:
        await _end_dependents(connection, session_id, now)
    return ended == 1


def named_by_provider(
    rows: Table, provider: IdentityProvider, *, subject: str | None, sid: str | None
) -> ColumnElement[bool]:
    """Return the condition that a logout token of the provider names a row."""
    # The issuer too: another provider may give the same id to somebody else.
    named = rows.c.issuer == provider.issuer_url
    if subject is not None:
        named &= rows.c.subject == subject
    if sid is not None:
        named &= rows.c.sid == sid
    return named


async def _end_dependents(connection: Connection, session_id: str, now: float) -> None:
    """End every grant and every browser session that hangs on a session."""
    await revoke_grants(
        connection, grants.c.provider_session_id == session_id, "provider-session-ended", now
    )
    await connection.execute(delete(sessions).where(sessions.c.provider_session_id == session_id))


def check_due_at(tokens: ProviderTokens, now: float) -> float:
    """Return when the provider must be asked again whether the account is still good."""
    life = _CHECK_INTERVAL if tokens.expires_at is None else tokens.expires_at - now
    return now + min(max(life, _SHORTEST_INTERVAL), _CHECK_INTERVAL)
