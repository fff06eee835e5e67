"""The database fails over between the provider's answer and its commit: nobody is logged out."""

import asyncio
from collections.abc import Callable
from typing import Any, Literal

import pytest

from doorward.authserver.refusals import StoreUnavailable
from doorward.authserver.upstream.sessions import shared_checks
from tests.authserver.upstream.conftest import Bridge, StartBridge
from tests.authserver.upstream.test_provider_refresh import HOUR, refreshes, signed_in
from tests.ledger import proves

SECRET = "x9Kd-83hsk20aPqlsmV7-zzTTbnw45-pQm"
Moment = Literal["before", "after"]


@pytest.fixture
async def replicas(
    start_bridge: StartBridge, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[Bridge, Bridge]:
    """Two servers on one database, at one provider."""
    monkeypatch.setattr(shared_checks, "DEADLINE", 60.0)
    first: Bridge = await start_bridge(database_url=database_url, secret=SECRET)
    second: Bridge = await start_bridge(
        database_url=database_url, secret=SECRET, provider=first.provider
    )
    return first, second


def fails_over_at_keeping(
    bridge: Bridge, moment: Moment
) -> tuple[asyncio.Event, Callable[[], None]]:
    """Let a replica fail to store the provider's answer; return when it has, and what ends it."""
    sessions = bridge.harness.server.services.provider_sessions
    keep, failed, over = sessions.keep_tokens, asyncio.Event(), asyncio.Event()

    async def failing(session_id: str, tokens: Any) -> bool:
        if over.is_set():
            return await keep(session_id, tokens)
        if moment == "after" and not failed.is_set():
            # The commit is at the new primary, and its answer was lost.
            await keep(session_id, tokens)
        failed.set()
        raise StoreUnavailable("planted")

    sessions.keep_tokens = failing  # type: ignore[method-assign]
    return failed, over.set


@pytest.mark.parametrize("moment", ["before", "after"])
@proves("S212", "accepts", "PostgreSQL fail-over")
async def test_the_providers_new_token_outlives_a_fail_over_before_it_is_stored(
    replicas: tuple[Bridge, Bridge], clock: Any, moment: Moment
) -> None:
    first, second = replicas
    client, tokens = await signed_in(first)
    clock.advance(HOUR)
    failed, over = fails_over_at_keeping(first, moment)

    at_the_first = asyncio.create_task(first.harness.refresh(client, tokens.refresh))
    await failed.wait()
    # As long as a fail-over takes; the claim of the first replica still counts.
    clock.advance(40)
    at_the_second = asyncio.create_task(second.harness.refresh(client, tokens.refresh))
    over()
    answers = await asyncio.gather(at_the_first, at_the_second)
    clock.advance(HOUR)
    later = await second.harness.refresh(client, answers[0].refresh)

    assert [one.response.status_code for one in answers] == [200, 200]
    assert later.response.status_code == 200
    sent = refreshes(first.provider)
    # Each was sent once: the provider would end a session whose spent token comes again.
    assert len(sent) == len(set(sent)) == 2


@proves("S212", "refuses", "PostgreSQL fail-over")
async def test_an_answer_that_could_not_be_stored_for_long_is_a_503(
    replicas: tuple[Bridge, Bridge], clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = replicas
    client, tokens = await signed_in(first)
    clock.advance(HOUR)
    monkeypatch.setattr(shared_checks, "_KEPT_FOR", 0.0)
    fails_over_at_keeping(first, "before")

    unavailable = await first.harness.refresh(client, tokens.refresh)
    # The claim ends, and the other replica asks with the token that it finds.
    clock.advance(61)
    again = await second.harness.refresh(client, tokens.refresh)

    assert unavailable.response.status_code == 503
    assert unavailable.response.headers["retry-after"]
    # This provider forgives; at one that does not, the user signs in again.
    assert again.response.status_code == 200
    first_sent, second_sent = refreshes(first.provider)
    assert first_sent == second_sent
