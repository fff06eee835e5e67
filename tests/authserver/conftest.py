"""An authorization server in the process, and what a test needs to talk to it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.authserver.databases import Databases, PostgresqlDatabases, SqliteDatabases
from tests.authserver.harness import AuthServerHarness
from tests.authserver.speed import make_servers_cheap

make_servers_cheap()


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

SQLITE_ONLY = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
ON_POSTGRESQL = (pytest.mark.postgresql, pytest.mark.needs("postgresql"))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=ON_POSTGRESQL)])
async def databases(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Databases]:
    """The databases of this test, on each engine in turn."""
    found: Databases = SqliteDatabases(tmp_path)
    if request.param == "postgresql":
        cluster = request.getfixturevalue("postgresql_cluster")
        found = PostgresqlDatabases(cluster)
    yield found
    await found.close()


@pytest.fixture
async def database_url(databases: Databases) -> str:
    """The URL of one database for this test, for servers that share it or start again."""
    return await databases.url()


@pytest.fixture
def kept(database_url: str) -> dict[str, Any]:
    """Settings of servers that share one database."""
    return {"database_url": database_url, "secret": "2Vx8pKq0ZbN5rTt7WcYd1Lm4Gh6Jf9Sa"}


@pytest.fixture
async def start_authserver(
    clock: StoppedClock, databases: Databases
) -> AsyncIterator[StartAuthServer]:
    """Give a function that starts a server with changed settings; all are closed at the end."""
    async with AsyncExitStack() as stack:

        async def open_one(**changes: Any) -> AuthServerHarness:
            if "database_url" not in changes:
                changes = {**await databases.settings(), **changes}
            return await stack.enter_async_context(AuthServerHarness.opened(clock, **changes))

        yield open_one


@pytest.fixture
async def harness(start_authserver: StartAuthServer) -> AuthServerHarness:
    """A server with alice and guest, one resource and nothing unusual."""
    opened: AuthServerHarness = await start_authserver()
    return opened
