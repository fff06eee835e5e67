"""``/account``: which applications have access to an account, and the end of that access."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from doorward.authserver.authorize.sign_in import (
    ACCOUNT_FORM,
    is_own_page,
    own_sign_in_page,
    signed_in_redirect,
    signed_in_session,
)
from doorward.authserver.endpoints.browser.password_attempts import user_with_password
from doorward.authserver.endpoints.browser.sign_in import WRONG_CREDENTIALS, read_form
from doorward.authserver.grants.active_grants import ActiveGrant, end_grants, list_active_grants
from doorward.authserver.http.responses import page_response
from doorward.authserver.pages import pages
from doorward.authserver.provider_tokens.connections import Connection, list_connections
from doorward.authserver.refusals import FormRefused, TooManyRequests
from doorward.authserver.services import Services
from doorward.authserver.settings.pasted_key import PASTED_KEY
from doorward.authserver.store.connection import Connection as StoreConnection
from doorward.authserver.store.rows.grants import audiences_of, provider_sessions_of
from doorward.authserver.store.schema import grants, provider_connections
from doorward.authserver.users.cookies import Browser
from doorward.authserver.users.users import User
from doorward.wire.oauth.client_metadata import looks_like_url
from doorward.wire.oauth.parameters import parse_parameters

# By the value of ``ended`` in the query.
_ENDED = {
    "1": "Access is ended. The application has to ask you again.",
    "account": "The account is disconnected. A tool that needs it has to ask you again.",
}


class AccountEndpoint:
    """
    Shows users what they allowed, and ends it.

    A form counts only in the browser that it was sent to, and changes only what the signed-in user
    allowed.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    async def get(self, request: Request) -> Response:
        """Return the list of applications, or the sign-in page."""
        browser = self._services.cookies.browser(request)
        session = await signed_in_session(self._services, browser)
        if session is None:
            return own_sign_in_page(self._services, browser, ACCOUNT_FORM)
        ended = parse_parameters(request.scope["query_string"]).one("ended")
        return await self._account_page(browser, session.user, ended=ended)

    async def sign_in(self, request: Request) -> Response:
        """Check username and password, and return the redirect to the page in a new session."""
        services = self._services
        if not services.settings.has_own_users:
            raise FormRefused("passwords are not accepted here")
        form = await read_form(request)
        own_page = form.one("transaction") or ""
        if not is_own_page(own_page):
            raise FormRefused("the form is not bound to a page of this server")
        browser = services.cookies.require_own_form(request, own_page, form.one("csrf"))
        username, password = form.one("username") or "", form.one("password") or ""
        try:
            user = await user_with_password(services, request, browser, username, password)
        except TooManyRequests as refusal:
            page = own_sign_in_page(
                services,
                browser,
                own_page,
                username=username,
                problem=refusal.description,
                status=429,
            )
            page.headers["Retry-After"] = str(refusal.retry_after)
            return page
        if user is None:
            return own_sign_in_page(
                services, browser, own_page, username=username, problem=WRONG_CREDENTIALS
            )
        return await signed_in_redirect(
            services, browser, user, services.settings.url(own_page), amr=["pwd"]
        )

    async def end(self, request: Request) -> Response:
        """End one grant of the user, or all of one application; return the redirect to the list."""
        services = self._services
        form = await read_form(request)
        browser = services.cookies.require_own_form(request, ACCOUNT_FORM, form.one("csrf"))
        session = await signed_in_session(services, browser)
        if session is None:
            raise FormRefused("nobody is signed in any more")
        which = _chosen(form.one("grant"), form.one("client"))
        # Whatever the form names: nobody ends what somebody else allowed.
        mine = grants.c.user_id == session.user.id

        async def end(
            connection: StoreConnection,
        ) -> tuple[frozenset[str], frozenset[tuple[str, str]], int]:
            at_provider = await provider_sessions_of(connection, mine & which)
            audiences = await audiences_of(connection, mine & which)
            now = services.clock()
            ended = await end_grants(connection, mine & which, "ended-by-user", now)
            return at_provider, audiences, ended

        at_provider, audiences, ended = await services.store.write(end)
        services.record_event("grant.ended", user=session.user.id, grants=str(ended))
        # Not the session of this browser: the user is still on this page.
        unused = at_provider - {session.provider_session_id}
        await services.token_revocation.end_unused(unused, audiences)
        # 303: reloading the list must not end anything again.
        target = services.settings.url("/account?ended=1")
        return RedirectResponse(target, 303, headers=dict(pages.SECURITY_HEADERS))

    async def replace_key(self, request: Request) -> Response:
        """Return the redirect to the page on which the signed-in user pastes a key for a server."""
        services = self._services
        form = await read_form(request)
        browser = services.cookies.require_own_form(request, ACCOUNT_FORM, form.one("csrf"))
        session = await signed_in_session(services, browser)
        resource = form.one("resource") or ""
        if session is None or services.settings.pasted_key(resource) is None:
            raise FormRefused("nobody is signed in any more, or the server needs no key")
        # The link counts only while an application of the user has access to the server.
        link = await services.connect_links.create(session.user.id, resource, PASTED_KEY)
        return RedirectResponse(link, 303, headers=dict(pages.SECURITY_HEADERS))

    async def _account_page(self, browser: Browser, user: User, *, ended: str | None) -> Response:
        services, settings = self._services, self._services.settings
        async with services.store.reading() as connection:
            found = await list_active_grants(
                connection,
                services.clock(),
                grants.c.user_id == user.id,
                grants.c.created_at >= settings.revoke_before,
            )
            connected = await list_connections(
                connection, provider_connections.c.user_id == user.id
            )
        page = pages.AccountPage(
            service=settings.service_name,
            username=user.display_name or user.username,
            applications=tuple(
                self._application(client_id, list(theirs))
                for client_id, theirs in groupby(found, lambda grant: grant.client_id)
            ),
            connections=tuple(
                self._connection(one) for one in connected if one.provider != PASTED_KEY
            ),
            keys=self._keys(found, connected),
            csrf=services.cookies.form_token(browser, ACCOUNT_FORM),
            end_action=settings.url("/account/end"),
            disconnect_action=settings.url("/account/disconnect"),
            key_action=settings.url("/account/key"),
            sign_out_action=settings.url("/sign-out"),
            ended=_ENDED.get(ended or ""),
        )
        response = page_response(page)
        services.cookies.set_browser(response, browser)
        return response

    def _application(self, client_id: str, found: list[ActiveGrant]) -> pages.ApplicationCard:
        return pages.ApplicationCard(
            name=found[0].client_name,
            identifier=client_id,
            identifier_host=urlsplit(client_id).netloc if looks_like_url(client_id) else None,
            grants=tuple(self._grant(grant) for grant in found),
        )

    def _connection(self, connected: Connection) -> pages.ConnectionCard:
        settings = self._services.settings
        provider = settings.identity_provider(connected.provider)
        resource = settings.resource(connected.resource)
        return pages.ConnectionCard(
            id=connected.id,
            provider=provider.title if provider else connected.provider,
            account=connected.account,
            resource=connected.resource,
            resource_name=resource.name if resource else None,
            since=connected.created_at,
            last_used=connected.last_used_at,
        )

    def _keys(
        self, found: Sequence[ActiveGrant], connected: Sequence[Connection]
    ) -> tuple[pages.KeyCard, ...]:
        """Return the servers that need a key: each with the kept one, or that an application uses."""
        kept = {one.resource: one for one in connected if one.provider == PASTED_KEY}
        cards = []
        for uri in dict.fromkeys([*kept, *(grant.resource for grant in found)]):
            resource, key = self._services.settings.resource(uri), kept.get(uri)
            pasted = None if resource is None else resource.pasted_key
            if resource is None or pasted is None:
                continue
            card = pages.KeyCard(title=pasted.title, resource=uri, resource_name=resource.name)
            if key is not None:
                card = replace(card, id=key.id, since=key.created_at, last_used=key.last_used_at)
            cards.append(card)
        return tuple(cards)

    def _grant(self, grant: ActiveGrant) -> pages.GrantCard:
        resource = self._services.settings.resource(grant.resource)
        descriptions = resource.scopes if resource else {}
        return pages.GrantCard(
            id=grant.id,
            resource=grant.resource,
            resource_name=resource.name if resource else None,
            permissions=tuple(
                pages.ScopeLine(name=name, description=descriptions.get(name, name), new=False)
                for name in grant.scopes
            ),
            browser=grant.browser,
            since=grant.created_at,
            last_used=grant.last_used_at,
        )


def _chosen(grant_id: str | None, client_id: str | None) -> ColumnElement[bool]:
    if grant_id is not None and client_id is None:
        return grants.c.id == grant_id
    if client_id is not None and grant_id is None:
        return grants.c.client_id == client_id
    raise FormRefused("the form names neither one grant nor one client")
