"""No hostile input crashes the process: each reader accepts it or names the problem."""

import asyncio
import inspect
import os
import tracemalloc
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doorward.errors import DoorwardError
from tests.client.untrusted_input_readers import READERS, Reader
from tests.ledger import proves

# A long run: DOORWARD_FUZZ_EXAMPLES=20000 pytest tests/client/test_foreign_bytes.py
EXAMPLES = int(os.environ.get("DOORWARD_FUZZ_EXAMPLES", "30"))
LARGEST = 64 * 1024 * 1024


async def no_pause(_: float) -> None:
    """Take no time, and let others run."""
    await asyncio.get_running_loop().run_in_executor(None, lambda: None)


def outcome(reader: Reader, drawn: Any) -> DoorwardError | None:
    """Return the named error that ``drawn`` ends in, if any; every other error passes."""

    async def run() -> None:
        with mock.patch("anyio.sleep", no_pause):
            await found

    try:
        found = reader.read(drawn)
        if inspect.isawaitable(found):
            asyncio.run(run())
    except DoorwardError as error:
        str(error).encode("utf-8", "backslashreplace")
        return error
    return None


@pytest.mark.slow
@proves("S228", "refuses", "hostile bytes end nothing")
@pytest.mark.parametrize("reader", READERS, ids=[reader.name for reader in READERS])
def test_a_parser_of_untrusted_input_returns_or_raises_a_named_error(reader: Reader) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(st.data())
    def read(data: st.DataObject) -> None:
        drawn = data.draw(reader.inputs)
        tracemalloc.start()
        try:
            outcome(reader, drawn)
            assert tracemalloc.get_traced_memory()[1] < LARGEST
        finally:
            tracemalloc.stop()

    read()
