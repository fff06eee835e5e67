"""``python -m tests.authserver.store.keep_schema 0018``: keep the database of a schema, as each engine dumps it."""

import asyncio
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from alembic import command

from doorward.authserver.store.engine import Store, _alembic
from tests.postgresql.cluster import Cluster, programs

SCHEMAS = Path(__file__).parent / "schemas"


async def migrate(url: str, revision: str) -> None:
    """Migrate an empty database to a revision."""

    def upgrade(connection: Any) -> None:
        command.upgrade(_alembic(connection), revision)

    store = Store(url)
    async with store.engine.begin() as connection:
        await connection.run_sync(upgrade)
    await store.aclose()


def keep_sqlite(revision: str) -> None:
    """Write the dump of SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "doorward.db"
        asyncio.run(migrate(f"sqlite:///{file}", revision))
        database = sqlite3.connect(file)
        dump = "\n".join(database.iterdump()) + "\n"
        database.close()
    (SCHEMAS / f"sqlite/{revision}.sql").write_text(dump, "utf-8")


def keep_postgresql(revision: str) -> None:
    """Write the dump of PostgreSQL, without comments and without what newer versions add."""
    found = programs()
    assert found is not None, "Install the Debian package postgresql."
    cluster = Cluster()
    try:
        url = asyncio.run(cluster.new_database())
        asyncio.run(migrate(url, revision))
        dump = [str(found / "pg_dump"), "--no-owner", "--no-privileges", "--inserts", url]
        text = subprocess.run(dump, check=True, capture_output=True, text=True).stdout
    finally:
        cluster.close()
    kept = [line for line in text.splitlines() if line and not line.startswith(("--", "\\"))]
    (SCHEMAS / f"postgresql/{revision}.sql").write_text("\n".join(kept) + "\n", "utf-8")


if __name__ == "__main__":
    for asked in sys.argv[1:]:
        keep_sqlite(asked)
        keep_postgresql(asked)
