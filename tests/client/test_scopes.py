"""Which scopes are requested, and how often."""

import httpx2
import pytest

from doorward.client import (
    InsufficientScope,
    SignInFailed,
)
from tests.client.conftest import Open
from tests.client.fake_issuer import ISSUER, SERVER, FakeIssuer, without
from tests.ledger import proves


@proves("S177", "accepts", "step-up is bounded")
async def test_a_step_up_requests_the_union_of_old_and_new_scopes(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    async with open_client() as connection:
        await connection.log_in(frozenset({"mcp:read"}))
        fake_issuer.needed = frozenset({"mcp:admin"})
        await connection.client.list_tools()

    assert fake_issuer.authorizations[-1]["scope"] == "mcp:admin mcp:read"
    assert len(fake_issuer.authorizations) == 2


@proves("S177", "refuses", "step-up is bounded")
async def test_a_step_up_that_grants_nothing_is_not_repeated(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    fake_issuer.grantable = frozenset({"mcp:read"})
    fake_issuer.needed = frozenset({"mcp:admin", "mcp:read"})

    async with open_client() as connection:
        await connection.log_in(frozenset({"mcp:read"}))
        with pytest.raises(InsufficientScope) as refusal:
            await connection.client.list_tools()

    assert refusal.value.scopes == {"mcp:admin", "mcp:read"}
    assert len(fake_issuer.authorizations) == 2


@proves("S177", "refuses", "step-up is bounded")
async def test_endless_scope_challenges_stop_after_a_few_attempts(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    def greedy(request: httpx2.Request) -> httpx2.Response:
        fake_issuer.number += 1
        header = f'Bearer error="insufficient_scope", scope="mcp:{fake_issuer.number}"'
        return httpx2.Response(403, headers={"WWW-Authenticate": header})

    async with open_client() as connection:
        await connection.log_in()
        fake_issuer.routes[SERVER] = greedy
        with pytest.raises(InsufficientScope):
            await connection.client.list_tools()

    assert len(fake_issuer.authorizations) == 3


async def test_the_scopes_of_the_challenge_are_requested(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    fake_issuer.challenge["scope"] = "mcp:read"

    async with open_client() as connection:
        await connection.log_in()

    assert fake_issuer.authorizations[0]["scope"] == "mcp:read"


async def test_offline_access_is_requested_when_it_is_advertised(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    fake_issuer.metadata["scopes_supported"] = ["mcp:read", "offline_access"]
    fake_issuer.challenge["scope"] = "mcp:read"

    async with open_client() as connection:
        await connection.log_in()

    assert fake_issuer.authorizations[0]["scope"] == "mcp:read offline_access"


async def test_a_sign_in_falls_back_to_no_offline_access(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    fake_issuer.metadata["scopes_supported"] = ["mcp:read", "offline_access"]

    def refuse(request: httpx2.Request) -> httpx2.Response:
        if "offline_access" in fake_issuer.authorizations[-1]["scope"]:
            return httpx2.Response(400, json={"error": "not_allowed"})
        return fake_issuer._token(request)

    fake_issuer.routes[f"{ISSUER}/token"] = refuse
    async with open_client() as connection:
        tokens = await connection.log_in()

    assert tokens is not None
    asked = [authorization["scope"].split() for authorization in fake_issuer.authorizations]
    assert ["offline_access" in scopes for scopes in asked] == [True, False]
    assert fake_issuer.paths().count(f"POST {ISSUER}/register") == 1


async def test_a_not_allowed_account_is_not_sent_to_sign_in_again(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    fake_issuer.routes[f"{ISSUER}/token"] = lambda _: httpx2.Response(
        400, json={"error": "not_allowed"}
    )
    async with open_client() as connection:
        with pytest.raises(SignInFailed) as refusal:
            await connection.log_in()

    assert refusal.value.reason == "not-allowed"
    assert len(fake_issuer.authorizations) == 1


@proves("S177", "refuses", "step-up is bounded")
@pytest.mark.parametrize("listed", ["", "a b", "é", 'a"b', "a\\b", "a\tb", "a\r\nb", "\x1b[2J"])
async def test_an_invalid_advertised_scope_is_not_requested(
    open_client: Open, fake_issuer: FakeIssuer, listed: str
) -> None:
    fake_issuer.resource["scopes_supported"] = [listed, "mcp:read"]
    fake_issuer.token = without("scope")

    async with open_client() as connection:
        await connection.log_in()
        kept = connection.token_store.tokens_for(SERVER)

    assert fake_issuer.authorizations[0]["scope"] == "mcp:read"
    assert kept is not None
    assert kept.scopes == {"mcp:read"}
