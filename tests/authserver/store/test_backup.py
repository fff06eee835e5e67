"""A backup, made and restored with the commands of the page, serves the same clients."""

import asyncio
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.authserver.conftest import ON_POSTGRESQL, StoppedClock
from tests.authserver.harness import AuthServerHarness
from tests.ledger import proves
from tests.postgresql.cluster import Cluster, programs

PAGE = (Path(__file__).parents[3] / "docs" / "operations.md").read_text("utf-8")


def commands(name: str) -> list[str]:
    """Return the commands of the page's block that contains ``name``, without ``doorward check``."""
    (block,) = (one for one in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL) if name in one)
    return [line for line in block.splitlines() if not line.startswith("doorward ")]


class OnSqlite:
    """A server whose database is a file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._url = f"sqlite+aiosqlite:///{folder / 'doorward.db'}"

    def opened(
        self, clock: StoppedClock, **more: Any
    ) -> AbstractAsyncContextManager[AuthServerHarness]:
        """Open the server with its database and its secret."""
        secret_file = self._folder / "doorward.secret"
        return AuthServerHarness.opened(
            clock, database_url=self._url, secret_file=secret_file, **more
        )

    def back_up(self) -> None:
        """Run the page's commands for a backup."""
        self._run("VACUUM INTO")

    def restore(self) -> None:
        """Run the page's commands that bring the backup back."""
        self._run("rm -f doorward.db")
        assert (self._folder / "doorward.db").stat().st_mode & 0o777 == 0o600

    def _run(self, name: str) -> None:
        for line in commands(name):
            subprocess.run(line, shell=True, cwd=self._folder, check=True)


class OnPostgresql(OnSqlite):
    """A server whose database is on PostgreSQL."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        super().__init__(folder)
        self._cluster = cluster
        self._url = asyncio.run(cluster.new_database())

    def back_up(self) -> None:
        """Run the page's commands for a backup."""
        self._run("pg_dump")

    def restore(self) -> None:
        """Run the page's commands; afterwards the server uses the restored database."""
        (self._folder / "doorward.secret").unlink()
        self._run("pg_restore")
        self.close()
        self._url = self._cluster.url("doorward_restored")

    def close(self) -> None:
        """Remove the database."""
        asyncio.run(self._cluster.drop(self._url))

    def _run(self, name: str) -> None:
        path = f"{programs()}:{os.environ['PATH']}"
        for line in commands(name):
            here = re.sub(r"postgresql://\S+/doorward$", self._url, line)
            here = here.replace("db.example.com", f"127.0.0.1:{self._cluster.port}")
            subprocess.run(
                here, shell=True, cwd=self._folder, check=True, env={**os.environ, "PATH": path}
            )


@pytest.fixture(
    params=[
        pytest.param("sqlite", marks=pytest.mark.needs("sqlite3")),
        pytest.param("postgresql", marks=ON_POSTGRESQL),
    ]
)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OnSqlite]:
    """A server with files of this test's own, on each engine in turn."""
    if request.param == "sqlite":
        yield OnSqlite(tmp_path)
        return
    on_postgresql = OnPostgresql(tmp_path, request.getfixturevalue("postgresql_cluster"))
    yield on_postgresql
    on_postgresql.close()


async def _backed_up(place: OnSqlite, clock: StoppedClock) -> tuple[str, str, str]:
    """Return a client, its refresh token, and a code that was redeemed after the backup."""
    async with place.opened(clock) as harness:
        client = (await harness.register())["client_id"]
        tokens = await harness.tokens(client)
        code = await harness.code(client)
        await asyncio.to_thread(place.back_up)
        redeemed = await harness.token(harness.code_fields(client, code))
        assert redeemed.response.status_code == 200
    await asyncio.to_thread(place.restore)
    clock.advance(61)
    return client, tokens.refresh, code


@proves("S216", "accepts", "restored backups")
async def test_a_restored_backup_serves_the_same_clients_and_users(
    place: OnSqlite, clock: StoppedClock
) -> None:
    client, refresh, _ = await _backed_up(place, clock)
    async with place.opened(clock) as harness:
        again = await harness.refresh(client, refresh)
        signed_in = await harness.tokens(client)

    assert again.response.status_code == 200
    assert signed_in.response.status_code == 200


@proves("S216", "refuses", "restored backups")
async def test_a_restored_backup_honours_no_code_that_was_redeemed_since(
    place: OnSqlite, clock: StoppedClock
) -> None:
    client, _, code = await _backed_up(place, clock)
    async with place.opened(clock) as harness:
        again = await harness.token(harness.code_fields(client, code))

    assert again.response.status_code == 400
    assert again.body["error"] == "invalid_grant"


async def test_a_token_from_after_the_backup_ends_the_grant(
    place: OnSqlite, clock: StoppedClock
) -> None:
    async with place.opened(clock) as harness:
        client = (await harness.register())["client_id"]
        before = await harness.tokens(client)
        await asyncio.to_thread(place.back_up)
        after = await harness.refresh(client, before.refresh)
    await asyncio.to_thread(place.restore)
    clock.advance(61)
    async with place.opened(clock) as harness:
        refused = await harness.refresh(client, after.refresh)
        stolen = await harness.refresh(client, before.refresh)

    assert refused.body["error"] == "invalid_grant"
    assert stolen.body["error"] == "invalid_grant"


async def test_revoke_before_ends_what_a_restore_brought_back(
    place: OnSqlite, clock: StoppedClock
) -> None:
    client, refresh, _ = await _backed_up(place, clock)
    async with place.opened(clock, revoke_before=clock.now) as harness:
        again = await harness.refresh(client, refresh)

    assert again.response.status_code == 400
