"""
The grants of the token endpoint: one entry each.

The endpoint, metadata and registration all read this table.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from doorward.authserver.clients.registry import Client
from doorward.authserver.clients.rows import Beside
from doorward.authserver.services import Services
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.token.code_grant import code_of_request, redeem_code
from doorward.authserver.token.exchange_grant import exchange_token, may_exchange
from doorward.authserver.token.refresh_grant import refresh, refresh_token_of_request
from doorward.wire.oauth.parameters import Parameters

GrantHandler = Callable[[Services, Client, Parameters, Beside | None], Awaitable[dict[str, Any]]]
ClientRule = Callable[[AuthServerSettings, Client], bool]


@dataclass(frozen=True, kw_only=True)
class GrantType:
    """
    One grant of the token endpoint.

    ``handle`` returns the token response. ``beside`` returns what is found with a client of that ID,
    and is given to ``handle``. ``may_use`` says whether a client may use the grant.
    Metadata names the grant where ``is_enabled``. Only a ``registrable`` one is kept in the
    metadata of a client that registers itself: others work without a user, or without consent.

    Spec: RFC 6749 §4, §5.2; RFC 7591 §2; RFC 8414 §2
    """

    name: str
    handle: GrantHandler
    may_use: ClientRule
    beside: Callable[[Services, str, Parameters], Beside | None] = lambda *_: None
    is_enabled: Callable[[AuthServerSettings], bool] = lambda _settings: True
    registrable: bool = False


def _registered_for(name: str) -> ClientRule:
    return lambda _settings, client: name in client.metadata.grant_types


GRANT_TYPES: tuple[GrantType, ...] = (
    GrantType(
        name="authorization_code",
        handle=redeem_code,
        beside=code_of_request,
        may_use=_registered_for("authorization_code"),
        registrable=True,
    ),
    GrantType(
        name="refresh_token",
        handle=refresh,
        beside=refresh_token_of_request,
        may_use=_registered_for("refresh_token"),
        registrable=True,
    ),
    GrantType(
        name="urn:ietf:params:oauth:grant-type:token-exchange",
        handle=lambda services, client, form, _: exchange_token(services, client, form),
        may_use=may_exchange,
        is_enabled=lambda settings: settings.has_exchanges,
    ),
)


def enabled_grant_types(settings: AuthServerSettings) -> Mapping[str, GrantType]:
    """Return the grants that are served and advertised, by name."""
    return {grant.name: grant for grant in GRANT_TYPES if grant.is_enabled(settings)}
