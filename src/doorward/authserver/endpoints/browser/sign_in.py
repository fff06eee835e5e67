"""``/sign-in``, ``/sign-out`` and ``/switch-account``."""

from starlette.requests import Request
from starlette.responses import Response

from doorward.authserver.authorize.sign_in import (
    ask_to_sign_in,
    complete_sign_in,
    sign_in_page,
)
from doorward.authserver.endpoints.browser.password_attempts import user_with_password
from doorward.authserver.grants.transactions import Transaction
from doorward.authserver.http.responses import page_response, read_body
from doorward.authserver.pages import pages
from doorward.authserver.refusals import FormRefused, TooManyRequests
from doorward.authserver.services import Services
from doorward.authserver.users.cookies import Browser
from doorward.wire.oauth.parameters import Parameters, parse_parameters

LONGEST_FORM = 16 * 1024

WRONG_CREDENTIALS = "Wrong username or password."


async def read_form(request: Request) -> Parameters:
    """
    Return the fields of an HTML form.

    Raises:
        FormRefused: 403, another content type.
        BodyTooLarge: 413.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise FormRefused(f"content type {media_type[:60]!r}")
    return parse_parameters(await read_body(request, LONGEST_FORM))


class SignInEndpoint:
    """Signs users in with their password, and out."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def post(self, request: Request) -> Response:
        """Check username and password, and resume the transaction in a new session."""
        services = self._services
        if not services.settings.has_own_users:
            raise FormRefused("passwords are not accepted here")
        form = await read_form(request)
        transaction, browser = await self._transaction(request, form)
        username, password = form.one("username") or "", form.one("password") or ""
        try:
            user = await user_with_password(services, request, browser, username, password)
        except TooManyRequests as refusal:
            page = await self._again(transaction, browser, username, refusal.description, 429)
            page.headers["Retry-After"] = str(refusal.retry_after)
            return page
        if user is None:
            return await self._again(transaction, browser, username, WRONG_CREDENTIALS, 200)
        return await complete_sign_in(services, browser, transaction, user, amr=["pwd"])

    async def switch(self, request: Request) -> Response:
        """Sign out, and return the sign-in page for the same transaction."""
        services = self._services
        form = await read_form(request)
        transaction, browser = await self._transaction(request, form)
        await services.sessions.end(browser.session_id)
        await services.transactions.forget_sign_in(transaction.handle, browser)
        client = await services.clients.find(transaction.request.client_id)
        # The provider would sign the same account in again, without asking.
        response = ask_to_sign_in(services, transaction, client, browser, other_account=True)
        services.cookies.clear_session(response)
        return response

    async def sign_out(self, request: Request) -> Response:
        """End the session on the server, and return a page. Never redirects."""
        services = self._services
        # No return URL is read, so there is no open redirect. A form on another site must not sign
        # anybody out.
        if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            raise FormRefused("asked to sign out from another site")
        await services.sessions.end(services.cookies.browser(request).session_id)
        page = pages.MessagePage(
            service=services.settings.service_name,
            title="Signed out",
            text="You are signed out of this server. Applications keep the access that you allowed.",
        )
        response = page_response(page)
        services.cookies.clear_session(response)
        return response

    async def _transaction(self, request: Request, form: Parameters) -> tuple[Transaction, Browser]:
        handle = form.one("transaction") or ""
        browser = self._services.cookies.require_own_form(request, handle, form.one("csrf"))
        return await self._services.transactions.find(handle, browser), browser

    async def _again(
        self, transaction: Transaction, browser: Browser, username: str, problem: str, status: int
    ) -> Response:
        client = await self._services.clients.find(transaction.request.client_id)
        return sign_in_page(
            self._services,
            transaction,
            client,
            browser,
            username=username,
            problem=problem,
            status=status,
        )
