"""``doorward api-key``: a key is shown once, listed without its secret, and revoked for good."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from doorward.cli.exit_codes import ExitCode
from doorward.cli.main import run
from doorward.tokens import ApiKeyFile
from doorward.tokens.api_keys.verifier import ApiKeyVerifier
from doorward.tokens.refusals import ApiKeyRevoked


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def make(file: Path, *more: str) -> list[str]:
    return ["api-key", "create", "--file", str(file), "--name", "nightly", *more]


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_the_key_alone_is_printed_and_its_secret_is_nowhere_else(
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
    assert row[-1] == "good"
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


def test_several_keys_live_beside_one_another(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        run(make(file))
    made = capsys.readouterr().out.split()

    desk = ApiKeyVerifier(ApiKeyFile(file))

    assert len({desk.verify(key).subject for key in made}) == 3


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
def test_what_cannot_be_carried_out_is_refused_and_nothing_is_made(
    file: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str
) -> None:
    status = run(["api-key", *arguments, "--file", str(file), "--json"])

    assert status == ExitCode.USAGE
    assert told(capsys)["error"]["code"] == reason
    assert not file.exists()


def test_an_unknown_id_is_told_with_where_to_look(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(make(file))
    capsys.readouterr()

    assert run(["api-key", "revoke", "--file", str(file), "nobody", "--json"]) == ExitCode.USAGE
    assert told(capsys)["error"]["code"] == "unknown-api-key"


def test_a_folder_that_does_not_exist_is_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*make(tmp_path / "no" / "keys.json"), "--json"]) == ExitCode.USAGE
    assert told(capsys)["error"]["code"] == "no-api-keys"
