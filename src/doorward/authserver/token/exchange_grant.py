"""``grant_type=…token-exchange``: a token on behalf of the same user, for another server."""

from collections.abc import Mapping
from typing import Any

from doorward.authserver.clients.registry import Client
from doorward.authserver.refusals import (
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    SubjectTokenRefused,
)
from doorward.authserver.services import Services
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.settings.exchange_policy import ExchangePolicy
from doorward.authserver.token.provider_token_grant import (
    ACCESS_TOKEN,
    provider_token,
    server_with_provider_tokens,
)
from doorward.authserver.token.response import token_response
from doorward.authserver.users.users import find_user
from doorward.wire.oauth.parameters import Parameters
from doorward.wire.oauth.scope import parse_scope

JWT = "urn:ietf:params:oauth:token-type:jwt"

# Servers can call each other in a chain. A longer chain is a loop, or an attempt to hide the first
# actor.
MOST_ACTORS = 4


async def exchange_token(services: Services, client: Client, form: Parameters) -> dict[str, Any]:
    """
    Return a token for the user of the subject token: at the next server, or at an identity provider.

    For the next server, its scopes are those that the exchange policy gives for the caller's scopes and the user holds.
    It expires with the subject token, is revoked with the same grant, and cannot be refreshed.
    ``act`` names the acting server.

    Raises:
        InvalidRequest: 400; a parameter is missing, of another type, or asks for impersonation.
        SubjectTokenRefused: 400 ``invalid_request``; not ours, over, revoked, or for another server.
        InvalidTarget: 400; the operator does not let this client act there.
        InvalidScope: 400; more than the caller's token is worth there.

    Spec: RFC 8693 §2.1, §2.2, §4.1, §5; RFC 8707 §2
    """
    token = _subject_token(form)
    target = _target(form)
    server = server_with_provider_tokens(services.settings, client)
    if server is not None and target in server.provider_tokens:
        return await provider_token(services, server, target, token, form)
    exchange = _exchange_for(exchanges_of(services.settings, client), target)
    claims = services.access_tokens.read(token)
    if claims is None:
        raise SubjectTokenRefused("not an access token of ours, or over")
    # A server must not exchange a token that was issued for another server.
    if claims.get("aud") != exchange.resource:
        raise SubjectTokenRefused("a token for another server")
    async with services.store.reading() as connection:
        alive = await services.access_tokens.is_alive(connection, claims)
        user = await find_user(connection, str(claims["sub"])) if alive else None
    if user is None:
        raise SubjectTokenRefused("revoked, or its user is gone")
    held = parse_scope(str(claims["scope"])) or frozenset()
    scopes = _scopes(form, exchange.reachable(held) & user.scopes)
    access = services.access_tokens.issue(
        user=user,
        client_id=client.client_id,
        resource=exchange.target,
        scopes=scopes,
        grant_id=str(claims["jti"]).partition(".")[0],
        expires_by=int(claims["exp"]),
        actor=_actor(client.client_id, claims),
    )
    services.record_event("token.exchanged", client_id=client.client_id, target=exchange.target)
    return {**token_response(access, scopes, None), "issued_token_type": ACCESS_TOKEN}


def exchanges_of(settings: AuthServerSettings, client: Client) -> list[ExchangePolicy]:
    """Return the exchanges that the operator allows this client; only a configured one has any."""
    # A client that registered itself may carry any name, but not this origin.
    if client.origin != "configured" or not client.is_confidential:
        return []
    return [policy for policy in settings.exchanges if policy.client_id == client.client_id]


def _subject_token(form: Parameters) -> str:
    token = form.one("subject_token")
    if token is None:
        raise InvalidRequest("no subject_token", description="subject_token is missing.")
    # Only access tokens grant access; an ID token only identifies a user.
    if form.one("subject_token_type") != ACCESS_TOKEN:
        raise InvalidRequest(
            "another subject_token_type",
            description="subject_token_type must be that of an access token.",
        )
    if form.one("requested_token_type") not in (None, ACCESS_TOKEN, JWT):
        raise InvalidRequest(
            "another requested_token_type", description="Only access tokens are issued here."
        )
    # The actor is always the authenticated client.
    if "actor_token" in form or "actor_token_type" in form:
        raise InvalidRequest("an actor_token", description="actor_token is not supported.")
    return token


def may_exchange(settings: AuthServerSettings, client: Client) -> bool:
    """Say whether the operator allows this client any exchange."""
    server = server_with_provider_tokens(settings, client)
    return server is not None or bool(exchanges_of(settings, client))


def _target(form: Parameters) -> str:
    named = {*form.all_of("resource"), *form.all_of("audience")}
    if len(named) != 1:
        raise InvalidTarget(f"{len(named)} targets", description="Name exactly one target.")
    return named.pop()


def _exchange_for(allowed: list[ExchangePolicy], target: str) -> ExchangePolicy:
    found = next((one for one in allowed if one.target == target), None)
    if found is None:
        raise InvalidTarget("the client may not act there")
    return found


def _scopes(form: Parameters, worth: frozenset[str]) -> frozenset[str]:
    requested = form.one("scope")
    if requested is None:
        scopes: frozenset[str] | None = worth
    else:
        scopes = parse_scope(requested)
    if scopes is None:
        raise InvalidScope("not a scope string", description="scope is not well-formed.")
    if not scopes or not scopes <= worth:
        raise InvalidScope("more than the caller's token is worth there")
    return scopes


def _actor(client_id: str, claims: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claim ``act``: this client, and nested in it the earlier actors."""
    earlier = claims.get("act")
    depth, inner = 1, earlier
    while isinstance(inner, Mapping):
        depth, inner = depth + 1, inner.get("act")
    if depth > MOST_ACTORS:
        raise SubjectTokenRefused(f"{depth} actors in a row, at most {MOST_ACTORS} are accepted")
    return {"sub": client_id} | ({"act": earlier} if earlier is not None else {})
