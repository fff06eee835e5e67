"""Token refresh: who does it, how often, and what happens if the issuer changed."""

import asyncio
from typing import Any

import httpx2
import pytest

from doorward.client import (
    InsufficientScope,
    OAuth,
    SignInFailed,
    SignInNeeded,
    TokenStore,
    Unreachable,
)
from tests.client.conftest import Clock, Open
from tests.client.fake_issuer import ISSUER, SERVER, FakeIssuer
from tests.ledger import proves

NEW = "https://new.example"


def move_house(fake_issuer: FakeIssuer) -> None:
    """Let ``NEW`` sign people in from now on; the server takes no token of ``ISSUER`` any more."""
    fake_issuer.live.clear()
    fake_issuer.resource["authorization_servers"] = [NEW]
    document = {
        name: value.replace(ISSUER, NEW) if isinstance(value, str) else value
        for name, value in fake_issuer.metadata.items()
    }

    def issue(_: httpx2.Request) -> httpx2.Response:
        fake_issuer.live["access-new"] = frozenset({"mcp:read"})
        return httpx2.Response(
            200, json={"access_token": "access-new", "token_type": "Bearer", "scope": "mcp:read"}
        )

    fake_issuer.routes[f"{NEW}/.well-known/oauth-authorization-server"] = lambda _: httpx2.Response(
        200, json=document
    )
    fake_issuer.routes[f"{NEW}/register"] = lambda _: httpx2.Response(
        201, json={"client_id": "client-at-new", "token_endpoint_auth_method": "none"}
    )
    fake_issuer.routes[f"{NEW}/token"] = issue
    fake_issuer.answer = lambda parameters: {**parameters, "iss": NEW}


def gone(fake_issuer: FakeIssuer) -> None:
    def nobody(_: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("gone")

    fake_issuer.routes[f"{ISSUER}/.well-known/oauth-authorization-server"] = nobody


def without_metadata(fake_issuer: FakeIssuer) -> None:
    metadata = f"{ISSUER}/.well-known/oauth-authorization-server"
    fake_issuer.routes[metadata] = lambda _: httpx2.Response(404)


def stubborn(fake_issuer: FakeIssuer) -> None:
    def refreshed(_: httpx2.Request) -> httpx2.Response:
        # The old issuer lives on and gives tokens that this server does not take any more.
        return httpx2.Response(200, json={"access_token": "access-of-old", "token_type": "Bearer"})

    fake_issuer.routes[f"{ISSUER}/token"] = refreshed


@proves("reg-registers-again", "accepts")
@pytest.mark.parametrize("old_issuer", [gone, without_metadata, stubborn])
async def test_a_client_that_holds_a_refresh_token_follows_its_server_to_another_issuer(
    open_client: Open, fake_issuer: FakeIssuer, token_store: TokenStore, old_issuer: Any
) -> None:
    async with open_client() as connection:
        await connection.log_in()
        move_house(fake_issuer)
        old_issuer(fake_issuer)
        await connection.client.list_tools()

    tokens = token_store.tokens_for(SERVER)
    assert tokens is not None
    assert (tokens.issuer, tokens.client_id) == (NEW, "client-at-new")
    assert len(fake_issuer.authorizations) == 2
    assert fake_issuer.paths().count(f"POST {SERVER}") <= 4


@proves("reg-registers-again", "refuses")
async def test_a_server_that_refuses_every_token_causes_one_new_sign_in(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    async with open_client() as connection:
        await connection.log_in()
        fake_issuer.routes[SERVER] = lambda _: httpx2.Response(401)
        before = len(fake_issuer.asked)
        with pytest.raises(SignInNeeded):
            await connection.client.list_tools()

    # The first token, the refreshed one, and the one of the new sign-in.
    sent = [one for one in fake_issuer.asked[before:] if str(one.url) == SERVER]
    assert len({one.headers["authorization"] for one in sent}) == len(sent) == 3
    assert len(fake_issuer.authorizations) == 2


async def test_a_non_interactive_client_reports_an_unreachable_issuer(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    async with open_client() as connection:
        await connection.log_in()
    fake_issuer.live.clear()
    gone(fake_issuer)

    async with open_client(interactive=False) as connection:
        with pytest.raises(Unreachable):
            await connection.client.list_tools()

    assert len(fake_issuer.authorizations) == 1


async def test_a_valid_token_is_used_while_its_issuer_is_unreachable(
    open_client: Open, fake_issuer: FakeIssuer, clock: Clock
) -> None:
    async with open_client() as connection:
        await connection.log_in()
        gone(fake_issuer)
        clock.now += 3580
        tools = await connection.client.list_tools()

    assert [tool.name for tool in tools] == ["add"]
    assert len(fake_issuer.authorizations) == 1


async def test_concurrent_calls_are_not_serialized(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    async with open_client() as connection:
        await connection.log_in()
        auth = OAuth(SERVER, connection.sign_in)
        gate = _Gate(5)
        async with httpx2.AsyncClient(auth=auth, transport=gate) as http:
            answers = await asyncio.gather(*(http.post(SERVER, json={}) for _ in range(5)))

    # The gate opens when all five have arrived; a lock held in flight would keep it shut for ever.
    assert [answer.status_code for answer in answers] == [200] * 5


async def test_a_call_completes_while_another_stream_stays_open(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    async with open_client() as connection:
        await connection.log_in()
        auth = OAuth(SERVER, connection.sign_in)
        async with (
            httpx2.AsyncClient(auth=auth, transport=_Endless()) as http,
            http.stream("GET", SERVER) as stream,
        ):
            answer = await http.post(SERVER, json={})
            assert stream.status_code == 200

    assert answer.status_code == 200


@pytest.mark.slow
async def test_a_thousand_concurrent_calls_with_an_expired_token_cause_one_refresh(
    open_client: Open, fake_issuer: FakeIssuer, clock: Clock
) -> None:
    async with open_client() as connection:
        await connection.log_in()
        auth = OAuth(SERVER, connection.sign_in)
        clock.now += 4000
        before = len(fake_issuer.forms(f"{ISSUER}/token"))
        async with httpx2.AsyncClient(
            auth=auth, transport=fake_issuer.transport, timeout=None
        ) as http:
            message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
            answers = await asyncio.gather(*(http.post(SERVER, json=message) for _ in range(1000)))

    assert {answer.status_code for answer in answers} == {200}
    assert len(fake_issuer.forms(f"{ISSUER}/token")) - before == 1


@pytest.mark.slow
async def test_a_thousand_concurrent_calls_with_a_revoked_token_cause_one_refresh(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    async with open_client() as connection:
        await connection.log_in()
        auth = OAuth(SERVER, connection.sign_in)
        fake_issuer.live.clear()
        before = len(fake_issuer.forms(f"{ISSUER}/token"))
        async with httpx2.AsyncClient(
            auth=auth, transport=fake_issuer.transport, timeout=None
        ) as http:
            message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
            answers = await asyncio.gather(*(http.post(SERVER, json=message) for _ in range(1000)))

    assert {answer.status_code for answer in answers} == {200}
    assert len(fake_issuer.forms(f"{ISSUER}/token")) - before == 1
    assert len(fake_issuer.authorizations) == 1


async def test_concurrent_calls_that_need_more_scopes_cause_one_step_up(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    async with open_client() as connection:
        await connection.log_in(frozenset({"mcp:read"}))
        auth = OAuth(SERVER, connection.sign_in)
        fake_issuer.needed = frozenset({"mcp:admin"})
        async with httpx2.AsyncClient(auth=auth, transport=fake_issuer.transport) as http:
            message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
            answers = await asyncio.gather(*(http.post(SERVER, json=message) for _ in range(5)))

    assert {answer.status_code for answer in answers} == {200}
    assert len(fake_issuer.authorizations) == 2


@proves("S177", "refuses", "step-up is bounded")
async def test_a_scope_that_was_not_granted_is_not_requested_again(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    fake_issuer.grantable = frozenset({"mcp:read"})
    async with open_client() as connection:
        await connection.log_in(frozenset({"mcp:read"}))
        fake_issuer.needed = frozenset({"mcp:admin"})
        for _ in range(3):
            with pytest.raises(InsufficientScope):
                await connection.client.list_tools()

    assert len(fake_issuer.authorizations) == 2


@proves("S177", "refuses", "step-up is bounded")
async def test_a_scope_that_the_user_denied_is_not_requested_again(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    async with open_client() as connection:
        await connection.log_in(frozenset({"mcp:read"}))
        fake_issuer.needed = frozenset({"mcp:admin"})
        fake_issuer.answer = lambda parameters: {
            "state": parameters["state"],
            "iss": parameters["iss"],
            "error": "access_denied",
        }
        with pytest.raises(SignInFailed):
            await connection.client.list_tools()
        with pytest.raises(InsufficientScope):
            await connection.client.list_tools()

    assert len(fake_issuer.authorizations) == 2


class _Gate(httpx2.AsyncBaseTransport):
    """Answers nobody until ``count`` requests are here."""

    def __init__(self, count: int) -> None:
        self._barrier = asyncio.Barrier(count)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        async with asyncio.timeout(10):
            await self._barrier.wait()
        return httpx2.Response(200)


class _Endless(httpx2.AsyncBaseTransport):
    """A GET is a stream that says nothing and does not end; a POST is answered."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            return httpx2.Response(200, stream=_Silence())
        return httpx2.Response(200)


class _Silence(httpx2.AsyncByteStream):
    async def __aiter__(self) -> Any:
        await asyncio.Event().wait()
        yield b""
