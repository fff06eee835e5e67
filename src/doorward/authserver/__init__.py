"""An OAuth 2.1 authorization server for MCP: endpoints, sign-in, consent, keys and store."""

from doorward.authserver.events import AuditSink, ServerEvent, log_event
from doorward.authserver.server import AuthorizationServer
from doorward.authserver.settings.admission import Allow, ProviderAccount
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.settings.configured_client import ConfiguredClient
from doorward.authserver.settings.exchange_policy import ExchangePolicy
from doorward.authserver.settings.identity_provider import IdentityProvider
from doorward.authserver.settings.lifetimes import Lifetimes, Limits
from doorward.authserver.settings.resource import Resource
from doorward.authserver.store.rows.revoked_tokens import RevokedTokens

__all__ = [
    "Allow",
    "AuditSink",
    "AuthServerSettings",
    "AuthorizationServer",
    "ConfiguredClient",
    "ExchangePolicy",
    "IdentityProvider",
    "Lifetimes",
    "Limits",
    "ProviderAccount",
    "Resource",
    "RevokedTokens",
    "ServerEvent",
    "log_event",
]
