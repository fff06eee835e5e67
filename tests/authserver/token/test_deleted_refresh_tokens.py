"""Rotated refresh tokens are deleted soon, and their reuse is still found."""

import pytest
from sqlalchemy import func, select

from doorward.authserver.store.schema import refresh_tokens
from tests.authserver.conftest import StartAuthServer, StoppedClock
from tests.authserver.harness import AuthServerHarness, Tokens
from tests.authserver.token.test_code_grant import RESOURCE_SERVER, is_active
from tests.ledger import proves

# Longer than the longest grace period and the differences between clocks.
LATER = 300


async def rows(harness: AuthServerHarness) -> int:
    """Return how many refresh tokens are stored."""
    async with harness.server.services.store.reading() as connection:
        counted = await connection.execute(select(func.count()).select_from(refresh_tokens))
        return int(counted.scalar_one())


async def clean_up(harness: AuthServerHarness) -> None:
    # Whole, and now: a request may have begun one within the last minute, before it stored its rows.
    await harness.server.services.cleanup._delete_all(harness.clock())


async def refreshed_twice(
    harness: AuthServerHarness, clock: StoppedClock
) -> tuple[str, Tokens, Tokens]:
    """Return a client, its first tokens, whose refresh token is deleted, and its newest ones."""
    client = (await harness.register())["client_id"]
    first = await harness.tokens(client)
    second = await harness.refresh(client, first.refresh)
    clock.advance(LATER)
    newest = await harness.refresh(client, second.refresh)
    await clean_up(harness)
    assert await rows(harness) == 2
    return client, first, newest


@proves("S96", "accepts", "refresh reuse revokes the family")
async def test_a_client_that_refreshes_for_long_keeps_a_few_rows(
    harness: AuthServerHarness, clock: StoppedClock
) -> None:
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client)
    for _ in range(20):
        clock.advance(600)
        tokens = await harness.refresh(client, tokens.refresh)
        await clean_up(harness)

    assert tokens.response.status_code == 200
    assert await rows(harness) <= 3
    assert "refresh.reused" not in harness.kinds()


@proves("S97", "accepts", "grace for a lost answer")
async def test_a_retry_within_the_grace_period_finds_its_row(
    harness: AuthServerHarness, clock: StoppedClock
) -> None:
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client)
    clock.advance(60)
    first = await harness.refresh(client, tokens.refresh)
    clock.advance(30)
    await clean_up(harness)

    again = await harness.refresh(client, tokens.refresh)

    assert again.response.content == first.response.content


@proves("S96", "refuses", "refresh reuse revokes the family")
async def test_the_reuse_of_a_deleted_token_revokes_the_grant(
    start_authserver: StartAuthServer, clock: StoppedClock
) -> None:
    harness = await start_authserver(clients=(RESOURCE_SERVER,))
    client, first, newest = await refreshed_twice(harness, clock)
    assert await is_active(harness, newest.access)

    reused = await harness.refresh(client, first.refresh)

    assert reused.body["error"] == "invalid_grant"
    assert "refresh.reused" in harness.kinds()
    assert not await is_active(harness, newest.access)
    assert (await harness.refresh(client, newest.refresh)).body["error"] == "invalid_grant"


async def test_a_deleted_token_that_is_given_back_revokes_the_grant(
    harness: AuthServerHarness, clock: StoppedClock
) -> None:
    client, first, newest = await refreshed_twice(harness, clock)

    await harness.http.post("/revoke", data={"token": first.refresh, "client_id": client})

    assert (await harness.refresh(client, newest.refresh)).body["error"] == "invalid_grant"


@proves("S99", "refuses", "refresh tokens end")
async def test_a_deleted_token_of_another_client_revokes_nothing(
    harness: AuthServerHarness, clock: StoppedClock
) -> None:
    client, first, newest = await refreshed_twice(harness, clock)
    other = (await harness.register())["client_id"]

    refused = await harness.refresh(other, first.refresh)

    assert refused.body["error"] == "invalid_grant"
    assert "refresh.reused" not in harness.kinds()
    assert (await harness.refresh(client, newest.refresh)).response.status_code == 200


@pytest.mark.parametrize("change", ["random", "code", "short", "not-ascii"])
async def test_an_invented_token_revokes_nothing(
    harness: AuthServerHarness, clock: StoppedClock, change: str
) -> None:
    client, first, newest = await refreshed_twice(harness, clock)
    grant_and_code = first.refresh[43:]
    invented = {
        "random": "A" * 43 + grant_and_code,
        "code": first.refresh[:-32] + "0" * 32,
        "short": first.refresh[:-1],
        "not-ascii": "é" * 43 + grant_and_code,
    }[change]

    refused = await harness.refresh(client, invented)

    assert refused.body["error"] == "invalid_grant"
    assert "refresh.reused" not in harness.kinds()
    assert (await harness.refresh(client, newest.refresh)).response.status_code == 200
