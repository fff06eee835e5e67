"""An authorization server whose users connect accounts at a second provider, and their tools."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest

from doorward.authserver.provider_tokens.lookup import Asked
from doorward.authserver.refusals import AccountNotConnected
from doorward.authserver.settings.identity_provider import IdentityProvider
from doorward.authserver.upstream.responses import ProviderTokens
from tests.authserver.browser import Browser, form_with
from tests.authserver.databases import Databases
from tests.authserver.harness import ISSUER, PASSWORD, RESOURCE, AuthServerHarness
from tests.authserver.provider_tokens.code_host import ISSUER as CODE_ISSUER
from tests.authserver.provider_tokens.code_host import CodeHost, Providers
from tests.authserver.upstream.conftest import identity_provider
from tests.authserver.upstream.openid_provider import OpenIdProvider

HOUR = 3600


def code_host(**changes: Any) -> IdentityProvider:
    """Return the settings of the second provider, at which nobody signs in."""
    settings: dict[str, Any] = {
        "name": "code",
        "title": "Code Host",
        "issuer": CODE_ISSUER,
        "allow": (),
        "connect_only": True,
        "provider_scopes": ("repo:read",),
    }
    return identity_provider(**{**settings, **changes})


class Vault:
    """The server, its second provider, and what tools and people do."""

    def __init__(self, harness: AuthServerHarness, code: CodeHost, sign_in: OpenIdProvider) -> None:
        self.harness = harness
        self.code = code
        self.sign_in = sign_in

    async def caller(self, user: str = "alice") -> str:
        """Return an access token of a new client of this user."""
        client = (await self.harness.register())["client_id"]
        return (await self.harness.tokens(client, user=user)).access

    async def ask(self, caller: str, provider: str = "code", **changes: Any) -> ProviderTokens:
        """Ask for the caller's token, as a tool of the server does."""
        asked = Asked(
            **{"subject_token": caller, "resource": RESOURCE, "provider": provider, **changes}
        )
        return await self.harness.server.services.provider_tokens.find(asked)

    async def link(self, caller: str, provider: str = "code", **changes: Any) -> str:
        """Return the link that the tool gets instead."""
        with pytest.raises(AccountNotConnected) as refused:
            await self.ask(caller, provider, **changes)
        return refused.value.error_uri

    async def signed_in(self, user: str = "alice") -> Browser:
        """Return a browser in which this user is signed in."""
        browser = self.harness.browser()
        page = await browser.open(self.harness.url("/account"))
        await browser.sign_in(page, user, PASSWORD)
        return browser

    async def to_provider(self, browser: Browser, link: str) -> httpx2.Response:
        """Open the link and confirm; return the redirect to the provider."""
        page = await browser.open(link)
        return await browser.submit(form_with(page.text, "decision"), decision="connect")

    async def connect(
        self, browser: Browser, link: str, subject: str = "octo", code: OpenIdProvider | None = None
    ) -> httpx2.Response:
        """Connect the account ``subject``, and return the last page."""
        host = code or self.code
        host.user = {"sub": subject, "name": f"{subject} of the code host"}
        page = await self.to_provider(browser, link)
        # A provider that issued no refresh token is asked once more, with consent.
        while page.is_redirect:
            page = await browser.open(host.callback(page.headers["location"]))
        return page

    async def connected(self, user: str = "alice", subject: str = "octo") -> str:
        """Return an access token of a user who has connected an account."""
        caller = await self.caller(user)
        page = await self.connect(await self.signed_in(user), await self.link(caller), subject)
        assert "is connected" in page.text
        return caller

    async def count(self, table: str) -> int:
        """Return how many rows a table has."""
        async with self.harness.server.services.store.reading() as connection:
            found = await connection.exec_driver_sql(f"SELECT count(*) FROM {table}")
            return int(found.scalar_one())


StartVault = Callable[..., Any]


@pytest.fixture
async def start_vault(
    clock: Callable[[], float], databases: Databases
) -> AsyncIterator[StartVault]:
    """Give a function that starts a server with these identity providers."""
    async with AsyncExitStack() as stack:

        async def open_one(
            *providers: IdentityProvider, share: Vault | None = None, **changes: Any
        ) -> Vault:
            code = share.code if share else CodeHost(clock)
            sign_in = share.sign_in if share else OpenIdProvider(clock)
            if "database_url" not in changes:
                changes = {**await databases.settings(), **changes}
            harness = await stack.enter_async_context(
                AuthServerHarness.opened(
                    clock,
                    provider_fetcher=Providers((code, sign_in)),
                    identity_providers=providers or (code_host(),),
                    **changes,
                )
            )
            return Vault(harness, code, sign_in)

        yield open_one


@pytest.fixture
async def vault(start_vault: StartVault) -> Vault:
    """A server with users of its own, and one provider at which they connect accounts."""
    opened: Vault = await start_vault()
    return opened


__all__ = ["ISSUER", "RESOURCE"]
