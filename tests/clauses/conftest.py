"""The scripted servers of every test of a client's clause."""

from pathlib import Path

import pytest

from tests.clauses.scripted_servers import ScriptedServers


@pytest.fixture
def servers(tmp_path: Path) -> ScriptedServers:
    """Return servers at which a sign-in succeeds."""
    return ScriptedServers(tmp_path)
