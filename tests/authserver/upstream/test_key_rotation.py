"""The keys rotate, and nobody is logged out."""

from typing import Any

import pytest
from sqlalchemy import update

from doorward.authserver.store.schema import provider_sessions
from tests.authserver.harness import claims_of
from tests.authserver.upstream.conftest import Bridge, StartBridge
from tests.authserver.upstream.test_provider_refresh import HOUR, refreshes, signed_in
from tests.ledger import proves

SECRET = "Zq3-pWm8sK41-ddLxv0-ynB62-tRc95-oo7"


async def key_ids(bridge: Bridge) -> tuple[set[str], set[str]]:
    """Return the ids of all keys, and of those under which tokens are stored."""
    async with bridge.harness.server.services.store.reading() as connection:
        keys = await connection.exec_driver_sql("SELECT id FROM sealing_keys")
        used = await connection.exec_driver_sql(
            "SELECT sealing_key_id FROM provider_sessions WHERE ended_at IS NULL"
        )
        return set(keys.scalars()), set(used.scalars())


@proves("S206", "accepts", "rotation of provider token keys")
async def test_a_rotation_logs_nobody_out(bridge: Bridge, clock: Any) -> None:
    client, tokens = await signed_in(bridge)
    _, before = await key_ids(bridge)

    rotated = await bridge.harness.server.rotate_keys()
    clock.advance(HOUR)
    again = await bridge.harness.refresh(client, tokens.refresh)

    assert rotated.sessions == 1
    assert again.response.status_code == 200
    assert len(refreshes(bridge.provider)) == 1
    _, after = await key_ids(bridge)
    assert after == {rotated.sealing_key}
    assert before.isdisjoint(after)


async def test_a_key_that_nothing_needs_is_deleted_an_hour_after_it_retired(
    bridge: Bridge, clock: Any
) -> None:
    await signed_in(bridge)
    (first,), _ = await key_ids(bridge)
    await bridge.harness.server.rotate_keys()
    kept, _ = await key_ids(bridge)
    clock.advance(HOUR + 1)

    await bridge.harness.server.rotate_keys()

    left, used = await key_ids(bridge)
    assert first in kept
    assert first not in left
    assert used <= left


@proves("S206", "accepts", "rotation of provider token keys")
async def test_another_process_reads_what_was_encrypted_under_a_key_that_it_has_not_seen(
    start_bridge: StartBridge, clock: Any, database_url: str
) -> None:
    shared = {"database_url": database_url, "secret": SECRET}
    first, second = await start_bridge(**shared), await start_bridge(**shared)
    client, tokens = await signed_in(first)
    await first.harness.server.rotate_keys()
    clock.advance(HOUR)

    again = await second.harness.refresh(client, tokens.refresh)

    assert again.response.status_code == 200
    assert len(refreshes(second.provider)) == 1


@pytest.mark.parametrize("column", ["sealing_key_id", "sealed_tokens"])
@proves("S48", "refuses", "provider tokens at rest")
@proves("S206", "refuses", "rotation of provider token keys")
async def test_tokens_that_were_moved_or_changed_in_the_database_are_void(
    bridge: Bridge, clock: Any, column: str
) -> None:
    client, tokens = await signed_in(bridge)
    changed = {"sealing_key_id": "another", "sealed_tokens": bytes(60)}[column]
    async with bridge.harness.server.services.store.engine.begin() as connection:
        await connection.execute(update(provider_sessions).values({column: changed}))
    clock.advance(HOUR)

    refused = await bridge.harness.refresh(client, tokens.refresh)

    assert refused.body["error"] == "invalid_grant"
    assert refreshes(bridge.provider) == []


@proves("S48", "accepts", "provider tokens at rest")
async def test_no_token_of_the_provider_is_in_claims_events_answers_or_the_database(
    bridge: Bridge, clock: Any
) -> None:
    client, tokens = await signed_in(bridge)
    clock.advance(HOUR)
    again = await bridge.harness.refresh(client, tokens.refresh)

    async with bridge.harness.server.services.store.reading() as connection:
        stored = (await connection.exec_driver_sql("SELECT * FROM provider_sessions")).all()
    seen = repr((claims_of(again.access), again.body, bridge.harness.events, stored))
    assert "provider-access" not in seen
    assert "provider-refresh" not in seen
