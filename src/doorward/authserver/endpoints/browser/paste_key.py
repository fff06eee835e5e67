"""The page of a link on which a user pastes a key for the server behind a resource."""

from hmac import compare_digest

from starlette.responses import RedirectResponse, Response

from doorward.authserver.http.responses import page_response
from doorward.authserver.pages import pages
from doorward.authserver.provider_tokens.links import ConnectLink
from doorward.authserver.services import Services
from doorward.authserver.settings.pasted_key import PASTED_KEY, PastedKey
from doorward.authserver.store.connection import Connection
from doorward.authserver.users.cookies import Browser
from doorward.authserver.users.users import User
from doorward.wire.oauth.parameters import Parameters

_NOT_A_KEY = "This is not a key of the service. Copy the whole key, and paste it again."


class PasteKeyForm:
    """
    Asks the user of a link for a key, and stores it for this user and this server alone.

    The caller has proved that the user of the link is signed in, in the browser of the form.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    def page(
        self,
        handle: str,
        link: ConnectLink,
        user: User,
        browser: Browser,
        *,
        problem: str | None = None,
    ) -> Response:
        """Return the page with the form."""
        settings, pasted = self._services.settings, self._pasted(link)
        resource = settings.resource(link.resource)
        page = pages.PasteKeyPage(
            service=settings.service_name,
            action=settings.url("/connect"),
            link=handle,
            csrf=self._token(handle, link, browser),
            resource=link.resource,
            resource_name=resource.name if resource else None,
            title=pasted.title,
            origin=pasted.origin,
            username=user.display_name or user.username,
            problem=problem,
        )
        response = page_response(page, 200 if problem is None else 400)
        self._services.cookies.set_browser(response, browser)
        return response

    async def keep(
        self, handle: str, link: ConnectLink, user: User, browser: Browser, form: Parameters
    ) -> Response:
        """
        Store the key of the form; return the redirect to the last page, or the form again.

        Raises:
            ConnectLinkRefused: 403, the link was used meanwhile.
            StoreUnavailable: 503.
        """
        services = self._services
        expected = self._token(handle, link, browser)
        if not compare_digest(expected.encode(), (form.one("csrf") or "").encode()):
            # The settings changed while the page was open: the key would go to another server.
            return self.page(handle, link, user, browser)
        key = (form.one("key") or "").strip()
        if not self._pasted(link).admits(key):
            services.record_event(
                "connection.failed", provider=PASTED_KEY, reason="not-a-key", user=user.id
            )
            return self.page(handle, link, user, browser, problem=_NOT_A_KEY)

        async def store(connection: Connection) -> None:
            await services.connect_links.claim(connection, handle, user.id, PASTED_KEY)
            await services.pasted_keys.keep(connection, link, key)

        await services.store.exclusive(store)
        services.record_event("connection.made", user=user.id, provider=PASTED_KEY)
        # 303: reloading the next page must not send the key again.
        done = services.settings.url(f"/connect?link={handle}")
        return RedirectResponse(done, 303, headers=dict(pages.SECURITY_HEADERS))

    def done(self) -> str:
        """Return what the last page says."""
        account = self._services.settings.url("/account")
        return (
            "Your key is kept. Close this page, and return to your application."
            f" Replace or remove the key at {account}."
        )

    def _pasted(self, link: ConnectLink) -> PastedKey:
        pasted = self._services.settings.pasted_key(link.resource)
        assert pasted is not None, "links are found only where a key is pasted"
        return pasted

    def _token(self, handle: str, link: ConnectLink, browser: Browser) -> str:
        """Return the form token of the page: bound to browser, server, service and origin."""
        pasted = self._pasted(link)
        shown = (link.resource, pasted.title, pasted.origin)
        return self._services.cookies.consent_token(browser, f"/connect?link={handle}", shown)
