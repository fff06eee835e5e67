"""The authorization server: endpoints, checks in visible order, sign-in, consent, keys, store."""

from doorward.authserver.events import ServerEvent
from doorward.authserver.exchange_policy import ExchangePolicy
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
    "AuthServerSettings",
    "AuthorizationServer",
    "ConfiguredClient",
    "ExchangePolicy",
    "Lifetimes",
    "Limits",
    "Resource",
    "RevokedTokens",
    "ServerEvent",
]
