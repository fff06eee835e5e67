"""Token exchange for the caller's own token at an identity provider."""

from typing import Any

from doorward.authserver.clients.registry import Client
from doorward.authserver.provider_tokens.lookup import Asked
from doorward.authserver.refusals import InvalidScope
from doorward.authserver.services import Services
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.settings.configured_client import ConfiguredClient
from doorward.wire.oauth.parameters import Parameters
from doorward.wire.oauth.scope import build_scope, parse_scope

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a type


def server_with_provider_tokens(
    settings: AuthServerSettings, client: Client
) -> ConfiguredClient | None:
    """Return the configured server that this client is, if it may get provider tokens."""
    # A client that registered itself may carry any name, but not this origin.
    if client.origin != "configured" or not client.is_confidential:
        return None
    return next(
        (
            one
            for one in settings.clients
            if one.client_id == client.client_id and one.provider_tokens
        ),
        None,
    )


async def provider_token(
    services: Services,
    server: ConfiguredClient,
    provider: str,
    subject_token: str,
    form: Parameters,
) -> dict[str, Any]:
    """
    Return the token at ``provider`` of the user of the subject token.

    The subject token must be for the resource that the server introspects tokens of: a server cannot
    use the tokens of another one.

    Raises:
        InvalidScope: 400; the scope is malformed, or the provider is not asked for it.
        SubjectTokenRefused, AccountNotConnected, ProviderGrantEnded: 400.
        ProviderUnavailable, StoreUnavailable: 503.

    Spec: RFC 8693 §2.1, §2.2
    """
    requested = form.one("scope")
    scopes = frozenset[str]() if requested is None else parse_scope(requested)
    if scopes is None:
        raise InvalidScope("not a scope string", description="scope is not well-formed.")
    assert server.introspects is not None, "checked by the settings"
    asked = Asked(
        subject_token=subject_token, resource=server.introspects, provider=provider, scopes=scopes
    )
    found = await services.provider_tokens.find(asked)
    answer: dict[str, Any] = {
        "access_token": found.access_token,
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "Bearer",
    }
    if found.scopes is not None:
        answer["scope"] = build_scope(found.scopes)
    if found.expires_at is not None:
        answer["expires_in"] = max(int(found.expires_at - services.clock()), 0)
    return answer
