"""The stage that every test of a client's clause plays on."""

from pathlib import Path

import pytest

from tests.clauses.scripted_servers import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Return a stage on which a sign-in succeeds."""
    return Stage(tmp_path)
