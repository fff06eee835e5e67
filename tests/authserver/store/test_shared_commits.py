"""Shared commits are as good as one transaction after the other, and nothing acknowledged is lost."""

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from doorward.authserver.refusals import StoreUnavailable
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.engine import Store
from doorward.authserver.store.schema import metadata, revoked_tokens

_ADD = insert(revoked_tokens)
_SET = (
    update(revoked_tokens)
    .where(revoked_tokens.c.token_id == bindparam("the_id"))
    .values(expires_at=bindparam("now"))
)
_ALL = select(revoked_tokens.c.token_id, revoked_tokens.c.expires_at)

# What a transaction does, one step after the other: add a row, change a row, or raise.
Step = tuple[str, str]
steps = st.lists(
    st.tuples(st.sampled_from(["add", "add or pass", "set", "raise"]), st.sampled_from("abcd")),
    max_size=5,
)


class Refused(Exception):
    """What a transaction raises on its own."""


def transaction(number: int, todo: list[Step]) -> Any:
    async def work(connection: Connection) -> int:
        changed = 0
        for step, name in todo:
            match step:
                case "add":
                    await connection.execute(_ADD, {"token_id": name, "expires_at": float(number)})
                case "add or pass":
                    try:
                        await connection.execute(_ADD, {"token_id": name, "expires_at": 0.5})
                    except IntegrityError:
                        changed += 100
                case "set":
                    found = await connection.execute(_SET, {"the_id": name, "now": number + 0.25})
                    changed += found.rowcount
                case _:
                    raise Refused(name)
        return changed

    return work


class Reference:
    """The same on a dictionary, one transaction after the other."""

    def __init__(self) -> None:
        self.rows: dict[str, float] = {}

    def run(self, number: int, todo: list[Step]) -> object:
        rows, changed = dict(self.rows), 0
        for step, name in todo:
            match step:
                case "add" if name in rows:
                    return StoreUnavailable
                case "add":
                    rows[name] = float(number)
                case "add or pass" if name in rows:
                    changed += 100
                case "add or pass":
                    rows[name] = 0.5
                case "set" if name in rows:
                    rows[name] = number + 0.25
                    changed += 1
                case "raise":
                    return Refused
        self.rows = rows
        return changed


async def run_at_once(path: Path, todo: list[list[Step]]) -> tuple[list[object], dict[str, float]]:
    store = Store(f"sqlite+aiosqlite:///{path}")
    async with store.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    answers = await asyncio.gather(
        *(store.write(transaction(number, one)) for number, one in enumerate(todo)),
        return_exceptions=True,
    )
    rows = await store.read(lambda connection: connection.execute(_ALL))
    left = {row.token_id: row.expires_at for row in rows}
    await store.aclose()
    outcomes = [type(one) if isinstance(one, Exception) else one for one in answers]
    return outcomes, left


@given(st.lists(steps, max_size=8))
def test_transactions_that_share_a_commit_are_as_one_after_the_other(
    todo: list[list[Step]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        outcomes, left = asyncio.run(run_at_once(Path(folder) / "doorward.db", todo))

    reference = Reference()
    assert outcomes == [reference.run(number, one) for number, one in enumerate(todo)]
    assert left == reference.rows


WRITE_UNTIL_KILLED = """
import asyncio, sys
from sqlalchemy import insert
from doorward.authserver.store.engine import Store
from doorward.authserver.store.schema import revoked_tokens

ADD = insert(revoked_tokens)

async def write(store: Store, name: str) -> None:
    for number in range(1_000_000):
        row = {"token_id": f"{name}-{number}", "expires_at": 1.0}
        await store.write(lambda connection: connection.execute(ADD, row))
        print(row["token_id"], flush=True)

async def main() -> None:
    store = Store(sys.argv[1])
    await store.start()
    await asyncio.gather(*(write(store, name) for name in "abcdefgh"))

asyncio.run(main())
"""


@pytest.mark.e2e
def test_what_was_acknowledged_before_a_kill_is_in_the_database(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'doorward.db'}"
    process = subprocess.Popen(
        [sys.executable, "-c", WRITE_UNTIL_KILLED, url], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    acknowledged = [process.stdout.readline().strip() for _ in range(400)]
    process.kill()
    # What it had said before it was killed, up to a line that may be cut.
    rest, _ = process.communicate(timeout=60)
    acknowledged += rest.split("\n")[:-1]

    async def read() -> set[str]:
        store = Store(url)
        rows = await store.read(lambda connection: connection.execute(_ALL))
        await store.aclose()
        return {row.token_id for row in rows}

    kept = asyncio.run(read())
    assert len(acknowledged) >= 400
    assert set(acknowledged) <= kept
    # At most the one commit in progress was not acknowledged: one transaction of each writer.
    assert len(kept - set(acknowledged)) <= 8
