"""``grant_type=authorization_code``: tokens for a code and its PKCE verifier."""

from typing import Any

from doorward.authserver.authorize.checks import requested_resource
from doorward.authserver.clients.registry import Client
from doorward.authserver.grants.codes import ClaimedCode, PresentedCode, SpentCode, claim_code
from doorward.authserver.grants.usable_grants import find_usable_grant
from doorward.authserver.openid.claims import held_scopes
from doorward.authserver.refusals import GrantReused, InvalidGrant, InvalidRequest
from doorward.authserver.services import Services
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.grants import record_access_token, revoke_grant
from doorward.authserver.token.response import id_token_of, token_response
from doorward.wire.oauth import pkce
from doorward.wire.oauth.parameters import Parameters


async def redeem_code(services: Services, client: Client, form: Parameters) -> dict[str, Any]:
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
    presented = _read_request(services, client, form)
    now = services.clock()

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


async def _tokens(
    connection: Connection, services: Services, client: Client, code: ClaimedCode, now: float
) -> dict[str, Any] | None:
    """Return the tokens of a grant, or ``None`` if it ended, or nothing of it is left."""
    found = await find_usable_grant(connection, services.settings, code.grant_id, now)
    grant, user = found or (None, None)
    if grant is None or user is None:
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
    refresh = None
    if "refresh_token" in client.metadata.grant_types:
        refresh = await services.refresh_tokens.issue(connection, grant, now)
    if not await record_access_token(connection, grant.id, now + access.expires_in, now):
        return None
    answer = token_response(access, scopes, refresh)
    return answer | id_token_of(services.id_tokens, grant, access, scopes, code.nonce)


def _read_request(services: Services, client: Client, form: Parameters) -> PresentedCode:
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
        client_id=client.client_id,
        challenge=pkce.challenge_of(verifier),
        redirect_uri=form.one("redirect_uri"),
        resource=requested_resource(form, services.settings).uri if named else None,
    )
