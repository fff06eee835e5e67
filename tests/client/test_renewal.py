"""How a token is renewed: by whom, how often, and when the issuer is not the old one any more."""

import asyncio
from typing import Any

import httpx2
import pytest

from doorward.client import OAuth, ScopeLacking, SignInFailed, SignInNeeded, TokenStore, Unreachable
from tests.client.conftest import Clock, Open
from tests.client.house import ISSUER, SERVER, House
from tests.ledger import proves

NEW = "https://new.example"


def move_house(house: House) -> None:
    """Let ``NEW`` sign people in from now on; the server takes no token of ``ISSUER`` any more."""
    house.live.clear()
    house.resource["authorization_servers"] = [NEW]
    document = {
        name: value.replace(ISSUER, NEW) if isinstance(value, str) else value
        for name, value in house.metadata.items()
    }

    def issue(_: httpx2.Request) -> httpx2.Response:
        house.live["access-new"] = frozenset({"mcp:read"})
        return httpx2.Response(
            200, json={"access_token": "access-new", "token_type": "Bearer", "scope": "mcp:read"}
        )

    house.routes[f"{NEW}/.well-known/oauth-authorization-server"] = lambda _: httpx2.Response(
        200, json=document
    )
    house.routes[f"{NEW}/register"] = lambda _: httpx2.Response(
        201, json={"client_id": "client-at-new", "token_endpoint_auth_method": "none"}
    )
    house.routes[f"{NEW}/token"] = issue
    house.answer = lambda parameters: {**parameters, "iss": NEW}


def gone(house: House) -> None:
    def nobody(_: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("gone")

    house.routes[f"{ISSUER}/.well-known/oauth-authorization-server"] = nobody


def without_metadata(house: House) -> None:
    metadata = f"{ISSUER}/.well-known/oauth-authorization-server"
    house.routes[metadata] = lambda _: httpx2.Response(404)


def stubborn(house: House) -> None:
    def refreshed(_: httpx2.Request) -> httpx2.Response:
        # The old issuer lives on and gives tokens that this server does not take any more.
        return httpx2.Response(200, json={"access_token": "access-of-old", "token_type": "Bearer"})

    house.routes[f"{ISSUER}/token"] = refreshed


@proves("reg-registers-again", "accepts")
@pytest.mark.parametrize("old_issuer", [gone, without_metadata, stubborn])
async def test_a_client_that_holds_a_refresh_token_follows_its_server_to_another_issuer(
    open_house: Open, house: House, token_store: TokenStore, old_issuer: Any
) -> None:
    async with open_house() as connection:
        await connection.log_in()
        move_house(house)
        old_issuer(house)
        await connection.client.list_tools()

    tokens = token_store.tokens_for(SERVER)
    assert tokens is not None
    assert (tokens.issuer, tokens.client_id) == (NEW, "client-at-new")
    assert len(house.authorizations) == 2
    assert house.paths().count(f"POST {SERVER}") <= 4


@proves("reg-registers-again", "refuses")
async def test_a_server_that_refuses_every_token_is_asked_to_sign_in_once(
    open_house: Open, house: House
) -> None:
    async with open_house() as connection:
        await connection.log_in()
        house.routes[SERVER] = lambda _: httpx2.Response(401)
        before = len(house.asked)
        with pytest.raises(SignInNeeded):
            await connection.client.list_tools()

    # The first token, the refreshed one, and the one of the new sign-in.
    sent = [one for one in house.asked[before:] if str(one.url) == SERVER]
    assert len({one.headers["authorization"] for one in sent}) == len(sent) == 3
    assert len(house.authorizations) == 2


async def test_without_leave_to_sign_in_a_client_says_that_its_issuer_is_away(
    open_house: Open, house: House
) -> None:
    async with open_house() as connection:
        await connection.log_in()
    house.live.clear()
    gone(house)

    async with open_house(interactive=False) as connection:
        with pytest.raises(Unreachable):
            await connection.client.list_tools()

    assert len(house.authorizations) == 1


async def test_a_token_that_still_lives_is_used_while_its_issuer_is_away(
    open_house: Open, house: House, clock: Clock
) -> None:
    async with open_house() as connection:
        await connection.log_in()
        gone(house)
        clock.now += 3580
        tools = await connection.client.list_tools()

    assert [tool.name for tool in tools] == ["add"]
    assert len(house.authorizations) == 1


async def test_five_parallel_calls_are_all_in_flight_before_one_is_answered(
    open_house: Open, house: House
) -> None:
    async with open_house() as connection:
        await connection.log_in()
        auth = OAuth(SERVER, connection.sign_in)
        gate = _Gate(5)
        async with httpx2.AsyncClient(auth=auth, transport=gate) as http:
            answers = await asyncio.gather(*(http.post(SERVER, json={}) for _ in range(5)))

    # The gate opens when all five have arrived; a lock held in flight would keep it shut for ever.
    assert [answer.status_code for answer in answers] == [200] * 5


async def test_a_call_is_answered_while_another_stream_stays_open(
    open_house: Open, house: House
) -> None:
    async with open_house() as connection:
        await connection.log_in()
        auth = OAuth(SERVER, connection.sign_in)
        async with (
            httpx2.AsyncClient(auth=auth, transport=_Endless()) as http,
            http.stream("GET", SERVER) as stream,
        ):
            answer = await http.post(SERVER, json={})
            assert stream.status_code == 200

    assert answer.status_code == 200


async def test_a_thousand_parallel_calls_at_the_moment_of_expiry_cause_one_refresh(
    open_house: Open, house: House, clock: Clock
) -> None:
    async with open_house() as connection:
        await connection.log_in()
        auth = OAuth(SERVER, connection.sign_in)
        clock.now += 4000
        before = len(house.forms(f"{ISSUER}/token"))
        async with httpx2.AsyncClient(auth=auth, transport=house.transport, timeout=None) as http:
            message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
            answers = await asyncio.gather(*(http.post(SERVER, json=message) for _ in range(1000)))

    assert {answer.status_code for answer in answers} == {200}
    assert len(house.forms(f"{ISSUER}/token")) - before == 1


async def test_a_thousand_parallel_calls_with_a_revoked_token_cause_one_refresh(
    open_house: Open, house: House
) -> None:
    async with open_house() as connection:
        await connection.log_in()
        auth = OAuth(SERVER, connection.sign_in)
        house.live.clear()
        before = len(house.forms(f"{ISSUER}/token"))
        async with httpx2.AsyncClient(auth=auth, transport=house.transport, timeout=None) as http:
            message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
            answers = await asyncio.gather(*(http.post(SERVER, json=message) for _ in range(1000)))

    assert {answer.status_code for answer in answers} == {200}
    assert len(house.forms(f"{ISSUER}/token")) - before == 1
    assert len(house.authorizations) == 1


async def test_parallel_calls_that_need_more_scopes_send_the_user_away_once(
    open_house: Open, house: House
) -> None:
    async with open_house() as connection:
        await connection.log_in(frozenset({"mcp:read"}))
        auth = OAuth(SERVER, connection.sign_in)
        house.needed = frozenset({"mcp:admin"})
        async with httpx2.AsyncClient(auth=auth, transport=house.transport) as http:
            message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
            answers = await asyncio.gather(*(http.post(SERVER, json=message) for _ in range(5)))

    assert {answer.status_code for answer in answers} == {200}
    assert len(house.authorizations) == 2


@proves("S177", "refuses")
async def test_a_scope_that_was_refused_once_is_not_asked_for_at_the_next_call(
    open_house: Open, house: House
) -> None:
    house.grantable = frozenset({"mcp:read"})
    async with open_house() as connection:
        await connection.log_in(frozenset({"mcp:read"}))
        house.needed = frozenset({"mcp:admin"})
        for _ in range(3):
            with pytest.raises(ScopeLacking):
                await connection.client.list_tools()

    assert len(house.authorizations) == 2


@proves("S177", "refuses")
async def test_a_user_who_said_no_to_a_scope_is_not_asked_again(
    open_house: Open, house: House
) -> None:
    async with open_house() as connection:
        await connection.log_in(frozenset({"mcp:read"}))
        house.needed = frozenset({"mcp:admin"})
        house.answer = lambda parameters: {
            "state": parameters["state"],
            "iss": parameters["iss"],
            "error": "access_denied",
        }
        with pytest.raises(SignInFailed):
            await connection.client.list_tools()
        with pytest.raises(ScopeLacking):
            await connection.client.list_tools()

    assert len(house.authorizations) == 2


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
