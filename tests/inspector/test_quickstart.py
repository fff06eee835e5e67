"""The quickstart as its reader walks it: a client id from the provider, typed into the Inspector."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.e2e.processes import free_port, started, wait_for
from tests.inspector.running_inspector import RunningInspector
from tests.inspector.session import Session, SessionStuck

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.needs("chromium"),
    pytest.mark.needs("node-clients"),
]
LONGEST = 100.0


@pytest.fixture
def quickstart(tmp_path: Path, inspector: RunningInspector) -> Iterator[dict[str, Any]]:
    """Run a copy of the folder, whose provider knows the Inspector's redirect URI."""
    folder = tmp_path / "mcp-auth-quickstart"
    shutil.copytree(
        ROOT / "quickstart", folder, ignore=shutil.ignore_patterns(".env", "__pycache__")
    )
    url = f"http://localhost:{free_port()}/mcp"
    provider = (sys.executable, "-m", "tests.quickstart.asgardeo")
    registered = ("--redirect-uri", inspector.callback)
    with started((*provider, *registered), cwd=ROOT, longest=LONGEST) as asgardeo:
        assert asgardeo.stdout is not None
        told = json.loads(asgardeo.stdout.readline())
        settings = {**told["env"], "MCP_URL": url}
        (folder / ".env").write_text("".join(f"{name}={one}\n" for name, one in settings.items()))
        with started((sys.executable, "main.py"), cwd=folder, longest=LONGEST) as server:
            port = int(url.rpartition(":")[2].partition("/")[0])
            wait_for(port, server, within=30)
            yield {"url": url, "client_id": settings["CLIENT_ID"], "users": told["users"]}


def test_jane_enters_the_client_id_signs_in_and_adds_two_numbers(
    quickstart: dict[str, Any], person: Session
) -> None:
    person.add_server("quickstart", quickstart["url"])
    person.choose(client_id=quickstart["client_id"])

    person.switch_on("jane", quickstart["users"]["jane"])

    assert "add" in person.tools()
    assert '"result": 5' in person.call("add", a="2", b="3")


def test_without_the_client_id_the_sign_in_page_is_not_reached(
    quickstart: dict[str, Any], person: Session
) -> None:
    person.add_server("quickstart", quickstart["url"])

    with pytest.raises(SessionStuck, match="not connected"):
        person.switch_on("jane", quickstart["users"]["jane"])

    assert person.visited == []
