"""How ``doorward demo`` starts, refuses to start, stops, and starts again."""

import os
import signal
import socket
import subprocess
from pathlib import Path
from urllib.parse import urlencode

import httpx2
import pytest

from doorward.cli.exit_codes import ExitCode
from tests.e2e.client_documents import ClientDocuments
from tests.e2e.processes import free_port
from tests.e2e.running_demo import COMMAND, RunningDemo
from tests.e2e.sign_in import sign_in
from tests.ledger import proves

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(90)]


def _refused(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [COMMAND, "demo", *arguments],
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_a_port_in_use_is_a_refusal_that_names_the_option() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        code, said = _refused("--port", str(port))

    assert code == ExitCode.USAGE
    assert str(port) in said
    assert "--port" in said


@pytest.mark.parametrize(
    "option", [pytest.param("--host", id="host"), pytest.param("--public-url", id="public-url")]
)
def test_the_demo_cannot_be_put_on_another_address(option: str) -> None:
    code, said = _refused("--port", str(free_port()), option, "0.0.0.0")

    assert code == ExitCode.USAGE
    assert option in said


def test_a_user_who_is_not_there_cannot_be_signed_in_by_itself() -> None:
    code, said = _refused("--port", str(free_port()), "--sign-in-as", "mallory")

    assert code == ExitCode.USAGE
    assert "mallory" in said
    assert "alice" in said


def test_a_data_folder_that_is_a_file_is_a_refusal_that_says_so(tmp_path: Path) -> None:
    place = tmp_path / "data"
    place.write_text("not a folder")

    code, said = _refused("--port", str(free_port()), "--data", str(place))

    assert code == ExitCode.USAGE
    assert str(place) in said
    assert "--data" in said


def test_a_secret_that_is_not_the_one_that_sealed_is_a_refusal_and_never_a_new_secret(
    tmp_path: Path,
) -> None:
    with RunningDemo("--data", str(tmp_path)) as first:
        assert first.stop() == 0
    secret = _only_secret_in(tmp_path)
    assert secret.stat().st_mode & 0o077 == 0
    kept = secret.read_text().strip()

    secret.unlink()
    secret.mkdir()
    code, said = _refused("--port", "0", "--data", str(tmp_path))
    assert code == ExitCode.USAGE
    assert str(secret) in said

    secret.rmdir()
    secret.write_text("Vq3xZ8nB5mK2pR7tW9yC4dF6gH1jL0sA-of-another-house")
    secret.chmod(0o600)
    code, said = _refused("--port", "0", "--data", str(tmp_path))
    assert code == ExitCode.USAGE
    assert kept not in said


def _only_secret_in(folder: Path) -> Path:
    (found,) = (one for one in folder.rglob("*") if one.is_file() and one.stat().st_size < 1024)
    return found


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_when_it_is_told_to_and_leaves_nothing_behind(
    how: signal.Signals, tmp_path: Path
) -> None:
    with RunningDemo(environment={"TMPDIR": str(tmp_path)}) as demo:
        assert list(tmp_path.iterdir()), "it keeps its data somewhere else"

        assert demo.stop(how) == 0

    assert demo.said_wrong == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("kept", "status"),
    [pytest.param(True, 405, id="kept"), pytest.param(False, 401, id="not-kept")],
)
def test_a_token_outlives_a_restart_on_its_port_until_somebody_starts_afresh(
    tmp_path: Path, kept: bool, status: int
) -> None:
    port = free_port()
    home = {"DOORWARD_HOME": str(tmp_path)}
    with RunningDemo(port=port, environment=home) as first:
        alice = sign_in(first, "alice", "mcp:read")
        assert first.stop() == 0
        assert first.leaks() == []

    arguments = () if kept else ("--fresh",)
    with RunningDemo(*arguments, port=port, environment=home) as second:
        bearer = {"Authorization": f"Bearer {alice.access_token}"}
        answer = httpx2.get(second.mcp, headers=bearer)

    # GET is nothing this endpoint answers; how it says so tells whether the token was known.
    assert answer.status_code == status


def test_sign_in_as_signs_in_and_consents_without_a_page() -> None:
    with RunningDemo("--sign-in-as", "alice") as demo:
        alice = sign_in(demo, "alice", "mcp:read mcp:tools")

        assert alice.scope == {"mcp:read", "mcp:tools"}
        assert demo.where["signs_in_as"] == "alice"
        assert demo.stop() == 0
        assert demo.leaks() == []


@proves("S66", "refuses", "special addresses are refused")
@proves("S79", "refuses", "fetch errors tell nothing")
def test_a_client_document_on_this_machine_is_not_fetched_unless_its_host_was_allowed(
    client_documents: ClientDocuments,
) -> None:
    authority = {"SSL_CERT_FILE": str(client_documents.authority)}
    with RunningDemo(environment=authority) as demo:
        before = list(client_documents.reads)
        asked = {
            "response_type": "code",
            "client_id": client_documents.url("python-sdk"),
            "redirect_uri": "http://127.0.0.1:1/callback",
            "state": "state",
            "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "code_challenge_method": "S256",
            "resource": demo.mcp,
        }
        answer = httpx2.get(f"{demo.issuer}/authorize?{urlencode(asked)}", follow_redirects=False)

    # A page of its own, never a redirect to whoever sent this; and no word of what is behind it.
    assert (answer.status_code, "location" in answer.headers) == (400, False)
    assert client_documents.reads == before
    assert "127.0.0.1" not in answer.text
    assert "private" not in answer.text
