"""``/consent``: the consent page and the user's decision."""

from hmac import compare_digest

from starlette.requests import Request
from starlette.responses import Response

from doorward.authserver.authorize.consent import (
    complete_authorization,
    consent_binding,
    consent_page,
)
from doorward.authserver.authorize.response import error_response
from doorward.authserver.authorize.sign_in import sign_in_page
from doorward.authserver.clients.registry import Client
from doorward.authserver.endpoints.sign_in import read_form
from doorward.authserver.grants.transactions import Transaction
from doorward.authserver.refusals import AccessDenied, FormRefused, OAuthRefused
from doorward.authserver.services import Services
from doorward.authserver.users.cookies import Browser
from doorward.authserver.users.users import User
from doorward.wire.oauth.parameters import parse_parameters


class ConsentEndpoint:
    """Shows the consent page, and takes one decision per transaction."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def get(self, request: Request) -> Response:
        """Return the consent page."""
        services = self._services
        query = parse_parameters(request.scope["query_string"])
        browser = services.cookies.browser(request)
        transaction = await services.transactions.find(query.one("transaction") or "", browser)
        client = await services.clients.find(transaction.request.client_id)
        user = await self._signed_in(browser, transaction)
        if user is None:
            return sign_in_page(services, transaction, client, browser)
        try:
            return await consent_page(services, transaction, client, user, browser)
        except OAuthRefused as refused:
            return await self._refused(transaction, browser, client, user, refused)

    async def post(self, request: Request) -> Response:
        """Return the redirect with a code for ``allow``, and with ``access_denied`` for all else."""
        services = self._services
        form = await read_form(request)
        handle = form.one("transaction") or ""
        browser = services.cookies.require_own_form(request, handle, form.one("csrf"))
        transaction = await services.transactions.find(handle, browser)
        client = await services.clients.find(transaction.request.client_id)
        user = await self._signed_in(browser, transaction)
        if user is None:
            raise FormRefused("nobody is signed in any more")
        try:
            if form.one("decision") != "allow":
                raise AccessDenied("the user said no", say="The user denied the request.")
            shown = consent_binding(transaction.request, client, user)
            expected = services.cookies.consent_token(browser, handle, shown)
            if not compare_digest(expected.encode(), (form.one("csrf") or "").encode()):
                # The client or the account changed while the page was open, so the user decided about
                # something else.
                return await consent_page(services, transaction, client, user, browser)
            claim = (transaction, browser)
            return await complete_authorization(services, transaction.request, client, user, claim)
        except FormRefused:
            raise
        except OAuthRefused as refused:
            return await self._refused(transaction, browser, client, user, refused)

    async def _signed_in(self, browser: Browser, transaction: Transaction) -> User | None:
        """Return the user who signed in for this transaction, if the session is still theirs."""
        user = await self._services.sessions.user(browser.session_id)
        # A session alone is not enough: with prompt=login, it must be newer than the request.
        return user if user is not None and user.id == transaction.user_id else None

    async def _refused(
        self,
        transaction: Transaction,
        browser: Browser,
        client: Client,
        user: User,
        refused: OAuthRefused,
    ) -> Response:
        async with self._services.store.writing() as connection:
            await self._services.transactions.claim(
                connection, transaction.handle, browser, user.id
            )
        authorization = transaction.request
        self._services.record_event(
            "authorization.refused", client_id=client.client_id, reason=refused.code
        )
        return error_response(
            self._services.settings,
            client,
            authorization.redirect_uri,
            authorization.state,
            refused,
        )
