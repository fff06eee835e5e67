"""The authorization server: endpoints, checks in visible order, sign-in, consent, keys, store."""

from doorward.authserver.events import ServerEvent
from doorward.authserver.exchanges import Exchange
from doorward.authserver.revoked_tokens import RevokedTokens
from doorward.authserver.server import AuthorizationServer
from doorward.authserver.settings import (
    AuthServerSettings,
    ConfiguredClient,
    Lifetimes,
    Limits,
    Resource,
)

__all__ = [
    "AuthServerSettings",
    "AuthorizationServer",
    "ConfiguredClient",
    "Exchange",
    "Lifetimes",
    "Limits",
    "Resource",
    "RevokedTokens",
    "ServerEvent",
]
