"""Keys are rotated after the clock was set back: every replica reads every token."""

from collections.abc import AsyncIterator

import pytest

from doorward.authserver.keys.signing_keys import PUBLISHED_FIRST, KeyRing
from doorward.authserver.store.engine import Store
from tests.authserver.conftest import StoppedClock
from tests.authserver.keys.test_signed_before import CLAIMS, SECRET, SETTINGS
from tests.ledger import proves

Rings = tuple[KeyRing, KeyRing]


@pytest.fixture
async def rings(clock: StoppedClock) -> AsyncIterator[Rings]:
    """The keys of one issuer in two processes."""
    store = Store()
    await store.start()
    first, second = (KeyRing(store, SETTINGS, SECRET, clock) for _ in range(2))
    await first.start()
    await second.start()
    yield first, second
    await store.aclose()


@pytest.mark.parametrize("seconds", [20, 120, 3600])
@pytest.mark.parametrize("rotations", [1, 2, 3])
@proves("S105", "accepts", "clock boundaries")
async def test_a_token_is_read_everywhere_after_rotations_on_a_clock_that_was_set_back(
    rings: Rings, clock: StoppedClock, seconds: int, rotations: int
) -> None:
    first, second = rings
    clock.advance(-seconds)
    await second.rotate_if_due()
    for _ in range(rotations):
        await first.rotate()

    # The second process has not loaded the new keys yet.
    assert second.open(first.sign(CLAIMS, "at+jwt"), "at+jwt") == CLAIMS


async def test_a_new_key_signs_after_two_minutes_on_a_clock_that_was_set_back(
    rings: Rings, clock: StoppedClock
) -> None:
    first, second = rings
    before = first.current().kid
    clock.advance(-365 * 86400)

    kids = [await first.rotate(), await first.rotate()]

    assert len({before, *kids}) == 3
    assert first.current().kid == before
    clock.advance(PUBLISHED_FIRST + 1)
    await second.rotate_if_due()
    assert (first.current().kid, second.current().kid) == (kids[1], kids[1])
