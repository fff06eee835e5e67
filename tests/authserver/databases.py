"""The databases of one test: SQLite files, or databases of a real PostgreSQL."""

from pathlib import Path
from typing import Any

from tests.postgresql.cluster import Cluster

_SECRET = "g7Lw-20xmPqd4-vvRzk8-ebT61-nUy95-hjC3s"


class SqliteDatabases:
    """SQLite files in a folder of the test's own."""

    is_postgresql = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def url(self) -> str:
        """Return the URL of one database, the same for all of the test."""
        return f"sqlite+aiosqlite:///{self._folder / 'doorward.db'}"

    async def settings(self) -> dict[str, Any]:
        """Return the settings of a server with a database of its own."""
        return {}

    async def stored_bytes(self) -> bytes:
        """Return every byte that the database has on disk."""
        return b"".join(path.read_bytes() for path in self._folder.iterdir())

    async def close(self) -> None:
        """Leave the files to the folder that they are in."""


class PostgresqlDatabases:
    """Databases with the tables of Doorward, on one server."""

    is_postgresql = True

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._made: list[str] = []
        self._loaded: list[str] = []
        self._shared: str | None = None

    async def url(self) -> str:
        """Return the URL of one database, the same for all of the test."""
        if self._shared is None:
            self._shared = await self._new()
        return self._shared

    async def settings(self) -> dict[str, Any]:
        """Return the settings of a server with a database of its own."""
        return {"database_url": await self._new(), "secret": _SECRET}

    async def stored_bytes(self) -> bytes:
        """Return every byte that the database has on disk."""
        return await self._cluster.stored_bytes(await self.url())

    async def loaded(self, dump: str) -> str:
        """Return the URL of a database that a dump was read into."""
        self._loaded.append(await self._cluster.new_database())
        await self._cluster.execute(dump, self._loaded[-1].rpartition("/")[2])
        return self._loaded[-1]

    async def close(self) -> None:
        """Give the databases to the next test."""
        for url in self._loaded:
            await self._cluster.drop(url)
        for url in self._made:
            await self._cluster.give_back(url)

    async def _new(self) -> str:
        self._made.append(await self._cluster.migrated_database())
        return self._made[-1]


Databases = SqliteDatabases | PostgresqlDatabases
