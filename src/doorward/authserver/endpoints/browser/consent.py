"""``/consent``: the consent page and the user's decision."""

from hmac import compare_digest

from starlette.requests import Request
from starlette.responses import Response

from doorward.authserver.authorize.consent import (
    NothingChosen,
    approved_scopes,
    chosen_scopes,
    complete_authorization,
    consent_binding,
    consent_page,
    grantable_scopes,
)
from doorward.authserver.authorize.response import refuse_transaction
from doorward.authserver.authorize.sign_in import ask_to_sign_in, signed_in_session
from doorward.authserver.clients.registry import Client
from doorward.authserver.endpoints.browser.sign_in import read_form
from doorward.authserver.grants.transactions import Transaction
from doorward.authserver.openid.claims import required_scopes
from doorward.authserver.refusals import AccessDenied, FormRefused, OAuthRefused
from doorward.authserver.services import Services
from doorward.authserver.users.cookies import Browser
from doorward.authserver.users.sessions import BrowserSession
from doorward.wire.oauth.parameters import parse_parameters


class ConsentEndpoint:
    """Shows the consent page, and takes one decision per transaction."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def get(self, request: Request) -> Response:
        """Return the consent page, or the redirect to the client after consent before a sign-in."""
        services = self._services
        query = parse_parameters(request.scope["query_string"])
        browser = services.cookies.browser(request)
        transaction = await services.transactions.find(query.one("transaction") or "", browser)
        client = await services.clients.find(transaction.request.client_id)
        session = await self._signed_in(browser, transaction)
        if session is None:
            return ask_to_sign_in(services, transaction, client, browser)
        user = session.user
        try:
            approved = approved_scopes(transaction, client)
            if approved is None:
                return await consent_page(services, transaction, client, user, browser)
            return await self._complete(transaction, browser, client, session, approved)
        except FormRefused:
            raise
        except OAuthRefused as refused:
            return await refuse_transaction(services, transaction, browser, client, refused)

    async def post(self, request: Request) -> Response:
        """Return the redirect with a code for ``allow``, and with ``access_denied`` for all else."""
        services = self._services
        form = await read_form(request)
        handle = form.one("transaction") or ""
        browser = services.cookies.require_own_form(request, handle, form.one("csrf"))
        transaction = await services.transactions.find(handle, browser)
        client = await services.clients.find(transaction.request.client_id)
        session = await self._signed_in(browser, transaction)
        if session is None:
            raise FormRefused("nobody is signed in any more")
        user = session.user
        try:
            if form.one("decision") != "allow":
                raise AccessDenied("the user said no", description="The user denied the request.")
            settings = services.settings
            shown = consent_binding(settings, transaction.request, client, user)
            expected = services.cookies.consent_token(browser, handle, shown)
            if not compare_digest(expected.encode(), (form.one("csrf") or "").encode()):
                # The client or the account changed while the page was open, so the user decided about
                # something else.
                return await consent_page(services, transaction, client, user, browser)
            left = chosen_scopes(
                form,
                grantable_scopes(settings, transaction.request, user),
                required_scopes(settings, transaction.request.resource),
            )
            return await self._complete(transaction, browser, client, session, left)
        except NothingChosen as chosen:
            return await consent_page(
                services, transaction, client, user, browser, problem=chosen.public
            )
        except FormRefused:
            raise
        except OAuthRefused as refused:
            return await refuse_transaction(services, transaction, browser, client, refused)

    async def _signed_in(self, browser: Browser, transaction: Transaction) -> BrowserSession | None:
        """Return the session of the user who signed in for this transaction."""
        session = await signed_in_session(self._services, browser)
        # A session alone is not enough: with prompt=login, it must be newer than the request.
        mine = session is not None and session.user.id == transaction.user_id
        return session if mine else None

    async def _complete(
        self,
        transaction: Transaction,
        browser: Browser,
        client: Client,
        session: BrowserSession,
        approved: frozenset[str] | None,
    ) -> Response:
        return await complete_authorization(
            self._services,
            transaction.request,
            client,
            session.user,
            (transaction, browser),
            authentication=session.authentication,
            approved=approved,
            provider_session_id=session.provider_session_id,
        )
