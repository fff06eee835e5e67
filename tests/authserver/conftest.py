"""An authorization server in the process, and what a test needs to talk to it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.authserver.world import World, keep_one_migrated_database, use_cheap_hashes

use_cheap_hashes()
keep_one_migrated_database()


class StoppedClock:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


Opening = Callable[..., Any]


@pytest.fixture
async def open_world(clock: StoppedClock) -> AsyncIterator[Opening]:
    """Give a function that starts a server with changed settings; all are closed at the end."""
    async with AsyncExitStack() as stack:

        async def open_one(**changes: Any) -> World:
            return await stack.enter_async_context(World.opened(clock, **changes))

        yield open_one


@pytest.fixture
async def world(open_world: Opening) -> World:
    """A server with alice and guest, one resource and nothing unusual."""
    opened: World = await open_world()
    return opened
