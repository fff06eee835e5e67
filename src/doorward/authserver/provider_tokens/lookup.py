"""The calling user's own token at an identity provider, for the server that was called."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from doorward.authserver.events import EventRecorder
from doorward.authserver.grants.access_tokens import AccessTokens
from doorward.authserver.provider_tokens.connection_checks import ConnectionChecks
from doorward.authserver.provider_tokens.connections import EXPIRY_MARGIN, Connections
from doorward.authserver.provider_tokens.links import ConnectLinks
from doorward.authserver.provider_tokens.pasted_keys import PastedKeys
from doorward.authserver.refusals import (
    AccountNotConnected,
    InvalidScope,
    InvalidTarget,
    SubjectTokenRefused,
)
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.settings.pasted_key import PASTED_KEY
from doorward.authserver.store.engine import Store
from doorward.authserver.store.rows.grants import provider_sessions_of
from doorward.authserver.store.schema import grants
from doorward.authserver.upstream.refusals import ProviderGrantEnded
from doorward.authserver.upstream.responses import ProviderTokens
from doorward.authserver.upstream.sessions.session_checks import SessionChecks
from doorward.authserver.upstream.sessions.sessions import ProviderSession, ProviderSessions
from doorward.net import Clock

_POLL = 0.5


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which token is asked for; ``subject_token`` is the caller's, for the server ``resource``."""

    subject_token: str = field(repr=False)
    resource: str
    provider: str
    scopes: frozenset[str] = frozenset()


class ProviderTokenLookup:
    """
    Finds the caller's token: of their sign-in at the provider, or of the account they connected.

    Whose token it is follows from the access token alone, which is verified here. No name, header or
    parameter chooses a user.
    """

    def __init__(
        self,
        store: Store,
        settings: AuthServerSettings,
        access_tokens: AccessTokens,
        sessions: tuple[ProviderSessions, SessionChecks],
        connections: tuple[Connections, ConnectionChecks, ConnectLinks],
        pasted_keys: PastedKeys,
        events: EventRecorder,
        clock: Clock,
    ) -> None:
        self._store = store
        self._settings = settings
        self._access_tokens = access_tokens
        self._sessions, self._session_checks = sessions
        self._connections, self._connection_checks, self._links = connections
        self._pasted_keys = pasted_keys
        self._events = events
        self._clock = clock

    async def find(self, asked: Asked) -> ProviderTokens:
        """
        Return the tokens of the caller, refreshed if they are over.

        Raises:
            SubjectTokenRefused: 400; the token is not ours, over, revoked, exchanged, or for another
                server.
            InvalidTarget: 400; there is no such provider.
            InvalidScope: 400; the provider is not asked for such a scope.
            AccountNotConnected: 400; the user must connect an account first.
            ProviderGrantEnded: 400; the session of the user's sign-in has ended at the provider.
            ProviderUnavailable, StoreUnavailable: 503.
        """
        self._require_known(asked)
        claims = self._access_tokens.read(asked.subject_token)
        # A server must not use a token that was issued for another server.
        if claims is None or claims.get("aud") != asked.resource:
            raise SubjectTokenRefused("not an access token of ours for this server, or over")
        # The user let an application use another server, which acts here. Nobody told the user that
        # this server gets the account, and nobody asked.
        if "act" in claims:
            raise SubjectTokenRefused("an exchanged token: another server acts for the user")
        user_id = str(claims["sub"])
        if asked.provider == PASTED_KEY:
            found = await self._pasted(claims, asked)
        else:
            found = await self._of_sign_in(claims, asked)
            found = found or await self._of_connection(user_id, asked)
        if found is None:
            link = await self._links.create(user_id, asked.resource, asked.provider)
            raise AccountNotConnected(f"no account at {asked.provider!r} is connected", link)
        self._events.record_event(
            "provider-token.given",
            provider=asked.provider,
            user=user_id,
            client_id=str(claims["client_id"]),
        )
        return found

    async def is_connected(self, asked: Asked, *, wait: float) -> bool:
        """Say whether the caller has connected an account, after at most ``wait`` seconds."""
        claims = self._access_tokens.read(asked.subject_token)
        if claims is None:
            return False
        owned = (str(claims["sub"]), asked.resource, asked.provider)
        try:
            async with asyncio.timeout(wait):
                # Another process may store it, so there is no event to wait for.
                while await self._connections.find_id(*owned) is None:  # noqa: ASYNC110
                    await asyncio.sleep(_POLL)
        except TimeoutError:
            return False
        return True

    def _require_known(self, asked: Asked) -> None:
        if asked.provider == PASTED_KEY and self._settings.pasted_key(asked.resource) is not None:
            return
        provider = self._settings.identity_provider(asked.provider)
        if provider is None:
            raise InvalidTarget(f"no identity provider {asked.provider[:80]!r}")
        # A connection is made with the configured scopes: another one could never be had.
        if missing := sorted(asked.scopes - provider.token_scopes):
            raise InvalidScope(
                f"{asked.provider!r} is not asked for {missing}",
                description="The provider is not asked for that scope: see provider_scopes.",
            )

    async def _pasted(self, claims: Mapping[str, Any], asked: Asked) -> ProviderTokens | None:
        user_id = str(claims["sub"])
        async with self._store.reading() as connection:
            if not await self._access_tokens.is_alive(connection, claims):
                raise SubjectTokenRefused("revoked, or its user is gone")
            found = await self._pasted_keys.find(connection, user_id, asked.resource)
        if found is None:
            return None
        await self._pasted_keys.note_use(found)
        return found.tokens

    async def _of_sign_in(self, claims: Mapping[str, Any], asked: Asked) -> ProviderTokens | None:
        """Return the tokens of the session that the caller's grant hangs on, if they will do."""
        grant_id = str(claims["jti"]).partition(".")[0]
        async with self._store.reading() as connection:
            if not await self._access_tokens.is_alive(connection, claims):
                raise SubjectTokenRefused("revoked, or its user is gone")
            of_grant = await provider_sessions_of(connection, grants.c.id == grant_id)
            sessions = [await self._sessions.find(connection, one) for one in of_grant]
        session = next((one for one in sessions if one and one.provider == asked.provider), None)
        if session is None:
            return None
        await self._session_checks.require_good(session.id)
        session = await self._session(session.id)
        if session.tokens and self._expires_soon(session.tokens) and session.tokens.refresh_token:
            await self._session_checks.make_due(session.id, session.check_due_at)
            await self._session_checks.require_good(session.id)
            session = await self._session(session.id)
        return self._usable(session.tokens, asked)

    async def _session(self, session_id: str) -> ProviderSession:
        async with self._store.reading() as connection:
            session = await self._sessions.find(connection, session_id)
        if session is None or session.ended:
            raise ProviderGrantEnded(f"session {session_id} has ended")
        return session

    async def _of_connection(self, user_id: str, asked: Asked) -> ProviderTokens | None:
        """Return the tokens of the account that the caller connected for this server."""
        row_id = await self._connections.find_id(user_id, asked.resource, asked.provider)
        if row_id is None:
            return None
        try:
            tokens = await self._connection_checks.current(row_id)
        except ProviderGrantEnded:
            return None
        if (usable := self._usable(tokens, asked)) is not None:
            await self._connections.note_use(row_id)
        return usable

    def _usable(self, tokens: ProviderTokens | None, asked: Asked) -> ProviderTokens | None:
        if tokens is None or (tokens.expires_at is not None and tokens.expires_at <= self._clock()):
            return None
        # Without scopes in the answer, all that were requested are granted (RFC 6749 §5.1).
        if tokens.scopes is None:
            return tokens
        return tokens if asked.scopes <= self._granted(tokens.scopes, asked.provider) else None

    def _granted(self, named: frozenset[str], provider: str) -> frozenset[str]:
        """Return the scopes that a provider's answer names, with those that they stand for."""
        settings = self._settings.identity_provider(provider)
        known = None if settings is None else settings.sign_in.implied_scopes
        implied = {} if known is None else known.value
        return named.union(*(implied.get(scope, ()) for scope in named))

    def _expires_soon(self, tokens: ProviderTokens) -> bool:
        expires_at = tokens.expires_at
        return expires_at is not None and expires_at <= self._clock() + EXPIRY_MARGIN
