"""The services that every endpoint of the authorization server gets."""

from collections.abc import Mapping
from dataclasses import dataclass

from doorward.authserver.clients.assertions import ClientAssertions
from doorward.authserver.clients.registry import Clients
from doorward.authserver.events import EventRecorder
from doorward.authserver.grants.access_tokens import AccessTokens
from doorward.authserver.grants.refresh_tokens import RefreshTokens
from doorward.authserver.grants.transactions import Transactions
from doorward.authserver.keys.sealing_keys import SealingKeys
from doorward.authserver.keys.signing_keys import KeyRing
from doorward.authserver.openid.id_tokens import IdTokens
from doorward.authserver.provider_tokens.connection_checks import ConnectionChecks
from doorward.authserver.provider_tokens.connections import Connections
from doorward.authserver.provider_tokens.links import ConnectLinks
from doorward.authserver.provider_tokens.lookup import ProviderTokenLookup
from doorward.authserver.provider_tokens.pasted_keys import PastedKeys
from doorward.authserver.provider_tokens.revocation import TokenRevocation
from doorward.authserver.rate_limits import RateLimits
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.store.engine import Store
from doorward.authserver.store.rows.cleanup import Cleanup
from doorward.authserver.upstream.logins import ProviderLogins
from doorward.authserver.upstream.provider_client import ProviderClient
from doorward.authserver.upstream.sessions.accounts import ProviderAccounts
from doorward.authserver.upstream.sessions.session_checks import SessionChecks
from doorward.authserver.upstream.sessions.sessions import ProviderSessions
from doorward.authserver.users.cookies import Cookies
from doorward.authserver.users.known_browsers import KnownBrowsers
from doorward.authserver.users.sessions import Sessions
from doorward.authserver.users.users import Users
from doorward.net.clock import Clock


@dataclass(frozen=True, kw_only=True)
class Services:
    """The services of one authorization server; ``server`` makes them once."""

    settings: AuthServerSettings
    clock: Clock
    store: Store
    cleanup: Cleanup
    keys: KeyRing
    access_tokens: AccessTokens
    refresh_tokens: RefreshTokens
    id_tokens: IdTokens
    users: Users
    clients: Clients
    client_assertions: ClientAssertions
    cookies: Cookies
    sessions: Sessions
    known_browsers: KnownBrowsers
    transactions: Transactions
    limits: RateLimits
    events: EventRecorder
    providers: Mapping[str, ProviderClient]
    provider_logins: ProviderLogins
    provider_accounts: ProviderAccounts
    provider_sessions: ProviderSessions
    sealing_keys: SealingKeys
    session_checks: SessionChecks
    connections: Connections
    connect_links: ConnectLinks
    connection_checks: ConnectionChecks
    pasted_keys: PastedKeys
    provider_tokens: ProviderTokenLookup
    token_revocation: TokenRevocation

    def record_event(self, kind: str, *, reason: str | None = None, **facts: str) -> str:
        """Record an event, and return its correlation id; ``reason`` says why something failed."""
        return self.events.record_event(kind, reason=reason, **facts)
