"""An OAuth 2.1 authorization server for MCP: endpoints, sign-in, consent, keys and store."""

from doorward.authserver.admission import Allow, ProviderAccount
from doorward.authserver.events import AuditSink, ServerEvent, log_event
from doorward.authserver.exchange_policy import ExchangePolicy
from doorward.authserver.identity_provider import IdentityProvider
from doorward.authserver.server import AuthorizationServer
from doorward.authserver.settings import (
    AuthServerSettings,
    ConfiguredClient,
    Lifetimes,
    Limits,
    Resource,
)
from doorward.authserver.store.revoked_tokens import RevokedTokens

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
