"""``grant_type=refresh_token``: rotation with reuse detection."""

from typing import Any

from doorward.authserver.authorize.checks import requested_resource
from doorward.authserver.clients.registry import Client
from doorward.authserver.clients.rows import Beside
from doorward.authserver.grants.at_once import (
    exchange_refresh_token,
    find_refresh_token,
    read_refresh_token,
    refresh_token_beside,
)
from doorward.authserver.grants.refresh_tokens import (
    StoredRefreshToken,
    retry_response,
    rotate,
    rotation,
    store_refresh_token,
    was_rotated,
)
from doorward.authserver.grants.usable_grants import find_usable_grant
from doorward.authserver.refusals import (
    GrantReused,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    OAuthRefused,
)
from doorward.authserver.services import Services
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.rows.grants import (
    record_access_token,
    revoke_grant,
)
from doorward.authserver.token.refresh_checks import (
    Allowed,
    MustBeChecked,
    MustEnd,
    RefreshRequest,
    WasRotated,
    judge_refresh,
)
from doorward.authserver.token.response import NewTokens, id_token_of, token_response
from doorward.net.clock import CLOCK_SKEW
from doorward.wire.oauth.parameters import Parameters
from doorward.wire.oauth.scope import parse_scope


def refresh_token_of_request(services: Services, client_id: str, form: Parameters) -> Beside | None:
    """Return what finds the refresh token of a request with its client, where one statement does."""
    token = form.one("refresh_token")
    if token is None or not services.store.is_shared:
        return None
    return refresh_token_beside(services.settings, token, client_id, services.clock())


async def refresh(
    services: Services, client: Client, form: Parameters, beside: Beside | None
) -> dict[str, Any]:
    """
    Return new tokens for a refresh token, and rotate it.

    The same token within the grace period, before its successor is used, gets the same response:
    the first response was lost. Any later use means that the token was stolen, so the grant is
    revoked with all of its tokens.

    Raises:
        InvalidGrant: 400; the token is unknown, another client's, expired or revoked.
        InvalidScope: 400; more than was granted.
        InvalidTarget: 400; another resource than was granted.
        ProviderGrantEnded: 400 ``invalid_grant``; the identity provider has ended the session.
        ProviderUnavailable: 503; the identity provider must be asked, and does not answer.

    Spec: OAuth 2.1 §4.3; RFC 9700 §4.14; RFC 8707 §2.2
    """
    requested = _read(services, form)
    outcome = await _exchange_once(services, client, requested, beside, checked=None)
    while isinstance(outcome, MustBeChecked):
        # Outside the transaction: a provider may take seconds to answer.
        await services.session_checks.require_good(outcome.session_id)
        checked = outcome.session_id
        outcome = await _exchange_once(services, client, requested, None, checked=checked)
    # Raised here: inside, the revocation would be rolled back.
    if isinstance(outcome, GrantReused):
        services.record_event("refresh.reused", client_id=client.client_id)
    if isinstance(outcome, OAuthRefused):
        raise outcome
    return outcome


def _read(services: Services, form: Parameters) -> RefreshRequest:
    token, scope = form.one("refresh_token"), form.one("scope")
    if token is None:
        raise InvalidRequest("no refresh_token", description="refresh_token is missing.")
    scopes = parse_scope(scope) if scope is not None else None
    if scope is not None and scopes is None:
        raise InvalidScope("not a scope string", description="scope is not well-formed.")
    named = form.all_of("resource")
    resource = requested_resource(form, services.settings).uri if named else None
    return RefreshRequest(token=token, scopes=scopes, resource=resource)


async def _exchange_once(
    services: Services,
    client: Client,
    requested: RefreshRequest,
    beside: Beside | None,
    checked: str | None,
) -> dict[str, Any] | OAuthRefused | MustBeChecked:
    if services.store.is_shared:
        answer = await _exchange_at_once(services, client, requested, beside, checked)
        if answer is not None:
            return answer
    return await services.store.write(
        lambda connection: _exchange(connection, services, client, requested, checked)
    )


async def _exchange(
    connection: Connection,
    services: Services,
    client: Client,
    requested: RefreshRequest,
    checked: str | None,
) -> dict[str, Any] | OAuthRefused | MustBeChecked:
    now = services.clock()
    kept = await services.refresh_tokens.find(connection, requested.token, client.client_id)
    if kept is None:
        return InvalidGrant("no such refresh token of this client")
    found = await find_usable_grant(connection, services.settings, kept.grant_id, now)
    judged = judge_refresh(services.settings, kept, found, requested, checked, now)
    if isinstance(judged, MustEnd):
        await revoke_grant(connection, kept.grant_id, judged.reason, now)
        return judged.refusal
    if isinstance(judged, WasRotated):
        return await _again(connection, services, kept, requested, now)
    if isinstance(judged, Allowed):
        return await _next(connection, services, kept, judged, requested, now)
    return judged


async def _exchange_at_once(
    services: Services,
    client: Client,
    requested: RefreshRequest,
    beside: Beside | None,
    checked: str | None,
) -> dict[str, Any] | OAuthRefused | None:
    """Return what the transaction would, or ``None`` if nothing was written."""
    now = services.clock()
    if beside is not None and beside.row is not None:
        found = read_refresh_token(beside.row)
    else:
        found = await services.store.look_up(
            lambda connection: find_refresh_token(
                connection, services.settings, requested.token, client.client_id, now
            )
        )
    if found is None:
        return None
    kept, usable = found.kept, (found.grant, found.user)
    judged = judge_refresh(services.settings, kept, usable, requested, checked, now)
    if not isinstance(judged, Allowed):
        return None
    new, row = _new_tokens(services, judged, now)
    values = rotation(kept, requested.token, row, new.answer, requested.retry_key, now)
    outcome = await services.store.write_at_once(
        lambda connection: exchange_refresh_token(connection, values, new.until, row)
    )
    if outcome == "revoked":
        return InvalidGrant("revoked at the same moment")
    return new.answer if outcome == "done" else None


async def _again(
    connection: Connection,
    services: Services,
    kept: StoredRefreshToken,
    requested: RefreshRequest,
    now: float,
) -> dict[str, Any] | OAuthRefused:
    """Return the same response for a retry of a used token, or revoke the grant."""
    rotated_at = kept.rotated_at or 0
    # The first request can have been answered by another replica, whose clock is ahead, while this
    # one waited for the row.
    recent = -CLOCK_SKEW <= now - rotated_at <= services.settings.lifetimes.refresh_grace
    # A used successor proves that the client got the response, so this is not its retry.
    if recent and not await was_rotated(connection, kept.successor):
        answer = retry_response(kept, requested.token, requested.retry_key)
        return answer or InvalidRequest("a retry that asks for something else")
    await revoke_grant(connection, kept.grant_id, "refresh-reused", now)
    return GrantReused("the refresh token was spent before")


def _new_tokens(
    services: Services, allowed: Allowed, now: float
) -> tuple[NewTokens, dict[str, Any]]:
    """Return the tokens that replace a refresh token, and the row of the new one."""
    grant, scopes = allowed.grant, allowed.scopes
    access = services.access_tokens.issue(
        user=allowed.user,
        client_id=grant.client_id,
        resource=grant.resource,
        scopes=scopes,
        grant_id=grant.id,
    )
    successor, row = services.refresh_tokens.new(grant, now)
    answer = token_response(access, scopes, successor)
    answer |= id_token_of(services.id_tokens, grant, access, scopes)
    return NewTokens(answer, now + access.expires_in, row), row


async def _next(
    connection: Connection,
    services: Services,
    kept: StoredRefreshToken,
    allowed: Allowed,
    requested: RefreshRequest,
    now: float,
) -> dict[str, Any] | OAuthRefused:
    new, row = _new_tokens(services, allowed, now)
    if not await record_access_token(connection, kept.grant_id, new.until, now):
        return InvalidGrant("revoked at the same moment")
    await store_refresh_token(connection, row)
    values = rotation(kept, requested.token, row, new.answer, requested.retry_key, now)
    # Another request has rotated the token since it was read.
    spent = await rotate(connection, values)
    return new.answer if spent else InvalidGrant("spent by another request at the same moment")
