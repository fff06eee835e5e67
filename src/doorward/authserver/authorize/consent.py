"""
Consent: which scopes a user can grant, the page that asks, and the code that follows.

A code is issued only after a click on the consent page, even if the user consented before. The
attack: a malicious MCP server names itself as its authorization server, and redirects the browser
here with the client ID and redirect URI of the client that it serves. The client would get the code
for this server, and would send it to the attacker. ``Sec-Fetch-Site`` cannot tell the two apart: it
stays ``none`` over cross-site redirects when the client opened the first URL in a system browser.

Spec: MCP 2026-07-28, security best practices (confused deputy); RFC 9700 §4.4
"""

from starlette.responses import Response

from doorward.authserver.authorize.response import client_card, code_response
from doorward.authserver.clients.registry import Client
from doorward.authserver.grants import codes, consents
from doorward.authserver.grants.authorization_request import AuthorizationRequest
from doorward.authserver.grants.consents import client_digest
from doorward.authserver.grants.transactions import Transaction
from doorward.authserver.http.responses import page_response
from doorward.authserver.openid.claims import held_scopes, required_scopes
from doorward.authserver.pages import pages
from doorward.authserver.refusals import (
    AccessDenied,
    ConsentRequired,
    FormRefused,
    LoginRequired,
)
from doorward.authserver.services import Services
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.rows.grants import create_grant
from doorward.authserver.users.authentication import Authentication
from doorward.authserver.users.cookies import Browser
from doorward.authserver.users.users import User
from doorward.operations.story.notes import note_grant
from doorward.wire.oauth.parameters import Parameters


def grantable_scopes(
    settings: AuthServerSettings, authorization: AuthorizationRequest, user: User
) -> frozenset[str]:
    """
    Return the requested scopes that the user holds.

    Raises:
        AccessDenied: the client requested scopes, and the user holds none of them.
        LoginRequired: the request is for another user.
    """
    if authorization.subject not in (None, user.id):
        raise LoginRequired("another user than id_token_hint names")
    scopes = frozenset(authorization.scopes) & held_scopes(settings, user, authorization.resource)
    if authorization.scopes and not scopes:
        raise AccessDenied(
            f"user {user.id} holds none of {authorization.scopes!r}",
            description="This account may not use what the application asks for.",
        )
    return scopes


async def remembered_scopes(
    services: Services, authorization: AuthorizationRequest, client: Client, user: User
) -> frozenset[str]:
    """
    Return the scopes that the user consented to before; empty when the user must be asked again.

    A request that already led to a code is new again. Otherwise its URL, kept by somebody, would
    look like one that the user has just started.
    """

    async def read(connection: Connection) -> frozenset[str]:
        if await codes.challenge_was_used(connection, authorization):
            return frozenset()
        return await consents.remembered_scopes(
            connection, user.id, client, authorization.redirect_uri, authorization.resource
        )

    return await services.store.read(read)


def require_page_allowed(
    settings: AuthServerSettings, authorization: AuthorizationRequest, user: User
) -> None:
    """
    Refuse a request that permits no page, because a code needs a click on one.

    Raises:
        ConsentRequired: the request has ``prompt=none``.
        AccessDenied: the user holds none of the requested scopes.

    Spec: OpenID Connect Core 1.0 §3.1.2.1, §3.1.2.6
    """
    grantable_scopes(settings, authorization, user)
    if "none" in authorization.prompts:
        raise ConsentRequired(f"user {user.id} has to confirm")


async def complete_authorization(
    services: Services,
    authorization: AuthorizationRequest,
    client: Client,
    user: User,
    claim: tuple[Transaction, Browser] | None,
    *,
    authentication: Authentication,
    approved: frozenset[str] | None = None,
    provider_session_id: str | None = None,
) -> Response:
    """
    Return the response that takes a fresh code to the client.

    ``approved`` are the scopes that the user left in; ``None`` means all. ``authentication`` is for the
    ID tokens of a sign-in. One database transaction
    claims the authorization transaction and writes consent, grant and code: all of them, or nothing.

    Raises:
        FormRefused: the transaction was completed before, or the session at the provider has ended.
        AccessDenied: the user holds none of the requested scopes.
    """
    settings = services.settings
    shown = scopes = grantable_scopes(settings, authorization, user)
    if approved is not None:
        scopes &= approved
        if authorization.scopes and not scopes:
            raise AccessDenied(f"user {user.id} holds none of the scopes that were agreed to")
    now = services.clock()

    async def write(connection: Connection) -> tuple[str, str]:
        if claim is not None:
            transaction, browser = claim
            await services.transactions.claim(connection, transaction.handle, browser, user.id)
        # A logout at the provider ends the grants that exist. This one would come after it.
        if provider_session_id is not None and not await services.provider_sessions.is_active(
            connection, provider_session_id
        ):
            raise FormRefused("the session at the identity provider ended meanwhile")
        await consents.remember(
            connection,
            user_id=user.id,
            client=client,
            redirect_uri=authorization.redirect_uri,
            resource=authorization.resource,
            scopes=scopes,
            left_out=shown - scopes,
            now=now,
        )
        grant_id = await create_grant(
            connection,
            settings,
            user_id=user.id,
            client_id=authorization.client_id,
            redirect_uri=authorization.redirect_uri,
            resource=authorization.resource,
            scopes=scopes,
            client_name=client.metadata.client_name,
            browser=None if claim is None else claim[1].name,
            now=now,
            provider_session_id=provider_session_id,
            authentication=authentication.claims()
            if settings.is_openid(authorization.resource)
            else None,
        )
        code = await codes.issue_code(connection, settings, authorization, grant_id, now)
        return grant_id, code

    grant_id, code = await services.store.write(write)
    note_grant(settings.issuer, user.id, grant_id)
    services.record_event(
        "code.issued", client_id=authorization.client_id, user=user.id, grant=grant_id
    )
    return code_response(settings, client, authorization.redirect_uri, authorization.state, code)


def approved_scopes(transaction: Transaction, client: Client) -> frozenset[str] | None:
    """
    Return the scopes that were agreed to before the sign-in, or ``None`` if the user must be asked.

    Not if the client has another name or other redirect URIs since: another page was agreed to.
    """
    consent = transaction.consent
    if consent is None or consent.client_digest != client_digest(client).hex():
        return None
    return consent.scopes


def chosen_scopes(
    form: Parameters, shown: frozenset[str], required: frozenset[str]
) -> frozenset[str]:
    """
    Return the scopes that the user left in, of those that the page showed, with the ``required`` ones.

    Raises:
        NothingChosen: the page had scopes, and the user left in none.
    """
    if not pages.can_choose(shown):
        return shown
    left = frozenset(
        name
        for name in shown
        if name in required or form.one(pages.CHOICE_PREFIX + name) is not None
    )
    if not left:
        raise NothingChosen
    return left


class NothingChosen(Exception):
    """The user allowed the application, and left out every scope."""

    public = "Leave at least one permission in, or choose Deny."


def consent_binding(
    settings: AuthServerSettings, authorization: AuthorizationRequest, client: Client, user: User
) -> tuple[str, ...]:
    """Return everything that the consent page shows and a user's decision depends on."""
    scopes = grantable_scopes(settings, authorization, user)
    return (user.id, client_digest(client).hex(), *sorted(scopes))


async def consent_page(
    services: Services,
    transaction: Transaction,
    client: Client,
    user: User,
    browser: Browser,
    *,
    problem: str | None = None,
) -> Response:
    """Return the page that names the client, the scopes and where the code will be sent."""
    authorization = transaction.request
    settings = services.settings
    resource = settings.resource(authorization.resource)
    scopes = grantable_scopes(settings, authorization, user)
    known = await remembered_scopes(services, authorization, client, user)
    # The empty set is a subset of every set; a request without scopes has its first consent too.
    remembered = bool(known) and scopes <= known and "consent" not in authorization.prompts
    page = pages.ConsentPage(
        service=settings.service_name,
        action=settings.url("/consent"),
        transaction=transaction.handle,
        csrf=services.cookies.consent_token(
            browser, transaction.handle, consent_binding(settings, authorization, client, user)
        ),
        client=client_card(client, authorization.redirect_uri),
        resource=authorization.resource,
        resource_name=resource.name if resource else None,
        signs_in=settings.is_openid(authorization.resource),
        scopes=scope_lines(services, authorization, scopes, known),
        remembered=remembered,
        problem=problem,
        username=user.display_name or user.username,
        switch_account_action=settings.url("/switch-account"),
    )
    response = page_response(page)
    services.cookies.set_browser(response, browser)
    return response


def scope_lines(
    services: Services,
    authorization: AuthorizationRequest,
    scopes: frozenset[str],
    known: frozenset[str],
) -> tuple[pages.ScopeLine, ...]:
    """Return the lines of a consent page; scopes that are not ``known`` are marked as new."""
    resource = services.settings.resource(authorization.resource)
    descriptions = resource.scopes if resource else {}
    required = required_scopes(services.settings, authorization.resource)
    return tuple(
        pages.ScopeLine(
            name=name,
            description=descriptions.get(name, name),
            new=name not in known,
            required=name in required,
        )
        for name in sorted(scopes)
    )
