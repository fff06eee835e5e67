"""``grant_type=refresh_token``: rotation with reuse detection."""

from dataclasses import dataclass
from typing import Any

from doorward.authserver.authorize.checks import requested_resource
from doorward.authserver.clients.registry import Client
from doorward.authserver.grants.refresh_tokens import (
    StoredRefreshToken,
    retry_response,
    rotate,
    was_rotated,
)
from doorward.authserver.grants.usable_grants import find_usable_grant
from doorward.authserver.openid.claims import held_scopes
from doorward.authserver.refusals import (
    GrantReused,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    OAuthRefused,
)
from doorward.authserver.services import Services
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.grants import (
    Grant,
    record_access_token,
    revoke_grant,
)
from doorward.authserver.token.response import id_token_of, token_response
from doorward.authserver.users.users import User
from doorward.net.clock import CLOCK_SKEW
from doorward.wire.oauth.parameters import Parameters
from doorward.wire.oauth.scope import build_scope, parse_scope


@dataclass(frozen=True, kw_only=True)
class _RefreshRequest:
    token: str
    scopes: frozenset[str] | None
    resource: str | None

    @property
    def retry_key(self) -> str:
        """What a retry must repeat to get the same response."""
        return f"{build_scope(self.scopes or frozenset())}|{self.resource or ''}"

    def __repr__(self) -> str:
        return "_RefreshRequest()"


@dataclass(frozen=True)
class _MustBeChecked:
    """Nothing was written: the session at an identity provider must be good first."""

    session_id: str


async def refresh(services: Services, client: Client, form: Parameters) -> dict[str, Any]:
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
    outcome = await _exchange_once(services, client, requested, checked=None)
    while isinstance(outcome, _MustBeChecked):
        # Outside the transaction: a provider may take seconds to answer.
        await services.session_checks.require_good(outcome.session_id)
        outcome = await _exchange_once(services, client, requested, checked=outcome.session_id)
    # Raised here: inside, the revocation would be rolled back.
    if isinstance(outcome, GrantReused):
        services.record_event("refresh.reused", client_id=client.client_id)
    if isinstance(outcome, OAuthRefused):
        raise outcome
    return outcome


def _read(services: Services, form: Parameters) -> _RefreshRequest:
    token, scope = form.one("refresh_token"), form.one("scope")
    if token is None:
        raise InvalidRequest("no refresh_token", description="refresh_token is missing.")
    scopes = parse_scope(scope) if scope is not None else None
    if scope is not None and scopes is None:
        raise InvalidScope("not a scope string", description="scope is not well-formed.")
    named = form.all_of("resource")
    resource = requested_resource(form, services.settings).uri if named else None
    return _RefreshRequest(token=token, scopes=scopes, resource=resource)


async def _exchange_once(
    services: Services, client: Client, requested: _RefreshRequest, checked: str | None
) -> dict[str, Any] | OAuthRefused | _MustBeChecked:
    return await services.store.write(
        lambda connection: _exchange(connection, services, client, requested, checked)
    )


async def _exchange(
    connection: Connection,
    services: Services,
    client: Client,
    requested: _RefreshRequest,
    checked: str | None,
) -> dict[str, Any] | OAuthRefused | _MustBeChecked:
    now = services.clock()
    kept = await services.refresh_tokens.find(connection, requested.token, client.client_id)
    if kept is None:
        return InvalidGrant("no such refresh token of this client")
    found = await find_usable_grant(connection, services.settings, kept.grant_id, now)
    if found is None or now < kept.issued_at - CLOCK_SKEW:
        return InvalidGrant("the grant is over or revoked, or the clock was set back")
    grant, user = found
    if kept.rotated_at is None and grant.provider_session_id not in (None, checked):
        return _MustBeChecked(grant.provider_session_id)
    if now >= kept.expires_at:
        # Stored, so that setting the clock back does not revive the token.
        await revoke_grant(connection, grant.id, "idle-too-long", now)
        return InvalidGrant("the refresh token was not used for too long")
    if kept.rotated_at is not None:
        return await _again(connection, services, kept, requested, now)
    if requested.resource not in (None, grant.resource):
        return InvalidTarget("another resource than was granted")
    if requested.scopes is not None and not requested.scopes <= grant.scopes:
        return InvalidScope("more than was granted")
    scopes = _still_allowed(services.settings, grant, user, requested.scopes)
    if user is None or scopes is None:
        await revoke_grant(connection, grant.id, "no-longer-allowed", now)
        return InvalidGrant("the user or every scope is gone")
    return await _next(connection, services, kept, grant, user, scopes, requested, now)


async def _again(
    connection: Connection,
    services: Services,
    kept: StoredRefreshToken,
    requested: _RefreshRequest,
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


def _still_allowed(
    settings: AuthServerSettings, grant: Grant, user: User | None, requested: frozenset[str] | None
) -> frozenset[str] | None:
    """Return the scopes that remain, or ``None`` if the account or all of them are gone."""
    # Consents are not read here: installations with one client ID share them, so the answer of one
    # would change the tokens of another. Withdrawing a consent revokes its grants.
    if user is None:
        return None
    left = grant.scopes & held_scopes(settings, user, grant.resource)
    scopes = left if requested is None else left & requested
    # The requested scopes may be gone while others remain; a token without scopes is useless.
    if grant.scopes and not scopes:
        return None
    return scopes


async def _next(
    connection: Connection,
    services: Services,
    kept: StoredRefreshToken,
    grant: Grant,
    user: User,
    scopes: frozenset[str],
    requested: _RefreshRequest,
    now: float,
) -> dict[str, Any] | OAuthRefused:
    access = services.access_tokens.issue(
        user=user,
        client_id=grant.client_id,
        resource=grant.resource,
        scopes=scopes,
        grant_id=grant.id,
    )
    if not await record_access_token(connection, grant.id, now + access.expires_in, now):
        return InvalidGrant("revoked at the same moment")
    successor = await services.refresh_tokens.issue(connection, grant, now)
    answer = token_response(access, scopes, successor)
    answer |= id_token_of(services.id_tokens, grant, access, scopes)
    spent = await rotate(
        connection,
        kept,
        token=requested.token,
        successor=successor,
        answer=answer,
        retry_key=requested.retry_key,
        now=now,
    )
    # Another request has rotated the token since it was read.
    return answer if spent else InvalidGrant("spent by another request at the same moment")
