"""``/sign-in/{provider}`` and ``/callback/{provider}``: sign-in at an identity provider."""

from hmac import compare_digest

from starlette.requests import Request
from starlette.responses import Response

from doorward.authserver.authorize.consent import NothingChosen, chosen_scopes
from doorward.authserver.authorize.provider_consent import (
    provider_consent_page,
    provider_consent_token,
)
from doorward.authserver.authorize.response import refuse_transaction
from doorward.authserver.authorize.sign_in import (
    complete_sign_in,
    is_own_page,
    sign_in_page,
    signed_in_redirect,
)
from doorward.authserver.clients.registry import Client
from doorward.authserver.endpoints.browser.connect import ConnectEndpoint, connects
from doorward.authserver.endpoints.browser.provider_redirect import redirect_to_provider
from doorward.authserver.endpoints.browser.sign_in import read_form
from doorward.authserver.grants.authorization_request import AuthorizationRequest
from doorward.authserver.grants.consents import client_digest
from doorward.authserver.grants.transactions import Transaction
from doorward.authserver.openid.claims import required_scopes
from doorward.authserver.refusals import AccessDenied, FormRefused, OAuthRefused
from doorward.authserver.services import Services
from doorward.authserver.settings.admission import ProviderAccount
from doorward.authserver.upstream.callback_answer import read_callback
from doorward.authserver.upstream.id_tokens.reauthentication import Reauthentication
from doorward.authserver.upstream.logins import ProviderLogin
from doorward.authserver.upstream.provider_client import CONSENT, ProviderClient
from doorward.authserver.upstream.refusals import (
    AccountNotAllowed,
    ProviderMisconfigured,
    ProviderRefused,
    ProviderUnavailable,
)
from doorward.authserver.upstream.responses import ProviderTokens
from doorward.authserver.users.cookies import Browser
from doorward.authserver.users.users import User
from doorward.net.client_address import address_key
from doorward.wire.oauth.parameters import Parameters, parse_parameters

LONGEST_QUERY = 16 * 1024


class ProviderSignInEndpoint:
    """
    Asks for consent, sends the browser to a provider, and signs in whoever comes back.

    Spec: OpenID Connect Core 1.0 §3.1; MCP 2026-07-28 security best practices, "Confused Deputy"
    """

    def __init__(self, services: Services, connect: ConnectEndpoint) -> None:
        self._services = services
        self._connect = connect

    async def post(self, request: Request) -> Response:
        """Return the consent page; after consent, the redirect to the provider."""
        services = self._services
        provider = self._provider(request)
        self._require_sign_in(provider)
        await self._count(request, "provider-sign-in")
        form = await read_form(request)
        handle = form.one("transaction") or ""
        browser = services.cookies.require_own_form(request, handle, form.one("csrf"))
        if is_own_page(handle):
            # No application asks for anything, so there is nothing to consent to.
            return await redirect_to_provider(services, provider, handle, browser)
        transaction = await services.transactions.find(handle, browser)
        client = await services.clients.find(transaction.request.client_id)
        other_account = form.one("account") == "other"
        decision = form.one("decision")
        expected = provider_consent_token(services, transaction, client, provider.provider, browser)
        unchanged = compare_digest(expected.encode(), (form.one("csrf") or "").encode())
        if decision is None or (decision == "allow" and not unchanged):
            # Not asked yet, or the client has changed while the page was open.
            return provider_consent_page(
                services,
                transaction,
                client,
                provider.provider,
                browser,
                other_account=other_account,
            )
        if decision != "allow":
            denied = AccessDenied("the user said no", description="The user denied the request.")
            return await refuse_transaction(services, transaction, browser, client, denied)
        try:
            left = chosen_scopes(
                form,
                frozenset(transaction.request.scopes),
                required_scopes(services.settings, transaction.request.resource),
            )
        except NothingChosen as chosen:
            return provider_consent_page(
                services,
                transaction,
                client,
                provider.provider,
                browser,
                other_account=other_account,
                problem=chosen.public,
            )
        await services.transactions.set_consent(handle, browser, left, client_digest(client))
        prompt = _prompt(transaction, other_account=other_account)
        again = _reauthentication(transaction.request, services.clock())
        try:
            return await redirect_to_provider(services, provider, handle, browser, prompt, again)
        except (ProviderUnavailable, ProviderMisconfigured) as problem:
            return self._problem_page(provider, transaction, client, browser, problem)

    async def callback(self, request: Request) -> Response:
        """Sign in the user of the provider's answer, and resume the transaction."""
        services = self._services
        provider = self._provider(request)
        await self._count(request, "callback")
        query: bytes = request.scope["query_string"]
        if len(query) > LONGEST_QUERY:
            raise FormRefused("the query is too long")
        answer = parse_parameters(query)
        browser = services.cookies.browser(request)
        # Claimed before anything else: a state that is not of this browser causes no request.
        state = answer.one("state") or ""
        try:
            login = await services.provider_logins.claim(
                provider.provider.name,
                browser,
                state,
                services.settings.callback_url(provider.provider.name),
            )
        except FormRefused as refused:
            return await self._begin_again(provider, browser, state, refused)
        if connects(login):
            return await self._connect.callback(provider, browser, login, answer)
        self._require_sign_in(provider)
        if is_own_page(login.transaction):
            return await self._open_own_page(provider, browser, login, answer)
        transaction = await services.transactions.find(login.transaction, browser)
        client = await services.clients.find(transaction.request.client_id)
        try:
            account, tokens = await read_callback(provider, login.leg, answer)
            if await provider.needs_consent(login.leg, tokens):
                # Somebody else may come back this time: what the client asked for still counts.
                return await redirect_to_provider(
                    services,
                    provider,
                    login.transaction,
                    browser,
                    CONSENT,
                    login.leg.reauthentication,
                )
            user, session_id = await self._store(provider, account, tokens)
            return await complete_sign_in(
                services,
                browser,
                transaction,
                user,
                amr=["fed"],
                provider_session_id=session_id,
            )
        except ProviderRefused as refused:
            return await refuse_transaction(services, transaction, browser, client, refused)
        except FormRefused as problem:
            self._record(provider, problem)
            raise
        except (OAuthRefused, ProviderUnavailable) as problem:
            return self._problem_page(provider, transaction, client, browser, problem)

    async def _begin_again(
        self, provider: ProviderClient, browser: Browser, state: str, refused: FormRefused
    ) -> Response:
        """
        Return the sign-in page where this browser's own sign-in got no answer: its process has died.

        Raises:
            FormRefused: 403, the state is not of this browser, or its transaction is over.
        """
        services = self._services
        handle = await services.provider_logins.interrupted(provider.provider.name, browser, state)
        if handle is None:
            raise refused
        transaction = await services.transactions.find(handle, browser)
        client = await services.clients.find(transaction.request.client_id)
        interrupted = FormRefused(
            refused.detail, description="This sign-in was interrupted. Sign in again."
        )
        return self._problem_page(provider, transaction, client, browser, interrupted)

    def _problem_page(
        self,
        provider: ProviderClient,
        transaction: Transaction,
        client: Client,
        browser: Browser,
        problem: OAuthRefused | ProviderUnavailable,
    ) -> Response:
        """
        Return the sign-in page with a problem: nothing is lost.

        The transaction is open: one button begins another sign-in, and one returns to the client.
        """
        correlation_id = self._record(provider, problem)
        retry = isinstance(problem, ProviderUnavailable)
        page = sign_in_page(
            self._services,
            transaction,
            client,
            browser,
            problem=problem.description,
            code=problem.code,
            correlation_id=correlation_id,
            status=problem.status if problem.status >= 500 else 403,
            other_account=isinstance(problem, AccountNotAllowed),
        )
        if retry:
            page.headers["Retry-After"] = "5"
        return page

    async def _count(self, request: Request, what: str) -> None:
        # Each sign-in that begins is a row in the database.
        settings = self._services.settings
        peer = address_key(request, settings.trusted_proxies)
        await self._services.limits.count(settings.limits.authorizations_per_address, what, peer)

    def _provider(self, request: Request) -> ProviderClient:
        provider = self._services.providers.get(str(request.path_params["provider"]))
        if provider is None:
            raise FormRefused("no such identity provider, or it is disabled")
        return provider

    def _require_sign_in(self, provider: ProviderClient) -> None:
        """Refuse a sign-in at a provider whose accounts can only be connected."""
        if not provider.provider.signs_in:
            raise FormRefused("nobody signs in at this identity provider")

    async def _store(
        self, provider: ProviderClient, account: ProviderAccount, tokens: ProviderTokens
    ) -> tuple[User, str]:
        """Return the user of an admitted account, and the new session at the provider."""
        services = self._services
        user = await services.provider_accounts.user_of(provider.provider, account)
        session_id = await services.provider_sessions.create(
            provider.provider, account, user.id, tokens
        )
        return user, session_id

    async def _open_own_page(
        self, provider: ProviderClient, browser: Browser, login: ProviderLogin, answer: Parameters
    ) -> Response:
        """Return the redirect to the page of this server for which the user signed in."""
        services = self._services
        try:
            account, tokens = await read_callback(provider, login.leg, answer)
            user, session_id = await self._store(provider, account, tokens)
        except (OAuthRefused, ProviderUnavailable) as problem:
            self._record(provider, problem)
            raise
        if user.disabled:
            raise AccessDenied(
                f"user {user.id} is disabled", description="This account is disabled."
            )
        return await signed_in_redirect(
            services,
            browser,
            user,
            services.settings.url(login.transaction),
            amr=["fed"],
            provider_session_id=session_id,
        )

    def _record(self, provider: ProviderClient, problem: OAuthRefused | ProviderUnavailable) -> str:
        return self._services.record_event(
            "provider-sign-in.failed",
            provider=provider.provider.name,
            reason=problem.code,
            detail=problem.detail,
        )


def _prompt(transaction: Transaction, *, other_account: bool) -> str | None:
    """Return what the provider must ask, although it may know the user."""
    if other_account or "select_account" in transaction.request.prompts:
        return "select_account"
    return "login" if "login" in transaction.request.prompts else None


def _reauthentication(request: AuthorizationRequest, now: float) -> Reauthentication | None:
    """Return what the client asks the provider to do, although it may know the user."""
    if "login" in request.prompts:
        return Reauthentication(since=now, max_age=request.max_age)
    if request.max_age is not None:
        return Reauthentication(since=now - request.max_age, max_age=request.max_age)
    return None
