"""Consent before the redirect to an identity provider, when nobody is signed in yet."""

from urllib.parse import urlsplit

from starlette.responses import Response

from doorward.authserver.authorize.consent import scope_lines
from doorward.authserver.authorize.response import client_card
from doorward.authserver.clients.registry import Client
from doorward.authserver.grants.consents import client_digest
from doorward.authserver.grants.transactions import Transaction
from doorward.authserver.http.responses import page_response
from doorward.authserver.pages import pages
from doorward.authserver.services import Services
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.settings.identity_provider import IdentityProvider
from doorward.authserver.users.cookies import Browser


def provider_card(settings: AuthServerSettings, provider: IdentityProvider) -> pages.ProviderCard:
    """Return what pages show about an identity provider."""
    return pages.ProviderCard(
        title=provider.title,
        host=urlsplit(provider.issuer_url).netloc,
        action=settings.url(f"/sign-in/{provider.name}"),
    )


def provider_consent_token(
    services: Services,
    transaction: Transaction,
    client: Client,
    provider: IdentityProvider,
    browser: Browser,
) -> str:
    """Return the form token of the page: bound to browser, client, provider and scopes."""
    shown = (provider.name, client_digest(client).hex(), *sorted(transaction.request.scopes))
    return services.cookies.consent_token(browser, transaction.handle, shown)


def provider_consent_page(
    services: Services,
    transaction: Transaction,
    client: Client,
    provider: IdentityProvider,
    browser: Browser,
    *,
    other_account: bool = False,
    problem: str | None = None,
) -> Response:
    """
    Return the page that names the client, the scopes, and the provider where the user signs in next.

    It comes before the redirect: a provider that remembers this server's registration signs people
    in without a word, for whichever client sent them here.

    Spec: MCP 2026-07-28 security best practices, "Confused Deputy Problem"
    """
    authorization = transaction.request
    settings = services.settings
    resource = settings.resource(authorization.resource)
    card = provider_card(settings, provider)
    page = pages.ConsentPage(
        service=settings.service_name,
        action=card.action,
        transaction=transaction.handle,
        csrf=provider_consent_token(services, transaction, client, provider, browser),
        client=client_card(client, authorization.redirect_uri),
        resource=authorization.resource,
        resource_name=resource.name if resource else None,
        signs_in=settings.is_openid(authorization.resource),
        scopes=scope_lines(services, authorization, frozenset(authorization.scopes), frozenset()),
        username=None,
        switch_account_action=None,
        provider=card,
        other_account=other_account,
        problem=problem,
    )
    response = page_response(page)
    services.cookies.set_browser(response, browser)
    return response
