"""``grant_type=authorization_code``: tokens for a code and its PKCE verifier."""

from typing import Any

from doorward.authserver.authorize.checks import requested_resource
from doorward.authserver.clients.registry import Client
from doorward.authserver.clients.rows import Beside
from doorward.authserver.grants.at_once import code_beside, exchange_code, find_code, read_code
from doorward.authserver.grants.codes import (
    ClaimedCode,
    PresentedCode,
    SpentCode,
    claim_code,
    claimable,
)
from doorward.authserver.grants.refresh_tokens import store_refresh_token
from doorward.authserver.grants.usable_grants import find_usable_grant
from doorward.authserver.openid.claims import held_scopes
from doorward.authserver.refusals import GrantReused, InvalidGrant, InvalidRequest, OAuthRefused
from doorward.authserver.services import Services
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.rows.grants import Grant, record_access_token, revoke_grant
from doorward.authserver.token.response import NewTokens, id_token_of, token_response
from doorward.authserver.users.users import User
from doorward.wire.oauth import pkce
from doorward.wire.oauth.parameters import Parameters


def code_of_request(services: Services, client_id: str, form: Parameters) -> Beside | None:
    """Return what finds the code of a request with its client, where one statement does."""
    if not services.store.is_shared:
        return None
    try:
        presented = _read_request(services, client_id, form)
    except OAuthRefused:
        # Refused once the client is known.
        return None
    return code_beside(services.settings, presented, services.clock())


async def redeem_code(
    services: Services, client: Client, form: Parameters, beside: Beside | None
) -> dict[str, Any]:
    """
    Return tokens for a code, once.

    A code that is used twice revokes the grant and all of its tokens: one of the two users has
    stolen it, and the server cannot know which.

    Raises:
        InvalidRequest: a parameter is missing or of the wrong shape.
        InvalidGrant: 400; the code is unknown, expired, used, or issued for other parameters.
        InvalidTarget: 400; the resource is not the one that was consented to.

    Spec: OAuth 2.1 §4.1.3; RFC 7636 §4.6; RFC 8707 §2.2
    """
    presented = _read_request(services, client.client_id, form)
    now = services.clock()
    if services.store.is_shared:
        answer = await _redeem_at_once(services, client, presented, beside, now)
        if answer is not None:
            return answer

    async def redeem(connection: Connection) -> dict[str, Any] | SpentCode | None:
        outcome = await claim_code(connection, services.settings, presented, now)
        if isinstance(outcome, ClaimedCode):
            return await _tokens(connection, services, client, outcome, now)
        if outcome is not None:
            await revoke_grant(connection, outcome.grant_id, "code-reused", now)
        return outcome

    outcome = await services.store.write(redeem)
    # Raised here: inside, the revocation and the count of attempts would be rolled back.
    if isinstance(outcome, SpentCode):
        services.record_event("code.reused", client_id=client.client_id, grant=outcome.grant_id)
        raise GrantReused("the code was redeemed before")
    if outcome is None:
        raise InvalidGrant("the code is unknown, over, or bound to something else")
    return outcome


async def _redeem_at_once(
    services: Services,
    client: Client,
    presented: PresentedCode,
    beside: Beside | None,
    now: float,
) -> dict[str, Any] | None:
    """Return tokens as a transaction would, or ``None`` if nothing was written."""
    if beside is not None and beside.row is not None:
        found = read_code(beside.row)
    else:
        found = await services.store.look_up(
            lambda connection: find_code(connection, services.settings, presented, now)
        )
    if found is None:
        return None
    new = new_tokens(services, client, found.grant, found.user, found.nonce, now)
    if new is None or (refresh_row := new.refresh_row) is None:
        return None
    claim = claimable(services.settings, presented, now)
    outcome = await services.store.write_at_once(
        lambda connection: exchange_code(connection, claim, new.until, refresh_row)
    )
    if outcome == "revoked":
        raise InvalidGrant("revoked at the same moment")
    return new.answer if outcome == "done" else None


async def _tokens(
    connection: Connection, services: Services, client: Client, code: ClaimedCode, now: float
) -> dict[str, Any] | None:
    """Return the tokens of a grant, or ``None`` if it ended, or nothing of it is left."""
    found = await find_usable_grant(connection, services.settings, code.grant_id, now)
    if found is None:
        return None
    grant, user = found
    new = new_tokens(services, client, grant, user, code.nonce, now)
    if new is None:
        return None
    if new.refresh_row is not None:
        await store_refresh_token(connection, new.refresh_row)
    if not await record_access_token(connection, grant.id, new.until, now):
        return None
    return new.answer


def new_tokens(
    services: Services,
    client: Client,
    grant: Grant,
    user: User | None,
    nonce: str | None,
    now: float,
) -> NewTokens | None:
    """Return the first tokens of a grant, or ``None`` if its user or all its scopes are gone."""
    if user is None:
        return None
    scopes = grant.scopes & held_scopes(services.settings, user, grant.resource)
    if grant.scopes and not scopes:
        return None
    access = services.access_tokens.issue(
        user=user,
        client_id=client.client_id,
        resource=grant.resource,
        scopes=scopes,
        grant_id=grant.id,
    )
    refresh, row = None, None
    if "refresh_token" in client.metadata.grant_types:
        refresh, row = services.refresh_tokens.new(grant, now)
    answer = token_response(access, scopes, refresh)
    answer |= id_token_of(services.id_tokens, grant, access, scopes, nonce)
    return NewTokens(answer, until=now + access.expires_in, refresh_row=row)


def _read_request(services: Services, client_id: str, form: Parameters) -> PresentedCode:
    code, verifier = form.one("code"), form.one("code_verifier")
    if code is None:
        raise InvalidRequest("no code", description="code is missing.")
    if verifier is None:
        raise InvalidRequest("no code_verifier", description="code_verifier is missing.")
    if not pkce.is_verifier(verifier):
        raise InvalidGrant("the code_verifier is not 43 to 128 unreserved characters")
    named = form.all_of("resource")
    return PresentedCode(
        code=code,
        client_id=client_id,
        challenge=pkce.challenge_of(verifier),
        redirect_uri=form.one("redirect_uri"),
        resource=requested_resource(form, services.settings).uri if named else None,
    )
