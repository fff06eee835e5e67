"""Sign-in: the page, and what follows every kind of sign-in."""

import re
from collections.abc import Sequence
from dataclasses import replace

from starlette.responses import RedirectResponse, Response

from doorward.authserver.authorize.provider_consent import provider_card, provider_consent_page
from doorward.authserver.authorize.response import client_card
from doorward.authserver.clients.registry import Client
from doorward.authserver.grants.transactions import Transaction
from doorward.authserver.http.responses import page_response
from doorward.authserver.pages import pages
from doorward.authserver.refusals import AccessDenied
from doorward.authserver.services import Services
from doorward.authserver.settings.identity_provider import IdentityProvider
from doorward.authserver.users.cookies import Browser
from doorward.authserver.users.sessions import BrowserSession
from doorward.authserver.users.users import User

# What the forms of pages of this server are bound to, in place of a transaction: the path of the page,
# to which a sign-in there leads back. No handle of a transaction looks like it.
ACCOUNT_FORM = "/account"
_CONNECT_PAGE = re.compile(r"/connect\?link=[A-Za-z0-9_-]{43}")


def is_own_page(form: str) -> bool:
    """Say whether a form is bound to a page of this server, and not to a transaction."""
    return form == ACCOUNT_FORM or _CONNECT_PAGE.fullmatch(form) is not None


async def signed_in_session(services: Services, browser: Browser) -> BrowserSession | None:
    """
    Return the session of the browser, or ``None`` if its user could not sign in that way any more.

    A provider that an operator disables admits nobody, also not those who were there before.
    """
    session = await services.sessions.find(browser.session_id)
    if session is None:
        return None
    if session.provider_session_id is None:
        return session if services.settings.has_own_users else None
    async with services.store.reading() as connection:
        kept = await services.provider_sessions.find(connection, session.provider_session_id)
    if kept is None or kept.ended or kept.tokens is None:
        return None
    return replace(session, authentication=kept.authentication)


def ask_to_sign_in(
    services: Services,
    transaction: Transaction,
    client: Client,
    browser: Browser,
    *,
    other_account: bool = False,
) -> Response:
    """
    Return the first page for a browser in which nobody is signed in.

    With one identity provider and no own users there is nothing to choose, so it asks for consent.
    """
    providers = enabled_providers(services)
    if len(providers) == 1 and not services.settings.has_own_users:
        return provider_consent_page(
            services, transaction, client, providers[0], browser, other_account=other_account
        )
    return sign_in_page(services, transaction, client, browser, other_account=other_account)


def enabled_providers(services: Services) -> tuple[IdentityProvider, ...]:
    """Return the identity providers at which people can sign in."""
    return tuple(one for one in services.settings.identity_providers if one.signs_in)


def sign_in_page(
    services: Services,
    transaction: Transaction,
    client: Client,
    browser: Browser,
    *,
    username: str = "",
    problem: str | None = None,
    code: str | None = None,
    correlation_id: str | None = None,
    status: int = 200,
    other_account: bool = False,
) -> Response:
    """
    Return the page that asks for a username and a password, and names the identity providers.

    ``code`` is the reason of the problem, and ``correlation_id`` that of its line in the log.
    """
    return _page(
        services,
        browser,
        form=transaction.handle,
        action="/sign-in",
        client=client_card(client, transaction.request.redirect_uri),
        username=username,
        problem=problem,
        code=code,
        correlation_id=correlation_id,
        status=status,
        other_account=other_account,
    )


def own_sign_in_page(
    services: Services,
    browser: Browser,
    form: str,
    *,
    username: str = "",
    problem: str | None = None,
    status: int = 200,
) -> Response:
    """Return the page to sign in for a page of this server, without any application."""
    return _page(
        services,
        browser,
        form=form,
        action="/account/sign-in",
        client=None,
        username=username,
        problem=problem,
        status=status,
    )


async def complete_sign_in(
    services: Services,
    browser: Browser,
    transaction: Transaction,
    user: User,
    *,
    amr: Sequence[str],
    provider_session_id: str | None = None,
) -> Response:
    """
    Return the redirect that resumes the transaction after a user has been authenticated.

    Every way of signing in ends here. The transaction gets the user; the browser gets a fresh
    session and becomes a known browser. The redirect leads to ``/consent``, which asks for consent
    or answers the client. ``amr`` says how the user was authenticated, for the event log.
    ``provider_session_id`` is the session at an identity provider, if the user signed in there.

    Raises:
        AccessDenied: the user is disabled.
        FormRefused: 403, the transaction was completed meanwhile, or is another browser's.
        StoreUnavailable: 503.

    Spec: RFC 8176 §2 (``amr``)
    """
    if user.disabled:
        raise AccessDenied(f"user {user.id} is disabled", description="This account is disabled.")
    await services.transactions.set_user(transaction.handle, browser, user.id)
    next_page = services.settings.url(f"/consent?transaction={transaction.handle}")
    return await signed_in_redirect(
        services, browser, user, next_page, amr=amr, provider_session_id=provider_session_id
    )


async def signed_in_redirect(
    services: Services,
    browser: Browser,
    user: User,
    next_page: str,
    *,
    amr: Sequence[str],
    provider_session_id: str | None = None,
) -> Response:
    """Return the redirect to ``next_page`` in a fresh session; the browser becomes a known one."""
    session_id = await services.sessions.create(user, browser.session_id, provider_session_id)
    known_browser = await services.known_browsers.remember(user, browser.known_secret)
    services.record_event("sign-in.succeeded", user=user.id, amr=" ".join(amr))
    # 303: reloading the next page must not send a password or a provider's code again.
    response = RedirectResponse(next_page, 303, headers=dict(pages.SECURITY_HEADERS))
    services.cookies.set_session(response, session_id)
    services.cookies.set_known_browser(response, known_browser)
    return response


def _page(
    services: Services,
    browser: Browser,
    *,
    form: str,
    action: str,
    client: pages.ClientCard | None,
    username: str,
    problem: str | None,
    status: int,
    code: str | None = None,
    correlation_id: str | None = None,
    other_account: bool = False,
) -> Response:
    """Return the page whose form is bound to ``form`` and sent to the path ``action``."""
    settings = services.settings
    page = pages.SignInPage(
        service=settings.service_name,
        action=settings.url(action),
        transaction=form,
        csrf=services.cookies.form_token(browser, form),
        client=client,
        username=username,
        problem=problem,
        code=code,
        correlation_id=correlation_id,
        demo_users=settings.demo_users,
        providers=tuple(provider_card(settings, one) for one in enabled_providers(services)),
        own_users=settings.has_own_users,
        other_account=other_account,
    )
    response = page_response(page, status)
    services.cookies.set_browser(response, browser)
    return response
