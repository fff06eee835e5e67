"""An authorization server in the process, and what a test needs to talk to it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.authserver.harness import (
    AuthServerHarness,
    compile_statements_once,
    keep_one_migrated_database,
    use_cheap_hashes,
)

use_cheap_hashes()
compile_statements_once()
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


StartAuthServer = Callable[..., Any]


@pytest.fixture
async def start_authserver(clock: StoppedClock) -> AsyncIterator[StartAuthServer]:
    """Give a function that starts a server with changed settings; all are closed at the end."""
    async with AsyncExitStack() as stack:

        async def open_one(**changes: Any) -> AuthServerHarness:
            return await stack.enter_async_context(AuthServerHarness.opened(clock, **changes))

        yield open_one


@pytest.fixture
async def harness(start_authserver: StartAuthServer) -> AuthServerHarness:
    """A server with alice and guest, one resource and nothing unusual."""
    opened: AuthServerHarness = await start_authserver()
    return opened
