"""One line in front of a server: people sign in at their provider, and the tool knows them."""

import asyncio
import stat
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastmcp import FastMCP
from mcp.server.mcpserver import MCPServer

from doorward import ConfigurationError, Identity, McpServer, Policy, Rule
from doorward.authserver import Allow, IdentityProvider
from doorward.embedded import GuardWithSignIn, OwnUsers
from doorward.integrations import fastmcp as with_fastmcp
from doorward.integrations import mcp_sdk as with_sdk
from doorward.integrations.declared_rules import requires
from doorward.integrations.fastmcp import GuardAuth
from tests.authserver.browser import Browser, answer_in, form_with
from tests.authserver.harness import CALLBACK, PASSWORD, VERIFIER, challenge_of
from tests.authserver.upstream.openid_provider import CLIENT_ID, CLIENT_SECRET, OpenIdProvider
from tests.e2e.processes import free_port
from tests.ledger import proves
from tests.mcp_server import loopback_server as loopback
from tests.operations.asking import ask

# mypy: disable-error-code="untyped-decorator"

BASE = Rule(scopes=frozenset({"mcp:read"}))
MakeGuard = Callable[[Policy], GuardWithSignIn]
MakeApp = Callable[[MakeGuard], Any]


def sdk(new_guard: MakeGuard) -> Any:
    guard = new_guard(Policy(base=BASE))
    server = MCPServer("orders")

    @server.tool()
    @requires(scopes={"orders:read"})
    def whoami(user: with_sdk.CurrentUser) -> str:
        return f"{user.name} of {user.issuer}"

    return with_sdk.protect(server, guard)


def fastmcp(new_guard: MakeGuard) -> Any:
    guard = new_guard(Policy(base=BASE))
    server = FastMCP("orders")

    @server.tool()
    @requires(scopes={"orders:read"})
    def whoami(user: with_fastmcp.CurrentUser) -> str:
        return f"{user.name} of {user.issuer}"

    return with_fastmcp.protect(server, guard)


def fastmcp_auth(new_guard: MakeGuard) -> Any:
    guard = new_guard(Policy(base=BASE))
    server = FastMCP("orders", auth=GuardAuth(guard))

    @server.tool()
    @requires(scopes={"orders:read"})
    def whoami(user: with_fastmcp.CurrentUser) -> str:
        return f"{user.name} of {user.issuer}"

    return server.http_app(path=guard.path)


def fastapi(new_guard: MakeGuard) -> Any:
    server = McpServer("orders", version="1.0")

    @server.tool(scopes={"orders:read"})
    def whoami(user: Identity) -> str:
        return f"{user.name} of {user.issuer}"

    web = FastAPI()

    @web.get("/health")
    def health() -> str:
        return "ok"

    guard = new_guard(Policy(base=BASE, rules=server.rules))
    return guard.protect(server.in_front_of(web))


KINDS: dict[str, MakeApp] = {
    "sdk": sdk,
    "fastmcp": fastmcp,
    "fastmcp-auth": fastmcp_auth,
    "fastapi": fastapi,
}


class Place:
    """A server on a port of this machine, and whoever uses it."""

    def __init__(self, http: httpx2.AsyncClient, port: int, provider: OpenIdProvider) -> None:
        self.http = http
        self.url = f"http://localhost:{port}"
        self.mcp = f"{self.url}/mcp"
        self.provider = provider

    async def token(self, browser: Browser) -> str:
        """Register, sign in and return an access token, as a client does."""
        registered = await self.http.post(
            f"{self.url}/register",
            json={"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"},
        )
        client = registered.json()["client_id"]
        challenge = (await self.http.post(self.mcp, json={})).headers["www-authenticate"]
        scope = challenge.partition('scope="')[2].partition('"')[0]
        asked = httpx2.QueryParams(
            response_type="code",
            client_id=client,
            redirect_uri=CALLBACK,
            scope=f"{scope} orders:read",
            resource=self.mcp,
            code_challenge=challenge_of(VERIFIER),
            code_challenge_method="S256",
        )
        back = await self.sign_in(browser, f"{self.url}/authorize?{asked}")
        fields = {
            "grant_type": "authorization_code",
            "code": answer_in(back.headers["location"])["code"],
            "client_id": client,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
        }
        tokens = await self.http.post(f"{self.url}/token", data=fields)
        return str(tokens.json()["access_token"])

    async def sign_in(self, browser: Browser, url: str) -> httpx2.Response:
        """Consent, and sign in at the provider or with a password."""
        page = await browser.open(url)
        if 'name="password"' in page.text:
            page = await browser.sign_in(page, "alice", PASSWORD)
        page = await browser.submit(form_with(page.text, "decision"), decision="allow")
        if page.headers["location"].startswith(self.provider.issuer):
            return await browser.open(self.provider.callback(page.headers["location"]))
        return page

    async def call(self, token: str) -> httpx2.Response:
        """Call the tool."""
        headers = {
            "authorization": f"Bearer {token}",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": "2026-07-28",
            "mcp-method": "tools/call",
            "mcp-name": "whoami",
        }
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        params = {"name": "whoami", "arguments": {}, "_meta": meta}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        return await self.http.post(self.mcp, json=body, headers=headers)


def make_guard(
    port: int, folder: Path, provider: OpenIdProvider, policy: Policy | None = None, **changes: Any
) -> GuardWithSignIn:
    settings: dict[str, Any] = {
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "allow": Allow(everyone=True),
        "policy": policy or Policy(base=BASE),
        "authserver_options": {"provider_fetcher": provider},
        "data": folder / "data",
    }
    return GuardWithSignIn(
        changes.pop("sign_in", provider.issuer),
        public_url=f"http://localhost:{port}/mcp",
        **{**settings, **changes},
    )


@asynccontextmanager
async def serving(
    app: Any, port: int, provider: OpenIdProvider
) -> AsyncIterator[tuple[Place, Browser]]:
    """Serve ``app`` on a real port, with a browser in front of it."""
    # Longer than the default of five seconds: the machine may be busy.
    async with loopback.serving(app, port, lifespan="on"), httpx2.AsyncClient(timeout=30) as http:
        place = Place(http, port, provider)
        browser = Browser(None, place.url)
        browser.http = httpx2.AsyncClient(base_url=place.url, timeout=30)
        try:
            yield place, browser
        finally:
            await browser.http.aclose()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_person_signs_in_at_the_provider_and_the_tool_knows_who_it_is(
    kind: str, tmp_path: Path
) -> None:
    port, provider = free_port(), OpenIdProvider(time.time)
    app = KINDS[kind](partial(make_guard, port, tmp_path, provider))

    async with serving(app, port, provider) as (place, browser):
        answer = await place.call(await place.token(browser))

    assert answer.status_code == 200, answer.text
    assert f"Jane Doe of {place.url}" in answer.text


async def test_the_challenge_leads_to_the_server_itself(tmp_path: Path) -> None:
    port, provider = free_port(), OpenIdProvider(time.time)

    async with serving(sdk(partial(make_guard, port, tmp_path, provider)), port, provider) as (
        place,
        _,
    ):
        refused = await place.http.post(place.mcp, json={})
        metadata_url = refused.headers["www-authenticate"].split('resource_metadata="')[1]
        resource = (await place.http.get(metadata_url.split('"')[0])).json()
        well_known = f"{place.url}/.well-known/oauth-authorization-server"
        metadata = (await place.http.get(well_known)).json()

    assert refused.status_code == 401
    assert resource["resource"] == place.mcp
    assert resource["authorization_servers"] == [place.url]
    assert metadata["issuer"] == place.url
    assert set(metadata["scopes_supported"]) == {"mcp:read", "orders:read"}


async def test_what_is_neither_the_endpoint_nor_of_the_sign_in_is_refused(tmp_path: Path) -> None:
    port, provider = free_port(), OpenIdProvider(time.time)

    async with serving(sdk(partial(make_guard, port, tmp_path, provider)), port, provider) as (
        place,
        _,
    ):
        elsewhere = await place.http.get(f"{place.url}/admin")
        below = await place.http.post(f"{place.url}/authorize/../mcp", json={})

    assert elsewhere.status_code == 404
    assert below.status_code == 401


async def test_a_restart_logs_nobody_out(tmp_path: Path) -> None:
    port, provider = free_port(), OpenIdProvider(time.time)
    async with serving(sdk(partial(make_guard, port, tmp_path, provider)), port, provider) as (
        place,
        browser,
    ):
        token = await place.token(browser)

    async with serving(sdk(partial(make_guard, port, tmp_path, provider)), port, provider) as (
        place,
        _,
    ):
        answer = await place.call(token)

    assert answer.status_code == 200
    folder = tmp_path / "data"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "secret").stat().st_mode) == 0o600


async def test_own_users_sign_in_with_a_password(tmp_path: Path) -> None:
    port, provider = free_port(), OpenIdProvider(time.time)
    guard = make_guard(
        port, tmp_path, provider, sign_in=OwnUsers(), client_id=None, client_secret=None, allow=()
    )

    async with serving(sdk(lambda _: guard), port, provider) as (place, browser):
        users = guard.authorization_server.server.users
        await users.add("alice", PASSWORD, ("mcp:read", "orders:read"), display_name="Alice")
        answer = await place.call(await place.token(browser))

    assert "Alice of" in answer.text


async def test_without_a_lifespan_the_first_request_starts_it(tmp_path: Path) -> None:
    port, provider = free_port(), OpenIdProvider(time.time)
    guards: list[GuardWithSignIn] = []

    def new_guard(policy: Policy) -> GuardWithSignIn:
        guards.append(make_guard(port, tmp_path, provider, policy))
        return guards[0]

    guarded = fastapi(new_guard)
    guard = guards[0]
    transport = httpx2.ASGITransport(app=guarded)

    async with httpx2.AsyncClient(transport=transport) as http:
        place = Place(http, port, provider)
        browser = Browser(guarded, place.url)
        token = await place.token(browser)
        await guard.authorization_server.aclose()
        # A token that comes before anything else waits for the keys, and is not refused.
        answer = await place.call(token)
        await browser.http.aclose()
        await guard.authorization_server.aclose()

    assert answer.status_code == 200, answer.text


async def test_a_provider_that_cannot_be_reached_is_an_event_at_the_start(tmp_path: Path) -> None:
    port, provider = free_port(), OpenIdProvider(time.time)
    events: list[Any] = []
    guard = make_guard(
        port,
        tmp_path,
        provider,
        sign_in="https://gone.example",
        authserver_options={"provider_fetcher": provider, "audit": events.append},
    )

    await guard.authorization_server.start()
    while not events:
        await asyncio.sleep(0)
    await guard.authorization_server.aclose()

    assert (events[0].kind, events[0].reason) == ("provider.failed", "provider-unavailable")
    assert "https://gone.example/.well-known/openid-configuration" in events[0].facts["detail"]


async def test_a_data_folder_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    port, provider = free_port(), OpenIdProvider(time.time)
    guard = make_guard(port, tmp_path, provider)
    (tmp_path / "data" / "secret").write_text("readable by everybody")
    (tmp_path / "data" / "secret").chmod(0o644)
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    await sdk(lambda _: guard)(
        {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send
    )

    assert sent[0]["type"] == "lifespan.startup.failed"
    assert "secret" in sent[0]["message"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sign_in": "gogle"}, "unknown-provider"),
        ({"sign_in": "keycloak"}, "provider-issuer"),
        ({"client_id": None}, "provider-client"),
        ({"allow": ()}, "provider-allows-nobody"),
        ({"sign_in": []}, "no-way-to-sign-in"),
        ({"data": "/dev/null/data"}, "data-folder"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_to_change(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        make_guard(9000, tmp_path, OpenIdProvider(time.time), **changes)

    assert refused.value.reason == reason


def test_google_takes_one_line(tmp_path: Path) -> None:
    guard = GuardWithSignIn(
        "google",
        client_id="1.apps.googleusercontent.com",
        client_secret="GOCSPX-secret",
        public_url="https://mcp.example.com/mcp",
        allow=Allow(domains={"example.com"}),
        policy=Policy(base=Rule(scopes=frozenset({"mcp:read"}))),
        data=tmp_path,
    )

    settings = guard.authorization_server.server.settings
    assert settings.issuer == "https://mcp.example.com"
    assert settings.url(f"/callback/{settings.identity_providers[0].name}") == (
        "https://mcp.example.com/callback/google"
    )
    assert isinstance(settings.identity_providers[0], IdentityProvider)


@proves("S214", "accepts", "health and metrics are clean")
async def test_probes_of_a_mounted_guard_start_it_and_name_what_is_missing(tmp_path: Path) -> None:
    port, provider = free_port(), OpenIdProvider(time.time)
    guard = make_guard(port, tmp_path, provider, public_health=True, sign_in=OwnUsers())
    app = guard.protect(FastAPI())
    host: Any = {"Host": "10.0.0.7"}
    alive = await ask(app, "/healthz", **host)
    ready = await ask(app, "/readyz", **host)
    await guard.authorization_server.aclose()

    assert alive.json() == {"status": "alive"}
    assert (ready.status_code, ready.json()["missing"]) == (200, {})


@proves("S214", "refuses", "health and metrics are clean")
async def test_a_guard_that_cannot_start_is_not_ready_and_health_is_not_public_unasked(
    tmp_path: Path,
) -> None:
    port, provider = free_port(), OpenIdProvider(time.time)
    guard = make_guard(port, tmp_path, provider, public_health=True, sign_in=OwnUsers())
    (tmp_path / "data" / "doorward.db").mkdir()
    app = guard.protect(FastAPI())
    alive, ready = await ask(app, "/healthz"), await ask(app, "/readyz")
    await guard.authorization_server.aclose()
    private = make_guard(port, tmp_path / "other", provider, sign_in=OwnUsers())
    hidden = await ask(private.protect(FastAPI()), "/readyz", Host=f"localhost:{port}")
    await private.authorization_server.aclose()

    assert (alive.status_code, ready.status_code) == (200, 503)
    assert ready.json()["missing"]["database"] == "store-unavailable"
    assert hidden.status_code == 404
