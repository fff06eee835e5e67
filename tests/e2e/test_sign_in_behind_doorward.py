"""Stock clients, unpatched, sign in through our authorization server at a real Keycloak.

The realm registers no MCP client, and knows nothing of the MCP server. It has one confidential
client: ours.
"""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from doorward import Allow, GuardWithSignIn, McpServer, Policy, Rule
from doorward.authserver import IdentityProvider
from doorward.client import FileStore, SignInFailed, TokenStore, open_connection
from doorward.identity import Identity
from tests.e2e.drivers import FASTMCP, MCP_REMOTE, PYTHON_SDK, TYPESCRIPT, Driver, DriverFailed, run
from tests.e2e.form_browser import FormBrowser
from tests.e2e.guarded import READ, TOOLS
from tests.e2e.journey import Errand
from tests.e2e.processes import free_port
from tests.idp.listening import Application, listening
from tests.keycloak.own_realm import PASSWORD, add_user
from tests.keycloak.running import RunningKeycloak

# The first test also starts Keycloak.
pytestmark = [pytest.mark.e2e, pytest.mark.needs("keycloak"), pytest.mark.timeout(300)]
needs_node = pytest.mark.needs("node-clients")

SECRET = "a-secret-that-keycloak-and-doorward-know"
DRIVERS = (
    pytest.param(PYTHON_SDK, id="python-sdk"),
    pytest.param(FASTMCP, id="fastmcp"),
    pytest.param(TYPESCRIPT, id="typescript-sdk", marks=needs_node),
    pytest.param(MCP_REMOTE, id="mcp-remote", marks=needs_node),
)


class Bridge:
    """A server behind a guard that signs people in at one realm of Keycloak."""

    def __init__(self, keycloak: RunningKeycloak, folder: Path) -> None:
        self.keycloak = keycloak
        self.folder = folder
        self.port = free_port()
        self.realm = f"bridge-{self.port}"
        self.url = f"http://localhost:{self.port}/mcp"
        self.late = 0.0
        keycloak.create_realm({"realm": self.realm, "enabled": True, "sslRequired": "external"})
        keycloak.admin(
            "POST",
            "/clients",
            {
                "clientId": "doorward", "secret": SECRET, "publicClient": False,
                "standardFlowEnabled": True, "protocol": "openid-connect",
                "redirectUris": [f"http://localhost:{self.port}/callback/keycloak"],
                "attributes": {"pkce.code.challenge.method": "S256"},
            },
            of=self.realm,
        )  # fmt: skip
        add_user(keycloak, self.realm, "una")

    def guard(
        self, policy: Policy, challenge_scopes: set[str] | None, **changes: Any
    ) -> GuardWithSignIn:
        """Return the guard; its clock is ``late`` seconds ahead."""
        settings: dict[str, Any] = {
            "kind": "keycloak",
            "issuer": f"{self.keycloak.url}/realms/{self.realm}",
            "client_id": "doorward",
            "client_secret": SECRET,
            "allow": Allow(domains={"example.com"}),
        }
        return GuardWithSignIn(
            IdentityProvider(**{**settings, **changes}),
            public_url=self.url,
            policy=policy,
            challenge_scopes=challenge_scopes,
            data=self.folder / "data",
            clock=lambda: time.time() + self.late,
        )

    @contextmanager
    def serving(self, challenge_scopes: set[str] | None = None, **changes: Any) -> Iterator[None]:
        """Serve the tools on a real port."""
        server = McpServer("bridge", version="1")

        @server.tool(scopes={READ})
        def add(a: int, b: int) -> int:
            return a + b

        @server.tool(scopes={READ})
        def who_am_i(user: Identity) -> str:
            return str(user.name)

        @server.tool(scopes={TOOLS})
        def audit_log() -> str:
            return "what the tool knows"

        policy = Policy(base=Rule(scopes=frozenset({READ})), rules=server.rules)

        @asynccontextmanager
        async def build(_base: str) -> AsyncIterator[Application]:
            guard = self.guard(policy, challenge_scopes, **changes)
            yield guard.protect(server.asgi)
            await guard.authorization_server.aclose()

        with listening(build, self.port):
            yield

    def user(self, **changes: Any) -> None:
        """Change the account of the person at Keycloak."""
        (una,) = self.keycloak.admin("GET", "/users?username=una&exact=true", of=self.realm)
        self.keycloak.admin("PUT", f"/users/{una['id']}", {**una, **changes}, of=self.realm)


@pytest.fixture
def bridge(running_keycloak: RunningKeycloak, tmp_path: Path) -> Bridge:
    """A realm with one person in it, and nothing else."""
    return Bridge(running_keycloak, tmp_path)


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_stock_client_signs_in_at_keycloak_through_doorward(
    bridge: Bridge, driver: Driver
) -> None:
    # mcp-remote asks for the scopes of its first sign-in again, and never for more.
    first = {READ, TOOLS} if driver is MCP_REMOTE else None
    with bridge.serving(first):
        record = run(
            driver,
            Errand(
                server=bridge.url, username="una", password=PASSWORD, mode="auto",
                admin_tool="audit_log",
            ),
        )  # fmt: skip

    assert record.total == 5
    assert record.admin_tool_answer == "what the tool knows", record.admin_tool_error
    # Consent comes before the provider.
    assert record.pages[0] == ["consent", "sign-in"]


async def test_access_ends_when_keycloak_says_so(bridge: Bridge) -> None:
    token_store = TokenStore(FileStore(bridge.folder / "client"))
    somebody = FormBrowser("una", PASSWORD)

    with bridge.serving():
        async with open_connection(
            bridge.url, token_store=token_store, browser=somebody.walk, timeout=30.0
        ) as connection:
            name = await connection.client.call_tool("who_am_i", {})
            first = token_store.tokens_for(bridge.url)
            assert first is not None
            bridge.late = 310
            second = await connection.sign_in.refresh(bridge.url, first)
            bridge.user(enabled=False)
            bridge.late = 620
            with pytest.raises(SignInFailed):
                await connection.sign_in.refresh(bridge.url, second)

    somebody.close()
    assert name.text == "Una Example"
    assert second.access_token != first.access_token


@needs_node
def test_an_account_that_no_rule_admits_gets_no_further_than_a_page(bridge: Bridge) -> None:
    bridge.user(emailVerified=False)

    with bridge.serving(), pytest.raises(DriverFailed) as failed:
        run(
            TYPESCRIPT,
            Errand(
                server=bridge.url, username="una", password=PASSWORD, mode="auto",
                admin_tool="audit_log",
            ),
        )  # fmt: skip

    assert "HTTP 403" in str(failed.value)
