"""``/connect``: a user connects an account at an identity provider, for a server's tools."""

from hmac import compare_digest

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from doorward.authserver.authorize.provider_consent import provider_card
from doorward.authserver.authorize.sign_in import (
    ACCOUNT_FORM,
    own_sign_in_page,
    signed_in_session,
)
from doorward.authserver.endpoints.browser.paste_key import PasteKeyForm
from doorward.authserver.endpoints.browser.provider_redirect import redirect_to_provider
from doorward.authserver.endpoints.browser.sign_in import read_form
from doorward.authserver.http.responses import page_response
from doorward.authserver.pages import pages
from doorward.authserver.provider_tokens.links import ConnectLink
from doorward.authserver.refusals import ConnectLinkRefused, FormRefused, OAuthRefused
from doorward.authserver.services import Services
from doorward.authserver.settings.pasted_key import PASTED_KEY
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.schema import provider_connections
from doorward.authserver.upstream.callback_answer import read_callback
from doorward.authserver.upstream.logins import ProviderLogin
from doorward.authserver.upstream.provider_client import CONSENT, ProviderClient
from doorward.authserver.upstream.refusals import (
    AccountNotAllowed,
    AuthenticationNotMet,
    ProviderGrantEnded,
    ProviderRefused,
    ProviderUnavailable,
)
from doorward.authserver.users.cookies import Browser
from doorward.authserver.users.users import User
from doorward.net.client_address import address_key
from doorward.wire.oauth.parameters import Parameters, parse_parameters

# What the way to the provider is bound to, in place of a transaction.
_CONNECTS = "connect "
_NOTHING = "No account is connected. You can close this page."


def connects(login: ProviderLogin) -> bool:
    """Say whether a callback connects an account; all others sign somebody in."""
    return login.transaction.startswith(_CONNECTS)


class ConnectEndpoint:
    """
    Asks the user of a link whether to connect an account, and stores what the provider issues.

    A link counts only for the user who called the tool. The attack: an attacker calls the tool and
    sends the link to a victim, who connects an account, which the attacker's tool then uses.

    Spec: MCP 2026-07-28, client/elicitation, "Phishing"; RFC 9700 §4.7
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._keys = PasteKeyForm(services)

    async def get(self, request: Request) -> Response:
        """Return the page that asks, or the sign-in page. Changes nothing: a second one is valid."""
        browser = self._services.cookies.browser(request)
        handle = parse_parameters(request.scope["query_string"]).one("link") or ""
        link = await self._services.connect_links.find(handle)
        user = await self._user_of(link, browser)
        if user is None:
            return own_sign_in_page(self._services, browser, _page_of(handle))
        if link.used:
            return await self._done(link)
        if link.provider == PASTED_KEY:
            return self._keys.page(handle, link, user, browser)
        return self._page(handle, link, user, browser)

    async def post(self, request: Request) -> Response:
        """Return the redirect to the provider for ``connect``; for all else, use up the link."""
        services = self._services
        peer = address_key(request, services.settings.trusted_proxies)
        await services.limits.count(
            services.settings.limits.authorizations_per_address, "connect", peer
        )
        form = await read_form(request)
        handle = form.one("link") or ""
        own_page = _page_of(handle)
        browser = services.cookies.require_own_form(request, own_page, form.one("csrf"))
        link = await services.connect_links.find(handle)
        user = await self._user_of(link, browser)
        if user is None:
            return own_sign_in_page(services, browser, own_page)
        if form.one("decision") != "connect":
            user_id = user.id
            await services.store.write(
                lambda connection: services.connect_links.claim(
                    connection, handle, user_id, link.provider
                )
            )
            return self._message("Not connected", _NOTHING)
        if link.provider == PASTED_KEY:
            return await self._keys.keep(handle, link, user, browser, form)
        expected = self._token(handle, link, browser)
        if not compare_digest(expected.encode(), (form.one("csrf") or "").encode()):
            # The settings changed while the page was open, so the user decided about something else.
            return self._page(handle, link, user, browser)
        return await redirect_to_provider(
            services, services.providers[link.provider], _CONNECTS + handle, browser
        )

    async def callback(
        self, client: ProviderClient, browser: Browser, login: ProviderLogin, answer: Parameters
    ) -> Response:
        """
        Store what the provider issued, for an answer whose state has been claimed.

        Raises:
            ConnectLinkRefused: 403, the link was used meanwhile, or its user is not signed in.
            ProviderMisconfigured, ProviderAnswerRefused: 502.
            StoreUnavailable: 503.
        """
        services, provider = self._services, client.provider
        handle = login.transaction.removeprefix(_CONNECTS)
        link = await services.connect_links.find(handle)
        user = await self._user_of(link, browser)
        if user is None:
            raise ConnectLinkRefused("nobody is signed in any more")
        try:
            account, tokens = await read_callback(client, login.leg, answer)
            if await client.needs_consent(login.leg, tokens):
                return await redirect_to_provider(
                    services, client, login.transaction, browser, CONSENT
                )
        except (
            AccountNotAllowed,
            AuthenticationNotMet,
            ProviderRefused,
            ProviderGrantEnded,
            ProviderUnavailable,
        ) as problem:
            # Nothing is lost: the link is not used, and the button begins again.
            self._record_failure(provider.name, problem)
            return self._page(handle, link, user, browser, problem=problem)
        except OAuthRefused as problem:
            self._record_failure(provider.name, problem)
            raise
        # The provider's account admits nobody here: it is stored for this user's tools alone.
        user_id = user.id

        async def store(connection: Connection) -> None:
            await services.connect_links.claim(connection, handle, user_id, provider.name)
            await services.connections.create(connection, link, provider, account, tokens)

        await services.store.exclusive(store)
        services.record_event("connection.made", user=user.id, provider=provider.name)
        # 303: reloading the next page must not send the provider's code again.
        done = services.settings.url(_page_of(handle))
        return RedirectResponse(done, 303, headers=dict(pages.SECURITY_HEADERS))

    async def disconnect(self, request: Request) -> Response:
        """End one connection of the signed-in user; return the redirect to ``/account``."""
        services = self._services
        form = await read_form(request)
        browser = services.cookies.require_own_form(request, ACCOUNT_FORM, form.one("csrf"))
        session = await signed_in_session(services, browser)
        if session is None:
            raise FormRefused("nobody is signed in any more")
        table = provider_connections.c
        # Whatever the form names: nobody ends what somebody else connected.
        which = (table.user_id == session.user.id) & (table.id == (form.one("connection") or ""))
        if await services.token_revocation.end_connections(which):
            services.record_event("connection.ended", user=session.user.id)
        target = services.settings.url("/account?ended=account")
        return RedirectResponse(target, 303, headers=dict(pages.SECURITY_HEADERS))

    async def _user_of(self, link: ConnectLink, browser: Browser) -> User | None:
        """
        Return the signed-in user of the link, or ``None`` if nobody is signed in.

        Raises:
            ConnectLinkRefused: 403, somebody else is signed in.
        """
        session = await signed_in_session(self._services, browser)
        if session is None:
            return None
        if session.user.id != link.user_id:
            raise ConnectLinkRefused("opened by another user than the one who called the tool")
        return session.user

    def _page(
        self,
        handle: str,
        link: ConnectLink,
        user: User,
        browser: Browser,
        *,
        problem: OAuthRefused | ProviderUnavailable | None = None,
    ) -> Response:
        settings = self._services.settings
        client, resource = self._services.providers[link.provider], settings.resource(link.resource)
        page = pages.ConnectPage(
            service=settings.service_name,
            action=settings.url("/connect"),
            link=handle,
            csrf=self._token(handle, link, browser),
            resource=link.resource,
            resource_name=resource.name if resource else None,
            provider=provider_card(settings, client.provider),
            scopes=client.provider.provider_scopes,
            username=user.display_name or user.username,
            problem=None if problem is None else problem.description,
        )
        response = page_response(page, 200 if problem is None else _status(problem))
        if isinstance(problem, ProviderUnavailable):
            response.headers["Retry-After"] = str(problem.retry_after)
        self._services.cookies.set_browser(response, browser)
        return response

    def _token(self, handle: str, link: ConnectLink, browser: Browser) -> str:
        """Return the form token of the page: bound to browser, server, provider and scopes."""
        provider = self._services.providers[link.provider].provider
        shown = (link.resource, provider.name, provider.issuer_url, *provider.provider_scopes)
        return self._services.cookies.consent_token(browser, _page_of(handle), shown)

    async def _done(self, link: ConnectLink) -> Response:
        account = await self._services.connections.find_account(
            link.user_id, link.resource, link.provider
        )
        if account is None:
            return self._message("Not connected", _NOTHING)
        if link.provider == PASTED_KEY:
            return self._message("Key kept", self._keys.done())
        title = self._services.providers[link.provider].provider.title
        # The attack: the browser is signed in at the provider with the attacker's account, which then
        # gets what the user's tools write. Last in the text, because the provider chooses the name.
        return self._message(
            "Connected",
            f"Your account at {title} is connected. Close this page, and return to your application."
            f" If this is not your account, disconnect it at {self._services.settings.url('/account')}:"
            f" {account}",
        )

    def _message(self, title: str, text: str) -> Response:
        service = self._services.settings.service_name
        return page_response(pages.MessagePage(service=service, title=title, text=text))

    def _record_failure(self, provider: str, problem: OAuthRefused | ProviderUnavailable) -> None:
        self._services.record_event(
            "connection.failed", provider=provider, reason=problem.code, detail=problem.detail
        )


def _page_of(handle: str) -> str:
    """Return what the forms of a link are bound to: the address of its page."""
    return f"/connect?link={handle}"


def _status(problem: OAuthRefused | ProviderUnavailable) -> int:
    return 503 if isinstance(problem, ProviderUnavailable) else 403
