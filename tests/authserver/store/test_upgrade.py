"""A database of every earlier schema, kept as it was made, is migrated at the start."""

import sqlite3
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from doorward.authserver.store import engine
from doorward.authserver.store.engine import Store

KEPT = sorted((Path(__file__).parent / "schemas").glob("*.sql"))


def tables(path: Path) -> dict[str, set[str]]:
    """Return the columns of each table."""
    database = sqlite3.connect(path)
    try:
        names = [
            str(name)
            for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        return {
            name: {str(row[1]) for row in database.execute(f'PRAGMA table_info("{name}")')}
            for name in names
        }
    finally:
        database.close()


async def started(path: Path) -> str:
    """Start a store on the database, and return the state of its schema."""
    store = Store(f"sqlite+aiosqlite:///{path}")
    try:
        await store.start()
        return await store.schema_state()
    finally:
        await store.aclose()


@pytest.mark.parametrize("kept", KEPT, ids=lambda path: path.stem)
async def test_a_database_of_an_earlier_schema_becomes_a_current_one(
    kept: Path, tmp_path: Path
) -> None:
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    database = sqlite3.connect(old)
    database.executescript(kept.read_text("utf-8"))
    database.close()

    assert await started(old) == "current"
    assert await started(new) == "current"
    assert tables(old) == tables(new)


def test_a_kept_schema_is_known_to_the_migrations() -> None:
    """A release adds the database that its last migration makes, as ``.dump`` prints it."""
    scripts = ScriptDirectory(str(engine._MIGRATIONS))

    known = {one.revision for one in scripts.walk_revisions()}
    assert len(KEPT) >= 11
    assert {path.stem for path in KEPT} <= known
