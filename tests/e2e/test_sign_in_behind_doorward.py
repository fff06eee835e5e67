"""
Stock clients, unpatched, sign in through our authorization server at providers that really run.

Others wrote them; the last is a Doorward too. No provider registers an MCP client, or knows anything of the MCP server. Each has one confidential
client: ours.
"""

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from doorward import Allow, GuardWithSignIn, McpServer, Policy, Rule
from doorward.authserver import IdentityProvider
from doorward.client import FileStore, SignInFailed, TokenStore, open_connection
from doorward.identity import Identity
from tests.e2e import real_providers
from tests.e2e.drivers import FASTMCP, MCP_REMOTE, PYTHON_SDK, TYPESCRIPT, Driver, DriverFailed, run
from tests.e2e.form_browser import FormBrowser
from tests.e2e.guarded import READ, TOOLS
from tests.e2e.journey import Errand
from tests.e2e.processes import free_port
from tests.e2e.real_providers import CLIENT_ID, SECRET, RealProvider
from tests.idp.listening import Application, listening
from tests.keycloak.running import RunningKeycloak

# The first test also starts its provider.
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
needs_node = pytest.mark.needs("node-clients")

# These tell us when somebody signs out there.
TELLING = (
    pytest.param("keycloak", marks=pytest.mark.needs("keycloak")),
    pytest.param("oidc_provider", id="oidc-provider", marks=needs_node),
    pytest.param("hydra", marks=pytest.mark.needs("hydra")),
)
PROVIDERS = (*TELLING, pytest.param("doorward"))
DRIVERS = (
    pytest.param(PYTHON_SDK, id="python-sdk"),
    pytest.param(FASTMCP, id="fastmcp"),
    pytest.param(TYPESCRIPT, id="typescript-sdk", marks=needs_node),
    pytest.param(MCP_REMOTE, id="mcp-remote", marks=needs_node),
)


class Bridge:
    """A server behind a guard that signs people in at one provider."""

    def __init__(self, provider: RealProvider, port: int, folder: Path) -> None:
        self.provider = provider
        self.folder = folder
        self.port = port
        self.url = f"http://localhost:{port}/mcp"

    def guard(
        self, policy: Policy, challenge_scopes: set[str] | None, **changes: Any
    ) -> GuardWithSignIn:
        settings: dict[str, Any] = {
            **self.provider.settings,
            "client_id": CLIENT_ID,
            "client_secret": SECRET,
            "allow": Allow(domains={"example.com"}),
        }
        return GuardWithSignIn(
            IdentityProvider(**{**settings, **changes}),
            public_url=self.url,
            policy=policy,
            challenge_scopes=challenge_scopes,
            data=self.folder / "data",
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

    def make_checks_due(self) -> None:
        """Let the next refresh of every session ask the provider."""
        with closing(sqlite3.connect(self.folder / "data" / "doorward.db", timeout=30)) as database:
            database.execute("UPDATE provider_sessions SET check_due_at = 0")
            database.commit()

    async def provider_refresh_token(self) -> str | None:
        """Return the refresh token of the one session, as the server has stored it."""
        guard = self.guard(Policy(base=Rule(scopes=frozenset({READ}))), None)
        await guard.authorization_server.start()
        services = guard.authorization_server.server.services
        async with services.store.reading() as connection:
            (found,) = await connection.exec_driver_sql("SELECT id FROM provider_sessions")
            session = await services.provider_sessions.find(connection, found[0])
        await guard.authorization_server.aclose()
        assert session is not None
        assert session.tokens is not None
        return session.tokens.refresh_token

    def refused_at_provider(self, refresh_token: str) -> bool:
        """Return whether the provider takes no refresh token of this session any more."""
        issuer = self.provider.settings["issuer"]
        metadata = httpx2.get(f"{issuer}/.well-known/openid-configuration", timeout=30).json()
        answer = httpx2.post(
            metadata["token_endpoint"],
            data={"grant_type": "refresh_token", "refresh_token": refresh_token},
            auth=(CLIENT_ID, SECRET),
            timeout=30,
        )
        return bool(answer.json().get("error") == "invalid_grant")

    def errand(self) -> Errand:
        """Return what a stock client is to do."""
        return Errand(
            server=self.url, username=self.provider.username, password=self.provider.password,
            mode="auto", admin_tool="audit_log",
        )  # fmt: skip


OpenBridge = Callable[[str], Bridge]


@pytest.fixture
def open_bridge(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenBridge]:
    """Give a function that makes a bridge to a fresh provider of that name."""
    with ExitStack() as stack:

        def start(name: str) -> Bridge:
            port = free_port()
            if name == "keycloak":
                running: RunningKeycloak = request.getfixturevalue("running_keycloak")
                opened = real_providers.keycloak(running, port, tmp_path)
            else:
                opened = getattr(real_providers, name)(port, tmp_path)
            return Bridge(stack.enter_context(opened), port, tmp_path)

        yield start


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("driver", DRIVERS)
def test_a_stock_client_signs_in_at_a_provider_through_doorward(
    open_bridge: OpenBridge, provider: str, driver: Driver
) -> None:
    bridge = open_bridge(provider)
    # mcp-remote asks for the scopes of its first sign-in again, and never for more.
    first = {READ, TOOLS} if driver is MCP_REMOTE else None
    with bridge.serving(first):
        record = run(driver, bridge.errand())

    assert record.total == 5
    assert record.admin_tool_answer == "what the tool knows", record.admin_tool_error
    # Consent comes before the provider.
    assert record.pages[0][:2] == ["consent", "sign-in"]


@needs_node
def test_a_stock_client_signs_in_at_a_provider_behind_two_doorwards(
    open_bridge: OpenBridge,
) -> None:
    bridge = open_bridge("doorward_behind_doorward")

    with bridge.serving():
        record = run(PYTHON_SDK, bridge.errand())

    assert record.admin_tool_answer == "what the tool knows", record.admin_tool_error
    # Each of the two asks before it sends the browser on.
    assert record.pages[0][:3] == ["consent", "consent", "sign-in"]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("end", ["disable", "revoke"])
async def test_access_ends_at_the_next_refresh_when_the_provider_says_so(
    open_bridge: OpenBridge, provider: str, end: str
) -> None:
    bridge = open_bridge(provider)
    token_store = TokenStore(FileStore(bridge.folder / "client"))
    somebody = FormBrowser(bridge.provider.username, bridge.provider.password)

    with bridge.serving():
        async with open_connection(
            bridge.url, token_store=token_store, browser=somebody.walk, timeout=30.0
        ) as connection:
            name = await connection.client.call_tool("who_am_i", {})
            first = token_store.tokens_for(bridge.url)
            assert first is not None
            # Each refresh asks the provider, which spends a refresh token each time.
            bridge.make_checks_due()
            second = await connection.sign_in.refresh(bridge.url, first)
            bridge.make_checks_due()
            third = await connection.sign_in.refresh(bridge.url, second)
            getattr(bridge.provider, end)()
            bridge.make_checks_due()
            with pytest.raises(SignInFailed):
                await connection.sign_in.refresh(bridge.url, third)

    somebody.close()
    assert name.text == "Una Example"
    assert len({first.access_token, second.access_token, third.access_token}) == 3


@pytest.mark.parametrize("provider", TELLING)
async def test_access_ends_at_once_when_the_provider_signs_the_user_out(
    open_bridge: OpenBridge, provider: str
) -> None:
    bridge = open_bridge(provider)
    token_store = TokenStore(FileStore(bridge.folder / "client"))
    somebody = FormBrowser(bridge.provider.username, bridge.provider.password)

    with bridge.serving():
        async with open_connection(
            bridge.url, token_store=token_store, browser=somebody.walk, timeout=30.0
        ) as connection:
            await connection.client.call_tool("who_am_i", {})
            tokens = token_store.tokens_for(bridge.url)
            assert tokens is not None
            assert bridge.provider.sign_out is not None
            bridge.provider.sign_out()
            with pytest.raises(SignInFailed):
                await connection.sign_in.refresh(bridge.url, tokens)

    somebody.close()


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_client_that_signs_out_ends_the_session_at_the_provider(
    open_bridge: OpenBridge, provider: str
) -> None:
    bridge = open_bridge(provider)
    token_store = TokenStore(FileStore(bridge.folder / "client"))
    somebody = FormBrowser(bridge.provider.username, bridge.provider.password)

    with bridge.serving():
        async with open_connection(
            bridge.url, token_store=token_store, browser=somebody.walk, timeout=30.0
        ) as connection:
            await connection.client.call_tool("who_am_i", {})
            tokens = token_store.tokens_for(bridge.url)
            assert tokens is not None
            kept = await bridge.provider_refresh_token()
            assert await connection.sign_in.revoke(tokens)
            with pytest.raises(SignInFailed):
                await connection.sign_in.refresh(bridge.url, tokens)
    somebody.close()

    assert kept is not None
    assert bridge.refused_at_provider(kept)


@pytest.mark.needs("keycloak")
@needs_node
def test_an_account_that_no_rule_admits_gets_no_further_than_a_page(
    open_bridge: OpenBridge,
) -> None:
    bridge = open_bridge("keycloak")

    with (
        bridge.serving(allow=Allow(domains={"elsewhere.example"})),
        pytest.raises(DriverFailed) as failed,
    ):
        run(TYPESCRIPT, bridge.errand())

    assert "HTTP 403" in str(failed.value)
