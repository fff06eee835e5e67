"""The project's own client, as its user has it: in a shell, with a browser, at a running demo."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from doorward.cli.exit_codes import ExitCode
from tests.e2e.home import environment_of
from tests.e2e.running_demo import COMMAND, JWT, RunningDemo

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(90)]


class Shell:
    """Runs ``doorward`` verbs with ``--json`` in one home; ``session`` is what runs the command."""

    def __init__(self, environment: dict[str, str], *session: str) -> None:
        self._environment, self._session = environment, session

    def __call__(self, *words: str, status: int = ExitCode.OK) -> Any:
        """Run one verb, which must end with ``status``, and return the document it printed."""
        done = subprocess.run(
            [*self._session, COMMAND, *words, "--json"],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        assert not JWT.search(done.stdout + done.stderr)
        return json.loads(done.stdout)


def test_a_user_signs_in_calls_a_tool_is_refused_another_and_signs_out(
    demo: RunningDemo, tmp_path: Path
) -> None:
    shell = Shell(environment_of(tmp_path, "admin", demo.password("admin")))

    assert shell("whoami", demo.mcp, status=ExitCode.SIGN_IN)["error"]["code"] == "sign-in-needed"
    # Exactly these scopes: a grant may be narrower than what its user may have.
    assert shell("login", demo.mcp, "--scope", "mcp:read mcp:tools")["signed_in"] is True
    assert {"add", "echo"} <= {tool["name"] for tool in shell("tools", demo.mcp)["tools"]}
    called = shell("call", demo.mcp, "add", "a=2", "b=3")
    assert called["structuredContent"]["result"] == 5
    refused = shell("call", demo.mcp, "audit_log", status=ExitCode.REFUSED)
    assert set(refused["error"]["scopes"]) == {"mcp:read", "mcp:tools", "mcp:admin"}
    assert shell("logout", demo.mcp)["signed_out"] == [{"server": demo.mcp, "revoked": True}]
    assert shell("call", demo.mcp, "add", "a=2", "b=3", status=ExitCode.SIGN_IN)["error"]


def test_what_is_kept_is_for_its_owner_alone(demo: RunningDemo, tmp_path: Path) -> None:
    shell = Shell(environment_of(tmp_path, "admin", demo.password("admin")))
    shell("login", demo.mcp, "--scope", "mcp:read")

    kept = [one for one in tmp_path.rglob("*") if one.is_file()]

    assert kept, "nothing was kept"
    assert all(one.stat().st_mode & 0o077 == 0 for one in kept)


@pytest.mark.needs("desktop-keyring")
def test_with_a_desktops_keyring_the_file_is_sealed_and_opens_in_the_next_session(
    demo: RunningDemo, tmp_path: Path
) -> None:
    environment = environment_of(tmp_path, "admin", demo.password("admin"))
    del environment["PYTHON_KEYRING_BACKEND"]
    # Each verb has a bus and a keyring of its own, as if the user had logged in to the desktop anew.
    shell = Shell(environment, sys.executable, "-m", "tests.e2e.keyring_session")

    stored_in = shell("login", demo.mcp, "--scope", "mcp:read mcp:tools")["stored_in"]
    called = shell("call", demo.mcp, "add", "a=2", "b=3")

    assert "encrypted with a key in the keyring" in stored_in
    assert called["structuredContent"]["result"] == 5
    (file,) = tmp_path.rglob("tokens.sealed")
    assert file.read_bytes().startswith(b"doorward tokens 1")
    assert demo.mcp.encode() not in file.read_bytes()
    assert not list(tmp_path.rglob("tokens.json"))

    for keyring in tmp_path.rglob("*.keyring"):
        keyring.unlink()
    lost = shell("call", demo.mcp, "add", "a=2", "b=3", status=ExitCode.USAGE)
    assert lost["error"]["code"] == "unreadable-store"


def test_nobody_there_is_a_status_of_its_own(tmp_path: Path) -> None:
    shell = Shell(environment_of(tmp_path, "admin", "unused"))

    told = shell("login", "http://localhost:1/mcp", status=ExitCode.UNREACHABLE)

    assert told["error"]["hint"]
