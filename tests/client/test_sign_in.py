"""A whole sign-in against a house in the process, and each way in which it can go wrong."""

from typing import Any

import httpx2
import pytest

from doorward.client import (
    ClientChoice,
    ClientRefused,
    OAuth,
    ScopeLacking,
    SignInFailed,
    SignInNeeded,
    Wallet,
)
from tests.client.conftest import Clock, Open
from tests.client.house import ISSUER, SERVER, House
from tests.ledger import proves


@proves("S167", "accepts")
@proves("S168", "accepts")
@proves("S169", "accepts")
@proves("S179", "accepts")
async def test_a_call_signs_in_by_itself_and_gets_its_answer(
    open_house: Open, house: House
) -> None:
    async with open_house() as connection:
        result = await connection.client.call_tool("add", {"a": 2, "b": 3})

    assert result.text == "5"
    assert house.paths() == [
        f"POST {SERVER}",
        "GET https://mcp.example/.well-known/oauth-protected-resource/mcp",
        f"GET {ISSUER}/.well-known/oauth-authorization-server",
        f"POST {ISSUER}/register",
        f"POST {ISSUER}/token",
        f"POST {SERVER}",
    ]


async def test_both_requests_name_the_resource_and_carry_pkce(
    open_house: Open, house: House
) -> None:
    async with open_house() as connection:
        await connection.log_in()

    (asked,) = house.authorizations
    (form,) = house.forms(f"{ISSUER}/token")
    assert asked["resource"] == form["resource"] == SERVER
    assert asked["code_challenge_method"] == "S256"
    assert asked["scope"] == "mcp:read mcp:tools"
    assert form["redirect_uri"] == asked["redirect_uri"]
    assert asked["redirect_uri"].startswith("http://127.0.0.1:")


async def test_a_fresh_client_registers_as_a_native_application_without_a_secret(
    open_house: Open, house: House
) -> None:
    async with open_house() as connection:
        await connection.log_in()

    (client,) = house.clients.values()
    assert client["application_type"] == "native"
    assert client["token_endpoint_auth_method"] == "none"
    assert client["grant_types"] == ["authorization_code", "refresh_token"]


@proves("S175", "accepts")
@proves("S175", "refuses")
async def test_state_and_verifier_are_two_secrets_and_fresh_each_time(
    open_house: Open, house: House
) -> None:
    async with open_house() as connection:
        await connection.log_in()
        await connection.log_in()

    states = [asked["state"] for asked in house.authorizations]
    verifiers = [form["code_verifier"] for form in house.forms(f"{ISSUER}/token")]
    assert len({*states, *verifiers}) == 4


def _without(name: str) -> Any:
    return lambda parameters: {key: value for key, value in parameters.items() if key != name}


def _with(**changes: str) -> Any:
    return lambda parameters: {**parameters, **changes}


@proves("S170", "accepts")
@pytest.mark.parametrize(
    ("advertised", "bend"),
    [
        pytest.param(True, _with(), id="advertised-and-present"),
        pytest.param(False, _with(), id="not-advertised-and-present"),
        pytest.param(False, _without("iss"), id="not-advertised-and-absent"),
    ],
)
async def test_an_answer_of_the_right_issuer_is_taken(
    open_house: Open, house: House, advertised: bool, bend: Any
) -> None:
    house.metadata["authorization_response_iss_parameter_supported"] = advertised
    house.answer = bend

    async with open_house() as connection:
        assert await connection.log_in() is not None


@proves("S170", "refuses")
@pytest.mark.parametrize("with_error", [False, True], ids=["code", "error"])
@pytest.mark.parametrize(
    ("advertised", "bend", "reason"),
    [
        pytest.param(True, _without("iss"), "issuer-missing", id="advertised-and-absent"),
        pytest.param(True, _with(iss="https://evil.example"), "issuer-mismatch", id="wrong"),
        pytest.param(False, _with(iss="https://evil.example"), "issuer-mismatch", id="unasked"),
        pytest.param(True, _with(iss=ISSUER + "/"), "issuer-mismatch", id="slash"),
        pytest.param(True, _with(iss=ISSUER.upper()), "issuer-mismatch", id="case"),
        pytest.param(True, _with(iss=ISSUER + ":443"), "issuer-mismatch", id="default-port"),
    ],
)
async def test_an_answer_of_another_issuer_is_refused_and_its_words_are_not_repeated(
    open_house: Open, house: House, advertised: bool, bend: Any, reason: str, with_error: bool
) -> None:
    house.metadata["authorization_response_iss_parameter_supported"] = advertised
    said = {"error": "access_denied", "error_description": "call 555-0100"} if with_error else {}
    house.answer = lambda parameters: {**bend(parameters), **said}

    async with open_house() as connection:
        with pytest.raises(SignInFailed) as refusal:
            await connection.log_in()

    assert refusal.value.reason == reason
    assert "555" not in str(refusal.value)
    assert "denied" not in str(refusal.value)
    assert house.forms(f"{ISSUER}/token") == []


async def test_a_denial_is_told_in_our_own_words(open_house: Open, house: House) -> None:
    house.answer = lambda parameters: {
        "state": parameters["state"],
        "iss": parameters["iss"],
        "error": "access_denied",
        "error_description": "<b>pay here</b>",
    }

    async with open_house() as connection:
        with pytest.raises(SignInFailed) as refusal:
            await connection.log_in()

    assert refusal.value.reason == "access-denied"
    assert "pay" not in str(refusal.value)


@proves("S181", "accepts")
@pytest.mark.parametrize(
    ("choice", "advertised", "client_id", "registers"),
    [
        pytest.param(
            ClientChoice(client_id="mine", document="https://me.example/client.json"),
            True,
            "mine",
            False,
            id="pre-registered-first",
        ),
        pytest.param(
            ClientChoice(document="https://me.example/client.json"),
            True,
            "https://me.example/client.json",
            False,
            id="document-where-read",
        ),
        pytest.param(
            ClientChoice(document="https://me.example/client.json"),
            False,
            "client-1",
            True,
            id="registration-where-not",
        ),
        pytest.param(ClientChoice(), True, "client-1", True, id="registration-without-document"),
    ],
)
async def test_the_way_to_be_known_follows_the_order(
    open_house: Open,
    house: House,
    choice: ClientChoice,
    advertised: bool,
    client_id: str,
    registers: bool,
) -> None:
    house.metadata["client_id_metadata_document_supported"] = advertised

    async with open_house(choice=choice) as connection:
        await connection.log_in()

    assert house.authorizations[0]["client_id"] == client_id
    assert (f"POST {ISSUER}/register" in house.paths()) is registers


@proves("S181", "refuses")
async def test_without_any_way_to_be_known_the_user_is_asked(
    open_house: Open, house: House
) -> None:
    del house.metadata["registration_endpoint"]

    async with open_house() as connection:
        with pytest.raises(SignInFailed) as refusal:
            await connection.log_in()

    assert refusal.value.reason == "no-registration"
    assert "http://127.0.0.1:" in refusal.value.hint
    assert "--client-id" in refusal.value.hint


async def test_a_client_that_the_server_forgot_is_registered_anew(
    open_house: Open, house: House
) -> None:
    async with open_house() as connection:
        await connection.log_in()
        house.clients.clear()
        await connection.log_in()

    assert house.paths().count(f"POST {ISSUER}/register") == 2
    assert len(house.authorizations) == 2


async def test_a_client_that_was_registered_for_fewer_scopes_is_registered_anew_for_a_step_up(
    open_house: Open, house: House
) -> None:
    house.challenge["scope"] = "mcp:read"
    house.holds_clients_to_their_scopes = True

    async with open_house() as connection:
        await connection.log_in()
        house.needed = frozenset({"mcp:read", "mcp:tools"})
        result = await connection.client.call_tool("add", {"a": 2, "b": 3})

    assert result.text == "5"
    registered = [document["scope"] for document in house.clients.values()]
    assert registered == ["mcp:read", "mcp:read mcp:tools"]
    assert len(house.authorizations) == 2


async def test_scopes_that_no_client_may_ask_for_are_asked_for_once(
    open_house: Open, house: House
) -> None:
    house.needed = frozenset({"mcp:owner"})
    house.answer = lambda said: {"error": "invalid_scope", "state": said["state"], "iss": ISSUER}
    async with open_house() as connection:
        house.answer, refuse = lambda said: said, house.answer
        await connection.log_in()
        house.answer = refuse
        with pytest.raises(SignInFailed) as refusal:
            await connection.client.call_tool("add", {"a": 2, "b": 3})
        with pytest.raises(ScopeLacking):
            await connection.client.call_tool("add", {"a": 2, "b": 3})

    assert refusal.value.reason == "invalid-scope"
    assert len(house.authorizations) == 2


async def test_the_second_sign_in_listens_where_the_first_was_registered(
    open_house: Open, house: House
) -> None:
    async with open_house() as connection:
        await connection.log_in()
        await connection.log_in()

    first, second = (asked["redirect_uri"] for asked in house.authorizations)
    assert first == second
    assert house.paths().count(f"POST {ISSUER}/register") == 1


async def test_a_token_near_its_end_is_refreshed_before_it_is_sent(
    open_house: Open, house: House, clock: Clock
) -> None:
    async with open_house() as connection:
        await connection.log_in()
        clock.now += 3580
        house.asked.clear()
        await connection.client.list_tools()

    assert house.paths() == [
        f"GET {ISSUER}/.well-known/oauth-authorization-server",
        f"POST {ISSUER}/token",
        f"POST {SERVER}",
    ]
    assert house.forms(f"{ISSUER}/token")[0]["resource"] == SERVER


async def test_a_revoked_token_is_refreshed_before_anybody_is_asked_to_sign_in(
    open_house: Open, house: House
) -> None:
    async with open_house() as connection:
        await connection.log_in()
        house.live.clear()
        await connection.client.list_tools()

    assert len(house.authorizations) == 1


async def test_a_lost_session_signs_in_again(open_house: Open, house: House) -> None:
    async with open_house() as connection:
        await connection.log_in()
        house.live.clear()
        house.refreshes.clear()
        await connection.client.list_tools()

    assert len(house.authorizations) == 2


async def test_a_refresh_without_a_new_refresh_token_keeps_the_old_one(
    open_house: Open, house: House, wallet: Wallet, clock: Clock
) -> None:
    async with open_house() as connection:
        first = await connection.log_in()
        assert first is not None
        house.token = _without("refresh_token")
        second = await connection.sign_in.refresh(SERVER, first)

    assert second.access_token != first.access_token
    assert second.refresh_token == first.refresh_token


async def test_without_leave_to_open_a_browser_nobody_is_asked(
    open_house: Open, house: House
) -> None:
    async with open_house(interactive=False) as connection:
        with pytest.raises(SignInNeeded) as refusal:
            await connection.client.list_tools()

    assert refusal.value.hint == f"Run: doorward login {SERVER}"
    assert house.authorizations == []


@proves("S177", "accepts")
async def test_a_step_up_asks_for_the_union_of_old_and_new(open_house: Open, house: House) -> None:
    async with open_house() as connection:
        await connection.log_in(frozenset({"mcp:read"}))
        house.needed = frozenset({"mcp:admin"})
        await connection.client.list_tools()

    assert house.authorizations[-1]["scope"] == "mcp:admin mcp:read"
    assert len(house.authorizations) == 2


@proves("S177", "refuses")
async def test_a_step_up_that_grants_nothing_is_not_repeated(
    open_house: Open, house: House
) -> None:
    house.grantable = frozenset({"mcp:read"})
    house.needed = frozenset({"mcp:admin", "mcp:read"})

    async with open_house() as connection:
        await connection.log_in(frozenset({"mcp:read"}))
        with pytest.raises(ScopeLacking) as refusal:
            await connection.client.list_tools()

    assert refusal.value.scopes == {"mcp:admin", "mcp:read"}
    assert len(house.authorizations) == 2


@proves("S177", "refuses")
async def test_a_server_that_asks_for_ever_more_is_left_alone(
    open_house: Open, house: House
) -> None:
    def greedy(request: httpx2.Request) -> httpx2.Response:
        house.number += 1
        header = f'Bearer error="insufficient_scope", scope="mcp:{house.number}"'
        return httpx2.Response(403, headers={"WWW-Authenticate": header})

    async with open_house() as connection:
        await connection.log_in()
        house.routes[SERVER] = greedy
        with pytest.raises(ScopeLacking):
            await connection.client.list_tools()

    assert len(house.authorizations) == 3


async def test_the_challenge_decides_which_scopes_are_asked_for(
    open_house: Open, house: House
) -> None:
    house.challenge["scope"] = "mcp:read"

    async with open_house() as connection:
        await connection.log_in()

    assert house.authorizations[0]["scope"] == "mcp:read"


async def test_offline_access_is_asked_for_where_it_is_offered(
    open_house: Open, house: House
) -> None:
    house.metadata["scopes_supported"] = ["mcp:read", "offline_access"]
    house.challenge["scope"] = "mcp:read"

    async with open_house() as connection:
        await connection.log_in()

    assert house.authorizations[0]["scope"] == "mcp:read offline_access"


async def test_an_account_that_may_not_stay_signed_in_is_signed_in_for_now(
    open_house: Open, house: House
) -> None:
    house.metadata["scopes_supported"] = ["mcp:read", "offline_access"]

    def refuse(request: httpx2.Request) -> httpx2.Response:
        if "offline_access" in house.authorizations[-1]["scope"]:
            return httpx2.Response(400, json={"error": "not_allowed"})
        return house._token(request)

    house.routes[f"{ISSUER}/token"] = refuse
    async with open_house() as connection:
        tokens = await connection.log_in()

    assert tokens is not None
    asked = [authorization["scope"].split() for authorization in house.authorizations]
    assert ["offline_access" in scopes for scopes in asked] == [True, False]
    assert house.paths().count(f"POST {ISSUER}/register") == 1


async def test_an_account_that_may_do_nothing_is_not_asked_twice(
    open_house: Open, house: House
) -> None:
    house.routes[f"{ISSUER}/token"] = lambda _: httpx2.Response(400, json={"error": "not_allowed"})
    async with open_house() as connection:
        with pytest.raises(SignInFailed) as refusal:
            await connection.log_in()

    assert refusal.value.reason == "not-allowed"
    assert len(house.authorizations) == 1


async def test_nothing_secret_is_in_a_representation(open_house: Open, wallet: Wallet) -> None:
    async with open_house() as connection:
        tokens = await connection.log_in()

    assert tokens is not None
    assert tokens.access_token not in repr(tokens)
    assert "refresh-" not in repr(tokens)


@proves("S180", "accepts")
@pytest.mark.parametrize(
    ("expires_in", "lives"),
    [
        pytest.param(60, 60.0, id="number"),
        pytest.param("3600", 3600.0, id="digits"),
        pytest.param(10**30, 366 * 86400.0, id="absurd-is-cut"),
        pytest.param(None, None, id="not-said"),
    ],
)
async def test_a_lifetime_is_read_within_reason(
    open_house: Open, house: House, clock: Clock, expires_in: Any, lives: float | None
) -> None:
    house.token = lambda document: {**document, "expires_in": expires_in}

    async with open_house() as connection:
        tokens = await connection.log_in()

    assert tokens is not None
    assert tokens.expires_at == (None if lives is None else clock.now + lives)


@proves("S180", "refuses")
@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"expires_in": -1}, id="negative-life"),
        pytest.param({"expires_in": 0}, id="no-life"),
        pytest.param({"expires_in": "soon"}, id="life-in-words"),
        pytest.param({"expires_in": True}, id="life-is-true"),
        pytest.param({"expires_in": [60]}, id="life-in-a-list"),
        pytest.param({"token_type": "mac"}, id="another-kind"),
        pytest.param({"token_type": None}, id="no-kind"),
        pytest.param({"access_token": ""}, id="empty-token"),
        pytest.param({"access_token": "a\r\nX-Evil: 1"}, id="token-writes-headers"),
        pytest.param({"access_token": 7}, id="token-is-a-number"),
        pytest.param({"refresh_token": 7}, id="refresh-token-is-a-number"),
        pytest.param({"scope": ["mcp:read"]}, id="scope-in-a-list"),
        pytest.param({"scope": 'mcp:"read'}, id="scope-with-quotes"),
    ],
)
async def test_a_malformed_token_response_is_refused(
    open_house: Open, house: House, wallet: Wallet, change: dict[str, Any]
) -> None:
    house.token = lambda document: {**document, **change}

    async with open_house() as connection:
        with pytest.raises(SignInFailed) as refusal:
            await connection.log_in()

    assert refusal.value.reason == "malformed-token-response"
    assert wallet.tokens_for(SERVER) is None


@proves("S171", "accepts")
async def test_a_refresh_goes_to_the_issuer_of_the_token(
    open_house: Open, house: House, clock: Clock
) -> None:
    async with open_house() as connection:
        await connection.log_in()
        clock.now += 4000
        await connection.client.list_tools()

    posts = [path for path in house.paths() if path.startswith("POST")]
    assert posts.count(f"POST {ISSUER}/token") == 2


@proves("S171", "refuses")
async def test_nothing_of_the_old_issuer_is_sent_to_the_new_one(
    open_house: Open, house: House
) -> None:
    thief = "https://thief.example"
    async with open_house() as connection:
        tokens = await connection.log_in()
        assert tokens is not None
        house.live.clear()
        house.resource["authorization_servers"] = [thief]
        house.routes[f"{ISSUER}/token"] = lambda _: httpx2.Response(400, json={})
        house.routes[f"{thief}/.well-known/oauth-authorization-server"] = lambda _: httpx2.Response(
            200,
            json={
                **{
                    name: value.replace(ISSUER, thief) if isinstance(value, str) else value
                    for name, value in house.metadata.items()
                }
            },
        )
        house.routes[f"{thief}/register"] = lambda _: httpx2.Response(
            201, json={"client_id": "fresh", "token_endpoint_auth_method": "none"}
        )
        house.routes[f"{thief}/token"] = lambda _: httpx2.Response(400, json={})
        house.answer = _with(iss=thief)
        with pytest.raises(ClientRefused):
            await connection.client.list_tools()

    stolen = [request for request in house.asked if request.url.host == "thief.example"]
    assert len(stolen) == 3
    for request in stolen:
        seen = str(request.url).encode() + request.content + repr(request.headers).encode()
        for secret in (tokens.access_token, tokens.refresh_token or "", tokens.client_id):
            assert secret.encode() not in seen


@proves("S172", "accepts")
async def test_a_static_secret_goes_to_its_own_issuer(open_house: Open, house: House) -> None:
    house.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    choice = ClientChoice(client_id="mine", client_secret="s3cret", issuer=ISSUER)

    async with open_house(choice=choice) as connection:
        await connection.log_in()

    assert house.forms(f"{ISSUER}/token")[0]["client_secret"] == "s3cret"


@proves("S172", "refuses")
async def test_a_static_secret_is_not_sent_to_an_issuer_it_is_not_pinned_to(
    open_house: Open, house: House
) -> None:
    choice = ClientChoice(client_id="mine", client_secret="s3cret", issuer="https://other.example")

    async with open_house(choice=choice) as connection:
        with pytest.raises(SignInFailed) as refusal:
            await connection.log_in()

    assert refusal.value.reason == "wrong-issuer"
    assert not any(b"s3cret" in request.content for request in house.asked)
    assert house.authorizations == []


@proves("S179", "refuses")
@pytest.mark.parametrize(
    "url",
    [
        "https://mcp.example/other",
        "https://mcp.example/mcp-admin",
        "https://mcp.example:8443/mcp",
        "http://mcp.example/mcp",
        "https://evil.example/mcp",
    ],
)
async def test_a_token_is_not_put_on_a_request_to_another_place(
    open_house: Open, house: House, url: str
) -> None:
    async with open_house() as connection:
        await connection.log_in()
        auth = OAuth(SERVER, connection.sign_in)
        async with httpx2.AsyncClient(auth=auth, transport=house.transport) as http:
            await http.post(url)

    assert "authorization" not in house.asked[-1].headers


@proves("S179", "refuses")
async def test_a_redirect_takes_no_token_along(open_house: Open, house: House) -> None:
    async with open_house() as connection:
        await connection.log_in()
        house.routes[SERVER] = lambda _: httpx2.Response(
            307, headers={"Location": "https://evil.example/mcp"}
        )
        with pytest.raises(ClientRefused):
            await connection.client.list_tools()

    assert all(request.url.host != "evil.example" for request in house.asked)
