"""Client registration: the order of the kinds, and when to register again."""

import json

import httpx2
import pytest

from doorward.client import (
    ClientConfig,
    InsufficientScope,
    ProtocolBroken,
    SignInFailed,
)
from tests.client.conftest import Open
from tests.client.fake_issuer import ISSUER, FakeIssuer
from tests.ledger import proves


@proves("S181", "accepts", "order of registration")
@pytest.mark.parametrize(
    ("client_config", "advertised", "client_id", "registers"),
    [
        pytest.param(
            ClientConfig(client_id="mine", document="https://me.example/client.json"),
            True,
            "mine",
            False,
            id="pre-registered-first",
        ),
        pytest.param(
            ClientConfig(document="https://me.example/client.json"),
            True,
            "https://me.example/client.json",
            False,
            id="document-where-read",
        ),
        pytest.param(
            ClientConfig(document="https://me.example/client.json"),
            False,
            "client-1",
            True,
            id="registration-where-not",
        ),
        pytest.param(ClientConfig(), True, "client-1", True, id="registration-without-document"),
    ],
)
async def test_client_registration_follows_the_documented_order(
    open_client: Open,
    fake_issuer: FakeIssuer,
    client_config: ClientConfig,
    advertised: bool,
    client_id: str,
    registers: bool,
) -> None:
    fake_issuer.metadata["client_id_metadata_document_supported"] = advertised

    async with open_client(client_config=client_config) as connection:
        await connection.log_in()

    assert fake_issuer.authorizations[0]["client_id"] == client_id
    assert (f"POST {ISSUER}/register" in fake_issuer.paths()) is registers


@proves("S181", "refuses", "order of registration")
async def test_without_a_registration_method_the_error_names_client_id(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    del fake_issuer.metadata["registration_endpoint"]

    async with open_client() as connection:
        with pytest.raises(SignInFailed) as refusal:
            await connection.log_in()

    assert refusal.value.reason == "no-registration"
    assert "http://127.0.0.1:" in refusal.value.hint
    assert "--client-id" in refusal.value.hint


async def test_a_client_unknown_to_the_server_registers_again(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    async with open_client() as connection:
        await connection.log_in()
        fake_issuer.clients.clear()
        await connection.log_in()

    assert fake_issuer.paths().count(f"POST {ISSUER}/register") == 2
    assert len(fake_issuer.authorizations) == 2


async def test_a_client_registered_for_fewer_scopes_registers_again_for_a_step_up(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    fake_issuer.challenge["scope"] = "mcp:read"
    fake_issuer.holds_clients_to_their_scopes = True

    async with open_client() as connection:
        await connection.log_in()
        fake_issuer.needed = frozenset({"mcp:read", "mcp:tools"})
        result = await connection.client.call_tool("add", {"a": 2, "b": 3})

    assert result.text == "5"
    registered = [document["scope"] for document in fake_issuer.clients.values()]
    assert registered == ["mcp:read", "mcp:read mcp:tools"]
    assert len(fake_issuer.authorizations) == 2


async def test_scopes_refused_as_invalid_are_requested_once(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    fake_issuer.needed = frozenset({"mcp:owner"})
    fake_issuer.answer = lambda said: {
        "error": "invalid_scope",
        "state": said["state"],
        "iss": ISSUER,
    }
    async with open_client() as connection:
        fake_issuer.answer, refuse = lambda said: said, fake_issuer.answer
        await connection.log_in()
        fake_issuer.answer = refuse
        with pytest.raises(SignInFailed) as refusal:
            await connection.client.call_tool("add", {"a": 2, "b": 3})
        with pytest.raises(InsufficientScope):
            await connection.client.call_tool("add", {"a": 2, "b": 3})

    assert refusal.value.reason == "invalid-scope"
    assert len(fake_issuer.authorizations) == 2


async def test_a_second_sign_in_reuses_the_registered_redirect_uri(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    async with open_client() as connection:
        await connection.log_in()
        await connection.log_in()

    first, second = (asked["redirect_uri"] for asked in fake_issuer.authorizations)
    assert first == second
    assert fake_issuer.paths().count(f"POST {ISSUER}/register") == 1


@proves("S228", "refuses", "hostile bytes end nothing")
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"client_id": "a" * 2049}, id="a-long-id"),
        pytest.param({"client_id": "a\r\nX: y"}, id="two-lines"),
        pytest.param({"client_id": "\x1b]0;x\x07"}, id="for-the-terminal"),
        pytest.param({"client_id": "\u202egnp"}, id="turned-round"),
        pytest.param({"client_id": "a", "client_secret": "s" * 2049}, id="a-long-secret"),
        pytest.param({"client_id": "a", "client_secret": "s\n"}, id="a-secret-of-two-lines"),
    ],
)
async def test_an_unusable_client_id_is_not_stored(
    open_client: Open, fake_issuer: FakeIssuer, answer: dict[str, str]
) -> None:
    register = f"{ISSUER}/register"
    fake_issuer.routes[register] = lambda _: httpx2.Response(201, json=answer)

    async with open_client() as connection:
        with pytest.raises(ProtocolBroken) as refusal:
            await connection.log_in()
        del fake_issuer.routes[register]
        tokens = await connection.log_in()

    assert refusal.value.reason == "malformed-registration"
    assert tokens is not None


@proves("S228", "accepts", "hostile bytes end nothing")
@pytest.mark.parametrize("name", ["a" * 2048, "https://issuer.example/clients/7?a=b", "my client~"])
async def test_a_client_id_of_visible_ascii_is_used(
    open_client: Open, fake_issuer: FakeIssuer, name: str
) -> None:
    def register(request: httpx2.Request) -> httpx2.Response:
        fake_issuer.clients[name] = {**json.loads(request.content), "client_id": name}
        return httpx2.Response(201, json=fake_issuer.clients[name])

    fake_issuer.routes[f"{ISSUER}/register"] = register
    async with open_client() as connection:
        await connection.log_in()
        await connection.log_in()

    assert {asked["client_id"] for asked in fake_issuer.authorizations} == {name}
