"""An authorization server with one or two identity providers, and a person in front of a browser."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest

from doorward.authserver.settings.admission import Allow
from doorward.authserver.settings.identity_provider import IdentityProvider
from tests.authserver.browser import Browser, form_with
from tests.authserver.databases import Databases
from tests.authserver.harness import AuthServerHarness
from tests.authserver.upstream.openid_provider import CLIENT_ID, CLIENT_SECRET, OpenIdProvider

StartBridge = Callable[..., Any]


class Bridge:
    """The authorization server and its provider."""

    def __init__(self, harness: AuthServerHarness, provider: OpenIdProvider) -> None:
        self.harness = harness
        self.provider = provider

    async def to_provider(
        self, browser: Browser, client_id: str, **changes: Any
    ) -> httpx2.Response:
        """Consent, and return the redirect to the provider."""
        page = await browser.open(self.harness.authorize_url(client_id, **changes))
        if 'name="decision"' not in page.text:
            page = await browser.submit(form_with(page.text, "transaction"))
        return await browser.decide(page)

    async def sign_in(self, browser: Browser, client_id: str, **changes: Any) -> httpx2.Response:
        """Go through consent and provider; return what leads back to the client."""
        redirect = await self.to_provider(browser, client_id, **changes)
        return await browser.open(self.provider.callback(redirect.headers["location"]))


def identity_provider(**changes: Any) -> IdentityProvider:
    """Return the settings of the provider that runs in the process."""
    settings: dict[str, Any] = {
        "name": "sso",
        "title": "Example SSO",
        "issuer": "https://login.example",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "allow": Allow(everyone=True),
    }
    return IdentityProvider(**{**settings, **changes})


@pytest.fixture
async def start_bridge(
    clock: Callable[[], float], databases: Databases
) -> AsyncIterator[StartBridge]:
    """Give a function that starts a server with these identity providers."""
    async with AsyncExitStack() as stack:

        async def open_one(
            *providers: IdentityProvider, provider: OpenIdProvider | None = None, **changes: Any
        ) -> Bridge:
            provider = provider or OpenIdProvider(clock)
            if "database_url" not in changes:
                changes = {**await databases.settings(), **changes}
            harness = await stack.enter_async_context(
                AuthServerHarness.opened(
                    clock,
                    provider_fetcher=provider,
                    identity_providers=providers or (identity_provider(),),
                    **changes,
                )
            )
            return Bridge(harness, provider)

        yield open_one


@pytest.fixture
async def bridge(start_bridge: StartBridge) -> Bridge:
    """A server with one provider and no users of its own."""
    opened: Bridge = await start_bridge()
    return opened
