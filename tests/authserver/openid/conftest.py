"""An authorization server that is an OpenID provider, and an application to which people sign in."""

from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.authserver.browser import Browser, answer_in
from tests.authserver.conftest import StartAuthServer
from tests.authserver.harness import PASSWORD, AuthServerHarness, Tokens

NONCE = "n-0S6_WzA2Mj"
ALICE = "alice@example.com"


@dataclass
class Application:
    """An OpenID client, which asks for no resource."""

    harness: AuthServerHarness
    client_id: str

    def url(self, *, without: str = "", **changes: Any) -> str:
        """Return its authorization request."""
        asked = {"scope": "openid profile email", "nonce": NONCE, **changes}
        left = without if "resource" in changes else f"resource {without}"
        return self.harness.authorize_url(self.client_id, without=left, **asked)

    async def answer(
        self, browser: Browser | None = None, user: str = "alice", **changes: Any
    ) -> dict[str, str]:
        """Sign a user in, and return what came back to the application."""
        shown = browser or self.harness.browser()
        response = await shown.go_through(self.url(**changes), user, PASSWORD)
        return answer_in(response.headers["location"])

    async def redeem(self, code: str, **changes: Any) -> Tokens:
        """Redeem a code, as an application does that knows no resources."""
        fields = self.harness.code_fields(self.client_id, code, resource=None)
        return await self.harness.token({**fields, **changes})

    async def sign_in(
        self, browser: Browser | None = None, user: str = "alice", **changes: Any
    ) -> Tokens:
        """Sign a user in, and return the tokens."""
        got = await self.redeem((await self.answer(browser, user, **changes))["code"])
        assert got.response.status_code == 200, got.response.text
        return got

    async def userinfo(self, token: str, **changes: Any) -> httpx2.Response:
        """Ask who the user is."""
        headers = {"Authorization": f"Bearer {token}"}
        return await self.harness.http.request(
            **{"method": "GET", "url": self.harness.url("/userinfo"), "headers": headers, **changes}
        )


@pytest.fixture
async def provider(start_authserver: StartAuthServer) -> AuthServerHarness:
    """An OpenID provider, at which alice has an e-mail address, and guest has none."""
    harness: AuthServerHarness = await start_authserver(openid=True)
    await harness.server.users.add(
        "alice", PASSWORD, ("mcp:read", "mcp:tools"), ("user",), "Alice", ALICE
    )
    return harness


@pytest.fixture
async def application(provider: AuthServerHarness) -> Application:
    """An application that registered itself."""
    return Application(provider, (await provider.register())["client_id"])
