"""Every persona connects as its client does, to servers of every kind."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from doorward import Guard, McpServer
from doorward.authserver import (
    Allow,
    AuthorizationServer,
    AuthServerSettings,
    ConfiguredClient,
    Resource,
)
from doorward.demo.app import Demo, DemoSettings
from doorward.demo.users import DEMO_USERS
from doorward.embedded import GuardWithSignIn, OwnUsers
from doorward.net.http.fetcher import Fetcher
from doorward.policy import Policy
from doorward.testing import (
    PERSONAS,
    BadToken,
    ClientCredential,
    ClientDocuments,
    LocalProvider,
    Persona,
    RunningServer,
    ServerUnderTest,
    persona,
    run_server,
)
from tests.demo.sign_in import URL as DEMO
from tests.demo.sign_in import Blank
from tests.embedded.test_guard_with_sign_in import KINDS, fastapi
from tests.guard.public_servers import BUILDS
from tests.testing.orders_server import ISSUER, SCOPES, URL, orders

DOCUMENTED = {"claude", "claude-code", "chatgpt", "vscode"}
MODERN = {"chatgpt", "codex"}


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    made = orders(request.param)
    with run_server(made.app, made.guard) as running:
        yield running


def test_it_connects_signs_in_calls_a_tool_and_refreshes(
    server: RunningServer, every_persona: Persona
) -> None:
    connected = server.connect(every_persona)

    hops = [one.hop for one in connected.hops]
    assert list(dict.fromkeys(hops)) == [
        "challenge",
        "resource-metadata",
        "issuer",
        "registration",
        "authorization",
        "sign-in",
        "token",
        "session",
        "list",
        "call",
        "refresh",
    ]
    assert connected.tools == ("whoami",)
    assert connected.result is not None
    assert not connected.result.get("isError")
    assert connected.scopes == SCOPES
    assert connected.refreshed
    named = str(every_persona)
    assert connected.registration == ("document" if named in DOCUMENTED else "registered")
    assert connected.version == ("2026-07-28" if named in MODERN else "2025-11-25")


def test_each_request_has_the_user_agent_of_its_hop() -> None:
    made = orders()
    seen: list[tuple[str, str | None]] = []

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = {name: value.decode() for name, value in scope["headers"]}
            seen.append((scope["path"], headers.get(b"user-agent")))
        await made.app(scope, receive, send)

    with run_server(watched, made.guard) as running:
        running.connect("claude-code")

    agents = {path: {agent for one, agent in seen if one == path} for path, _ in seen}
    assert agents["/mcp"] == {"claude-code/2.1.280 (cli)"}
    assert agents["/.well-known/oauth-protected-resource/mcp"] == {None}


def test_the_result_of_a_connection_has_no_secret() -> None:
    made = orders()
    with run_server(made.app, made.guard) as running:
        connected = running.connect("inspector")

    told = f"{connected!r}{connected}"
    assert "code=" not in told
    assert "state" not in connected.requested
    assert connected.requested.keys() == {
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "resource",
    }


@pytest.mark.parametrize("name", [str(one) for one in PERSONAS])
async def test_it_connects_with_a_client_that_was_registered_by_hand(name: str) -> None:
    made = orders()
    uri = persona(name).facts.redirect_uri.value.replace("{port}", "53682")
    client = ConfiguredClient(client_id="by-hand", redirect_uris=(uri,))
    provider = LocalProvider(made.guard, documents=False, registration="closed", clients=(client,))
    async with ServerUnderTest(made.app, provider) as under_test:
        connected = await persona(name).connect(
            under_test, arranged=ClientCredential(client_id="by-hand")
        )

    assert connected.registration == "pre-registered"
    assert connected.tools == ("whoami",)


@pytest.fixture
async def demo(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ServerUnderTest]:
    documents = ClientDocuments()
    monkeypatch.setattr(Fetcher, "fetch", lambda _self, url, **more: documents.fetch(url, **more))
    running = Demo(DEMO, DemoSettings(), Blank())
    await running.start()
    passwords = {one.username: one.password for one in DEMO_USERS}
    async with ServerUnderTest(
        running.app, url=running.addresses.mcp, passwords=passwords
    ) as under_test:
        yield under_test
    await running.aclose()


async def test_every_persona_signs_in_at_the_demo(demo: ServerUnderTest) -> None:
    for one in PERSONAS:
        connected = await one.connect(demo, "alice", call=("add", {"a": 2, "b": 3}))

        assert connected.result is not None
        assert "5" in str(connected.result["content"]), one
        assert connected.scopes >= {"mcp:read", "mcp:tools"}


async def test_a_guard_with_its_own_users_signs_every_persona_in(tmp_path: Any) -> None:
    made: list[GuardWithSignIn] = []

    def new_guard(policy: Policy) -> GuardWithSignIn:
        guard = GuardWithSignIn(
            OwnUsers(),
            public_url=URL,
            policy=policy,
            data=tmp_path,
            challenge_scopes=SCOPES,
            authserver_options={"fetcher": ClientDocuments()},
        )
        made.append(guard)
        return guard

    app = fastapi(new_guard)
    async with ServerUnderTest(app, url=URL, passwords={"carol": "a long password"}) as server:
        users = made[0].authorization_server.server.users
        await users.add("carol", "a long password", scopes=SCOPES)
        for one in PERSONAS:
            assert (await one.connect(server, "carol")).tools == ("whoami",), one


async def test_a_provider_that_people_sign_in_at_is_replaced_too(tmp_path: Any) -> None:
    made: list[GuardWithSignIn] = []

    def new_guard(policy: Policy) -> GuardWithSignIn:
        made.append(
            GuardWithSignIn(
                "google",
                client_id="id",
                client_secret="s" * 32,
                public_url=URL,
                policy=policy,
                data=tmp_path,
                challenge_scopes=SCOPES,
                allow=Allow(domains={"example.com"}),
            )
        )
        return made[0]

    app = fastapi(new_guard)
    async with ServerUnderTest(app, LocalProvider(made[0])) as server:
        assert (await persona("claude").connect(server)).tools == ("whoami",)


async def test_an_authorization_server_of_the_author_is_one_of_the_others() -> None:
    settings = AuthServerSettings(
        issuer=ISSUER, resources=(Resource(uri=URL, scopes={one: one for one in SCOPES}),)
    )
    issuer = AuthorizationServer(settings, fetcher=ClientDocuments())
    made = orders(issuer=None, issuers=[issuer.trusted_issuer(URL)])
    await issuer.start()
    await issuer.users.add("dora", "a long password", scopes=SCOPES)
    under_test = ServerUnderTest(
        made.app, url=URL, others={ISSUER: issuer.app}, passwords={"dora": "a long password"}
    )
    async with under_test:
        for one in PERSONAS:
            assert (await one.connect(under_test, "dora")).tools == ("whoami",), one
    await issuer.aclose()


def test_a_user_gets_a_token_without_a_sign_in(server: RunningServer) -> None:
    alice = server.as_user("alice", scopes=SCOPES)
    guest = server.as_user("guest", scopes={"mcp:read"})

    assert [one.name for one in alice.list_tools()] == ["whoami"]
    assert "login.example" in alice.call_tool("whoami").text
    assert guest.list_tools() == ()


def test_no_bad_token_is_accepted(server: RunningServer, every_bad_token: BadToken) -> None:
    answer = server.answer_to(server.bad_token(every_bad_token.name))

    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_without_a_token_the_answer_has_a_challenge(server: RunningServer) -> None:
    answer = server.answer_to(None)

    assert answer.status_code == 401
    assert "resource_metadata=" in answer.headers["www-authenticate"]


def test_a_route_of_fastapi_is_called_as_a_user() -> None:
    made = orders(open_paths=("/health",))
    with run_server(made.app, made.guard) as running:
        answer = running.as_user("alice", scopes=SCOPES).request("GET", "/health")

    assert (answer.status_code, answer.json()) == (200, "ok")


async def test_the_guard_trusts_its_own_issuer_again_after_the_test() -> None:
    made = orders()
    before = made.guard.pipeline.verifier, made.guard.pipeline.audit_sink
    async with ServerUnderTest(made.app, LocalProvider(made.guard)) as under_test:
        assert made.guard.pipeline.verifier is not before[0]
        token = under_test.as_user("alice", scopes=SCOPES).token
        assert (await under_test.answer_to(token)).status_code == 200

    assert (made.guard.pipeline.verifier, made.guard.pipeline.audit_sink) == before


@pytest.mark.parametrize("status", [200, 400, 404])
async def test_a_modern_client_falls_back_where_the_server_is_older(status: int) -> None:
    made = orders()
    answer = b'{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found"}}'

    async def older(scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope.get("headers", ()))
        if b"authorization" in headers and headers.get(b"mcp-protocol-version") == b"2026-07-28":
            kind = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": status, "headers": kind})
            await send({"type": "http.response.body", "body": answer})
            return
        await made.app(scope, receive, send)

    async with ServerUnderTest(older, LocalProvider(made.guard)) as under_test:
        connected = await persona("chatgpt").connect(under_test)

    assert connected.version == "2025-11-25"
    assert connected.tools == ("whoami",)


def test_a_refusal_has_its_reason(server: RunningServer) -> None:
    server.answer_to(server.bad_token("expired"))

    assert server.decisions[-1].reason == "outside-lifetime"


async def test_several_personas_connect_at_once() -> None:
    made = orders()
    async with ServerUnderTest(made.app, LocalProvider(made.guard)) as under_test:
        connected = await asyncio.gather(*(one.connect(under_test) for one in PERSONAS))

    assert {one.tools for one in connected} == {("whoami",)}


def test_an_unknown_persona_is_refused_with_the_names_of_all() -> None:
    with pytest.raises(KeyError, match="claude-code"):
        persona("netscape")


def test_a_public_server_needs_no_sign_in() -> None:
    public = McpServer("public", version="1.0")

    @public.tool()
    def today() -> str:
        """Return the date."""
        return "Monday"

    with run_server(public.in_front_of(FastAPI()), url="http://localhost:8000/mcp") as running:
        connected = running.connect("mcp-remote")

    assert connected.registration is None
    assert connected.tools == ("today",)


@pytest.mark.parametrize("kind", ["own", "sdk", "fastmcp", "any server"])
def test_it_signs_in_when_it_calls_what_is_not_public_and_not_before(
    kind: str, every_persona: Persona
) -> None:
    made: list[Guard] = []

    def new_guard(policy: Policy) -> Guard:
        made.append(Guard(resource=URL, issuer=ISSUER, policy=policy))
        return made[-1]

    app = BUILDS[kind](new_guard)
    with run_server(app, made[-1]) as running:
        connected = running.connect(every_persona, call=("refund", {}))
        public = running.connect(every_persona, call=("hello", {}))

    assert connected.result is not None
    assert connected.result["structuredContent"]["to"] not in ("nobody", None)
    assert connected.scopes >= {"shop:read", "shop:refund"}
    hops = [one.hop for one in connected.hops]
    assert hops.index("call") < hops.index("authorization")
    assert public.result is not None
    assert public.result["structuredContent"] == {"to": "nobody"}
    assert public.requested == {}
