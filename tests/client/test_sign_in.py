"""A complete sign-in at a fake issuer, and each way in which it can fail."""

from typing import Any

import pytest

from doorward.client import (
    SignInFailed,
    TokenStore,
)
from tests.client.conftest import Clock, Open
from tests.client.fake_issuer import ISSUER, SERVER, FakeIssuer, changed, without
from tests.ledger import proves


@proves("S167", "accepts", "metadata of another resource")
@proves("S168", "accepts", "metadata of another issuer")
@proves("S169", "accepts", "S256 must be announced")
@proves("S179", "accepts", "a token stays with its resource")
async def test_a_call_signs_in_automatically_and_returns_its_result(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    async with open_client() as connection:
        result = await connection.client.call_tool("add", {"a": 2, "b": 3})

    assert result.text == "5"
    assert fake_issuer.paths() == [
        f"POST {SERVER}",
        "GET https://mcp.example/.well-known/oauth-protected-resource/mcp",
        f"GET {ISSUER}/.well-known/oauth-authorization-server",
        f"POST {ISSUER}/register",
        f"POST {ISSUER}/token",
        f"POST {SERVER}",
    ]


async def test_the_authorization_and_token_requests_name_the_resource(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    async with open_client() as connection:
        await connection.log_in()

    (asked,) = fake_issuer.authorizations
    (form,) = fake_issuer.forms(f"{ISSUER}/token")
    assert asked["resource"] == form["resource"] == SERVER
    assert asked["code_challenge_method"] == "S256"
    assert asked["scope"] == "mcp:read mcp:tools"
    assert form["redirect_uri"] == asked["redirect_uri"]
    assert asked["redirect_uri"].startswith("http://127.0.0.1:")


async def test_a_new_client_registers_as_a_native_application_without_a_secret(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    async with open_client() as connection:
        await connection.log_in()

    (client,) = fake_issuer.clients.values()
    assert client["application_type"] == "native"
    assert client["token_endpoint_auth_method"] == "none"
    assert client["grant_types"] == ["authorization_code", "refresh_token"]


@proves("S175", "accepts", "fresh state and verifier")
@proves("S175", "refuses", "fresh state and verifier")
async def test_state_and_code_verifier_are_distinct_and_new_for_each_sign_in(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    async with open_client() as connection:
        await connection.log_in()
        await connection.log_in()

    states = [asked["state"] for asked in fake_issuer.authorizations]
    verifiers = [form["code_verifier"] for form in fake_issuer.forms(f"{ISSUER}/token")]
    assert len({*states, *verifiers}) == 4


@proves("S170", "accepts", "iss in responses")
@pytest.mark.parametrize(
    ("advertised", "bend"),
    [
        pytest.param(True, changed(), id="advertised-and-present"),
        pytest.param(False, changed(), id="not-advertised-and-present"),
        pytest.param(False, without("iss"), id="not-advertised-and-absent"),
    ],
)
async def test_a_response_with_the_right_issuer_is_accepted(
    open_client: Open, fake_issuer: FakeIssuer, advertised: bool, bend: Any
) -> None:
    fake_issuer.metadata["authorization_response_iss_parameter_supported"] = advertised
    fake_issuer.answer = bend

    async with open_client() as connection:
        assert await connection.log_in() is not None


@proves("S170", "refuses", "iss in responses")
@pytest.mark.parametrize("with_error", [False, True], ids=["code", "error"])
@pytest.mark.parametrize(
    ("advertised", "bend", "reason"),
    [
        pytest.param(True, without("iss"), "issuer-missing", id="advertised-and-absent"),
        pytest.param(True, changed(iss="https://evil.example"), "issuer-mismatch", id="wrong"),
        pytest.param(False, changed(iss="https://evil.example"), "issuer-mismatch", id="unasked"),
        pytest.param(True, changed(iss=ISSUER + "/"), "issuer-mismatch", id="slash"),
        pytest.param(True, changed(iss=ISSUER.upper()), "issuer-mismatch", id="case"),
        pytest.param(True, changed(iss=ISSUER + ":443"), "issuer-mismatch", id="default-port"),
    ],
)
async def test_a_response_with_a_wrong_issuer_is_refused_without_repeating_its_text(
    open_client: Open,
    fake_issuer: FakeIssuer,
    advertised: bool,
    bend: Any,
    reason: str,
    with_error: bool,
) -> None:
    fake_issuer.metadata["authorization_response_iss_parameter_supported"] = advertised
    said = {"error": "access_denied", "error_description": "call 555-0100"} if with_error else {}
    fake_issuer.answer = lambda parameters: {**bend(parameters), **said}

    async with open_client() as connection:
        with pytest.raises(SignInFailed) as refusal:
            await connection.log_in()

    assert refusal.value.reason == reason
    assert "555" not in str(refusal.value)
    assert "denied" not in str(refusal.value)
    assert fake_issuer.forms(f"{ISSUER}/token") == []


async def test_a_denial_does_not_repeat_the_text_of_the_issuer(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    fake_issuer.answer = lambda parameters: {
        "state": parameters["state"],
        "iss": parameters["iss"],
        "error": "access_denied",
        "error_description": "<b>pay here</b>",
    }

    async with open_client() as connection:
        with pytest.raises(SignInFailed) as refusal:
            await connection.log_in()

    assert refusal.value.reason == "access-denied"
    assert "pay" not in str(refusal.value)


async def test_the_repr_of_tokens_contains_no_secret(
    open_client: Open, token_store: TokenStore
) -> None:
    async with open_client() as connection:
        tokens = await connection.log_in()

    assert tokens is not None
    assert tokens.access_token not in repr(tokens)
    assert "refresh-" not in repr(tokens)


@proves("S180", "accepts", "hostile token answers")
@pytest.mark.parametrize(
    ("expires_in", "lives"),
    [
        pytest.param(60, 60.0, id="number"),
        pytest.param("3600", 3600.0, id="digits"),
        pytest.param(10**30, 366 * 86400.0, id="absurd-is-cut"),
        pytest.param(None, None, id="not-said"),
    ],
)
async def test_a_token_lifetime_is_parsed_and_limited(
    open_client: Open, fake_issuer: FakeIssuer, clock: Clock, expires_in: Any, lives: float | None
) -> None:
    fake_issuer.token = lambda document: {**document, "expires_in": expires_in}

    async with open_client() as connection:
        tokens = await connection.log_in()

    assert tokens is not None
    assert tokens.expires_at == (None if lives is None else clock.now + lives)


@proves("S180", "refuses", "hostile token answers")
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
    open_client: Open, fake_issuer: FakeIssuer, token_store: TokenStore, change: dict[str, Any]
) -> None:
    fake_issuer.token = lambda document: {**document, **change}

    async with open_client() as connection:
        with pytest.raises(SignInFailed) as refusal:
            await connection.log_in()

    assert refusal.value.reason == "malformed-token-response"
    assert token_store.tokens_for(SERVER) is None
