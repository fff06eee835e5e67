"""A session: tokens are refreshed first, and the user is asked only if that fails."""

from typing import Any

import pytest

from doorward.client import (
    SignInNeeded,
    TokenStore,
)
from tests.client.conftest import Clock, Open
from tests.client.fake_issuer import ISSUER, SERVER, FakeIssuer, null, without


async def test_a_token_near_expiry_is_refreshed_before_it_is_sent(
    open_client: Open, fake_issuer: FakeIssuer, clock: Clock
) -> None:
    async with open_client() as connection:
        await connection.log_in()
        clock.now += 3580
        fake_issuer.asked.clear()
        await connection.client.list_tools()

    assert fake_issuer.paths() == [
        f"GET {ISSUER}/.well-known/oauth-authorization-server",
        f"POST {ISSUER}/token",
        f"POST {SERVER}",
    ]
    assert fake_issuer.forms(f"{ISSUER}/token")[0]["resource"] == SERVER


async def test_a_revoked_token_is_refreshed_without_a_new_sign_in(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    async with open_client() as connection:
        await connection.log_in()
        fake_issuer.live.clear()
        await connection.client.list_tools()

    assert len(fake_issuer.authorizations) == 1


async def test_a_revoked_refresh_token_causes_a_new_sign_in(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    async with open_client() as connection:
        await connection.log_in()
        fake_issuer.live.clear()
        fake_issuer.refreshes.clear()
        await connection.client.list_tools()

    assert len(fake_issuer.authorizations) == 2


@pytest.mark.parametrize("token", [without("refresh_token"), null("refresh_token")])
async def test_a_refresh_without_a_new_refresh_token_keeps_the_old_one(
    open_client: Open, fake_issuer: FakeIssuer, token_store: TokenStore, clock: Clock, token: Any
) -> None:
    async with open_client() as connection:
        first = await connection.log_in()
        assert first is not None
        fake_issuer.token = token
        second = await connection.sign_in.refresh(SERVER, first)

    assert second.access_token != first.access_token
    assert second.refresh_token == first.refresh_token


async def test_a_non_interactive_client_does_not_open_a_browser(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    async with open_client(interactive=False) as connection:
        with pytest.raises(SignInNeeded) as refusal:
            await connection.client.list_tools()

    assert refusal.value.hint == f"Run: doorward login {SERVER}"
    assert fake_issuer.authorizations == []
