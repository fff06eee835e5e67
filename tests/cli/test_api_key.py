"""``doorward api-key``: a key is shown once, listed without its secret, and revoked for good."""

import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from doorward.cli.exit_codes import ExitCode
from doorward.cli.main import run
from doorward.client.storage import lock
from doorward.tokens import ApiKeyFile
from doorward.tokens.api_keys.key_file import read_keys
from doorward.tokens.api_keys.verifier import ApiKeyVerifier
from doorward.tokens.refusals import ApiKeyRevoked
from tests.ledger import proves


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def make(file: Path, *more: str) -> list[str]:
    return ["api-key", "create", "--file", str(file), "--name", "nightly", *more]


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_only_the_key_is_printed_and_its_secret_is_not_stored(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(make(file, "--scopes", "mcp:read,mcp:tools", "--roles", "ops")) == ExitCode.OK

    out = capsys.readouterr().out
    key = out.strip()
    caller = ApiKeyVerifier(ApiKeyFile(file)).verify(key)
    assert out == f"{key}\n"
    assert (caller.kind, caller.name) == ("key", "nightly")
    assert caller.scopes == {"mcp:read", "mcp:tools"}
    assert caller.roles == {"ops"}
    assert key.split("_")[2] not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_list_shows_everything_but_secrets(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(make(file, "--scopes", "mcp:read", "--json"))
    made = told(capsys)

    assert run(["api-key", "list", "--file", str(file)]) == ExitCode.OK
    row = capsys.readouterr().out.rstrip("\n").split("\t")
    run(["api-key", "list", "--file", str(file), "--json"])
    (listed,) = told(capsys)["keys"]

    assert row[:4] == [made["id"], "nightly", "mcp:read", ""]
    assert row[-1] == "active"
    assert {**listed, "api_key": made["api_key"]} == made
    assert "sha256" not in json.dumps(listed)


def test_a_revoked_key_stays_listed_and_is_refused(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(make(file, "--json"))
    made = told(capsys)

    assert run(["api-key", "revoke", "--file", str(file), made["id"], "--json"]) == ExitCode.OK
    first = told(capsys)
    run(["api-key", "revoke", "--file", str(file), made["id"], "--json"])
    second = told(capsys)

    assert first["state"] == "revoked"
    assert first["revoked_at"] == second["revoked_at"]
    with pytest.raises(ApiKeyRevoked):
        ApiKeyVerifier(ApiKeyFile(file)).verify(made["api_key"])


def test_several_keys_with_one_name_are_valid_together(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        run(make(file))
    made = capsys.readouterr().out.split()

    verifier = ApiKeyVerifier(ApiKeyFile(file))

    assert len({verifier.verify(key).subject for key in made}) == 3


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["create", "--name", "x", "--expires", "never"], "malformed-span"),
        (["create", "--name", "x", "--expires", "0d"], "malformed-span"),
        (["create", "--name", "x", "--scopes", 'quo"te'], "malformed-scope"),
        (["create", "--name", "two\nlines"], "not-an-api-key"),
        (["list"], "no-api-keys"),
        (["revoke", "nobody"], "no-api-keys"),
    ],
)
def test_an_invalid_command_is_refused_and_creates_no_file(
    file: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str
) -> None:
    status = run(["api-key", *arguments, "--file", str(file), "--json"])

    assert status == ExitCode.USAGE
    assert told(capsys)["error"]["code"] == reason
    assert not file.exists()


def test_revoking_an_unknown_id_is_a_usage_error(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(make(file))
    capsys.readouterr()

    assert run(["api-key", "revoke", "--file", str(file), "nobody", "--json"]) == ExitCode.USAGE
    assert told(capsys)["error"]["code"] == "unknown-api-key"


def test_a_missing_folder_is_not_created(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*make(tmp_path / "no" / "keys.json"), "--json"]) == ExitCode.USAGE
    assert told(capsys)["error"]["code"] == "no-api-keys"


DYING = """
import os, sys
from pathlib import Path
from doorward.tokens.api_keys import key_file

def stopped(descriptor):
    print("writing", flush=True)
    sys.stdin.read()

os.fsync = stopped
from doorward.cli.main import run
run(["api-key", "create", "--file", sys.argv[1], "--name", "lost", "--scopes", "a"])
"""


@proves("S232", "refuses", "token store folder")
@proves("S232", "accepts", "token store folder")
def test_temporary_files_of_a_killed_process_are_removed_at_the_next_edit(file: Path) -> None:
    run(make(file, "--scopes", "a"))
    others = [".api-keys-other.json-abcdefgh", ".api-keys-abcdefgh", ".api-keys-keys.json-short"]
    for name in others:
        file.with_name(name).write_text("kept")
    process = subprocess.Popen(
        [sys.executable, "-c", DYING, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        (left,) = file.parent.glob(".api-keys-keys.json-????????")
    finally:
        process.kill()
        process.communicate(timeout=30)
    assert left.exists()
    ApiKeyFile(file)
    assert left.exists(), "whoever only reads holds no lock"

    assert run(make(file, "--scopes", "b")) == ExitCode.OK

    assert not left.exists()
    assert all(file.with_name(name).exists() for name in others)
    assert len(read_keys(file)) == 2


def test_the_temporary_file_of_a_running_edit_is_kept(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(make(file, "--scopes", "a"))
    under_way = file.with_name(".api-keys-keys.json-abcdefgh")
    under_way.write_text("half")
    monkeypatch.setattr(lock, "_MAX_WAIT", 0.02)

    with lock.blocking_lock(file.with_name(".keys.json.lock")):
        assert run(make(file, "--scopes", "b")) == ExitCode.UNREACHABLE
        assert under_way.exists()
