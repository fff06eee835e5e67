"""``identity.token_for`` in tools of McpServer, the official SDK and FastMCP."""

import asyncio
import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from doorward import Guard, Identity, McpServer, Policy, current_identity
from doorward.downstream import NoSubjectToken, SignInNeeded, TokenExchange
from doorward.errors import ConfigurationError
from doorward.identity import _giving
from doorward.testing import TokenMint
from doorward.tokens import LocalKeys, TrustedIssuer
from tests.downstream.conftest import caller
from tests.downstream.issuer import Issuer, granting
from tests.ledger import proves
from tests.quickstart.calling import call, result, serving

RESOURCE = "http://localhost:8000/mcp"
Build = Callable[[Guard, Callable[[], Any]], Any]


def on_our_transport(guard: Guard, ask: Callable[[], Any]) -> Any:
    """Serve ``ask`` as a tool of our own server."""
    server = McpServer("shop", version="1")

    @server.tool()
    async def orders(user: Identity) -> dict[str, str]:
        return {"authorization": await ask()}

    return guard.protect(server.asgi)


def on_the_official_sdk(guard: Guard, ask: Callable[[], Any]) -> Any:
    """Serve ``ask`` as a tool of the SDK's server."""
    from mcp.server.mcpserver import MCPServer

    from doorward.integrations.mcp_sdk import protect

    server: MCPServer[Any] = MCPServer("shop")

    @server.tool()
    async def orders() -> dict[str, str]:
        return {"authorization": await ask()}

    return protect(server, guard)


def on_fastmcp(guard: Guard, ask: Callable[[], Any]) -> Any:
    """Serve ``ask`` as a tool of FastMCP's server."""
    from fastmcp import FastMCP

    from doorward.integrations.fastmcp import protect

    server: FastMCP[Any] = FastMCP("shop")

    @server.tool
    async def orders() -> dict[str, str]:
        return {"authorization": await ask()}

    return protect(server, guard)


SERVERS = [on_our_transport, on_the_official_sdk, on_fastmcp]
each_server = pytest.mark.parametrize("build", SERVERS, ids=lambda one: one.__name__[3:])


@pytest.fixture
def mint(issuer: Issuer) -> TokenMint:
    """Mints the tokens of this test's issuer."""
    return TokenMint(issuer=issuer.issuer, audience=RESOURCE)


@pytest.fixture
def guard(issuer: Issuer, mint: TokenMint) -> Guard:
    """A guard with one next server, ``orders``."""
    return Guard(
        resource=RESOURCE,
        issuers=[TrustedIssuer(issuer=mint.issuer, audience=RESOURCE, keys=LocalKeys(mint.jwks))],
        policy=Policy(unknown="base"),
        downstream={
            "orders": TokenExchange(
                issuer=issuer.issuer,
                client_id="mcp-server",
                client_secret="of-this-test-alone",
                audience="orders-api",
            )
        },
    )


async def ask() -> str:
    """Do what a tool does: ask for a token and put it into a header."""
    user = current_identity()
    assert user is not None
    token = await user.token_for("orders", scopes={"orders:read"})
    return f"Bearer {token}"


@proves("sec-no-passthrough", "accepts")
@each_server
async def test_a_tool_gets_a_downstream_token_for_its_caller(
    guard: Guard, issuer: Issuer, mint: TokenMint, build: Build
) -> None:
    token = mint.mint("alice")
    async with serving(build(guard, ask)) as client:
        answer = await call(client, token, "orders")

    assert result(answer) == {"authorization": "Bearer token-orders-api-orders:read"}
    assert [form["subject_token"] for form in issuer.forms] == [token]


@each_server
async def test_concurrent_callers_each_get_their_own_token(
    guard: Guard, issuer: Issuer, mint: TokenMint, build: Build
) -> None:
    def answer(form: dict[str, str]) -> tuple[int, Any]:
        name = subjects[form["subject_token"]]
        return 200, {**granting(form)[1], "access_token": f"for-{name}"}

    subjects = {mint.mint(name): name for name in ("alice", "bob", "carol")}
    issuer.answer = answer
    async with serving(build(guard, ask)) as client:
        answers = await asyncio.gather(
            *(call(client, token, "orders") for token in [*subjects, *subjects])
        )

    assert [result(one)["authorization"] for one in answers] == [
        f"Bearer for-{name}" for name in ("alice", "bob", "carol", "alice", "bob", "carol")
    ]
    assert len(issuer.forms) == 3


@proves("sec-no-passthrough", "refuses")
@each_server
async def test_the_inbound_token_is_not_visible_to_the_application(
    guard: Guard, mint: TokenMint, build: Build
) -> None:
    seen: list[Any] = []
    token = mint.mint("alice")

    async def look() -> str:
        seen.append(current_identity())
        seen.append(_giving.get())
        return "looked"

    app = build(guard, look)
    carried = guard.protect(_noting(seen))
    async with serving(app) as client:
        await call(client, token, "orders")
    async with serving(carried) as client:
        await call(client, token, "orders")

    identity, giving, scope = seen
    assert token not in repr(identity) + repr(giving) + repr(scope)
    assert identity.claims["sub"] == "alice"
    with pytest.raises(TypeError):
        pickle.dumps(giving)
    with pytest.raises(TypeError):
        copy.copy(giving)


def _noting(seen: list[Any]) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for word in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{word}.complete"})
            return
        seen.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return app


async def test_a_stored_identity_gets_no_token_in_the_request_of_another_caller(
    guard: Guard, issuer: Issuer, mint: TokenMint
) -> None:
    kept: list[Identity] = []

    async def misuse() -> str:
        user = current_identity()
        assert user is not None
        kept.append(user)
        with pytest.raises(NoSubjectToken):
            await kept[0].token_for("orders")
        return "refused"

    async with serving(on_our_transport(guard, ask)) as client:
        assert result(await call(client, mint.mint("alice"), "orders"))
    kept.append(caller(issuer, subject="alice"))
    async with serving(on_our_transport(guard, misuse)) as client:
        answer = await call(client, mint.mint("bob"), "orders")

    assert result(answer) == {"authorization": "refused"}
    assert len(issuer.forms) == 1


async def test_outside_a_request_there_is_no_downstream_token(issuer: Issuer) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        await caller(issuer).token_for("orders")

    assert refusal.value.reason == "no-downstream"


async def test_an_error_that_the_user_can_fix_is_a_tool_error(
    guard: Guard, issuer: Issuer, mint: TokenMint
) -> None:
    issuer.answer = lambda _: (400, {"error": "consent_required", "error_description": "internal"})
    async with serving(on_our_transport(guard, ask)) as client:
        answer = await call(client, mint.mint("alice"), "orders")

    said = answer.json()["result"]
    assert said["isError"] is True
    assert said["content"][0]["text"] == SignInNeeded.public
    assert "internal" not in answer.text


async def test_an_unavailable_issuer_is_a_tool_error(
    guard: Guard, issuer: Issuer, mint: TokenMint
) -> None:
    issuer.answer = lambda _: (503, {})
    async with serving(on_our_transport(guard, ask)) as client:
        answer = await call(client, mint.mint("alice"), "orders")

    assert "unavailable" in answer.json()["result"]["content"][0]["text"]


async def test_without_downstream_tokens_the_authorization_header_is_kept(
    mint: TokenMint,
) -> None:
    seen: list[Any] = []
    plain = Guard(
        resource=RESOURCE,
        issuers=[TrustedIssuer(issuer=mint.issuer, audience=RESOURCE, keys=LocalKeys(mint.jwks))],
        policy=Policy(unknown="base"),
    )
    async with serving(plain.protect(_noting(seen))) as client:
        await call(client, mint.mint("alice"), "orders")

    assert b"authorization" in dict(seen[0]["headers"])


@each_server
async def test_a_task_that_the_request_started_still_acts_for_its_caller(
    guard: Guard, issuer: Issuer, mint: TokenMint, build: Build
) -> None:
    answered = asyncio.Event()
    started: list[asyncio.Task[str]] = []

    async def later() -> str:
        await answered.wait()
        return await ask()

    async def start() -> str:
        started.append(asyncio.create_task(later()))
        return "started"

    token = mint.mint("alice")
    async with serving(build(guard, start)) as client:
        answer = await call(client, token, "orders")
        answered.set()
        got = await started[0]

    assert result(answer) == {"authorization": "started"}
    assert got == "Bearer token-orders-api-orders:read"
    assert [form["subject_token"] for form in issuer.forms] == [token]


@proves("sec-no-passthrough", "refuses")
async def test_a_saved_identity_gives_a_job_of_another_request_no_token(
    guard: Guard, mint: TokenMint
) -> None:
    saved: list[Identity | None] = []

    async def save() -> str:
        saved.append(current_identity())
        return "saved"

    async with serving(on_our_transport(guard, save)) as client:
        await call(client, mint.mint("alice"), "orders")
        assert saved[0] is not None
        with pytest.raises(ConfigurationError) as refused:
            await saved[0].token_for("orders")

    assert refused.value.reason == "no-downstream"
