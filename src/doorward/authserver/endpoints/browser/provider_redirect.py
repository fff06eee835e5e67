"""The redirect to an identity provider, for sign-ins and connections."""

from starlette.responses import RedirectResponse, Response

from doorward.authserver.pages import pages
from doorward.authserver.services import Services
from doorward.authserver.upstream.id_tokens.reauthentication import Reauthentication
from doorward.authserver.upstream.provider_client import ProviderClient
from doorward.authserver.users.cookies import Browser


async def redirect_to_provider(
    services: Services,
    client: ProviderClient,
    binding: str,
    browser: Browser,
    prompt: str | None = None,
    reauthentication: Reauthentication | None = None,
) -> Response:
    """
    Return the redirect to the provider, with a new state of this browser.

    ``binding`` says what the callback goes on with: a transaction, a page of this server, or a link.
    ``reauthentication`` is what the client asks for.

    Raises:
        ProviderUnavailable: 503, its metadata cannot be read.
        StoreUnavailable: 503.

    Spec: OpenID Connect Core 1.0 §3.1.2.1
    """
    name = client.provider.name
    back = services.settings.callback_url(name)
    login = await services.provider_logins.begin(
        name, browser, binding, back, prompt, reauthentication
    )
    url = await client.authorization_url(login.leg)
    # 303: the browser follows with GET, and sends the form to nobody else.
    return RedirectResponse(url, 303, headers=dict(pages.SECURITY_HEADERS))
