"""``init`` and ``check`` on the command line: what they print, and how they end."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from doorward.cli.exit_codes import ExitCode
from tests.cli.conftest import Command

FLAGS = [
    "--provider",
    "own",
    "--public-url",
    "http://localhost:1",
    "--upstream",
    "http://localhost:2/mcp",
]


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Undo what ``serve`` does to the logs of its process."""
    yield
    structlog.reset_defaults()


def test_init_writes_a_file_that_check_reads(doorward: Command, home: Path) -> None:
    made = doorward("init", *FLAGS, "--json")
    checked = doorward("check", "--json")

    assert made.status == ExitCode.OK
    assert made.document["files"] == ["doorward.toml"]
    assert made.document["steps"][-2] == "Run: doorward serve doorward.toml"
    by_setting = {one["setting"]: one for one in checked.document["findings"]}
    assert by_setting["file"]["status"] == "ok"
    assert by_setting["mcp_servers[1].upstream"]["status"] == "failed"
    assert checked.document["failed"] == 1
    assert checked.status == ExitCode.USAGE


def test_check_prints_each_finding_with_its_hint(doorward: Command, home: Path) -> None:
    doorward("init", *FLAGS)

    ended = doorward("check", "doorward.toml")

    lines = ended.out.splitlines()
    (at,) = (
        n for n, one in enumerate(lines) if one.startswith("FAILED  mcp_servers[1].upstream: ")
    )
    assert lines[at + 1] == "        Start it, or correct the URL."
    assert lines[-1].endswith("1 failed.")


def test_init_does_not_prompt_without_a_terminal(doorward: Command, home: Path) -> None:
    ended = doorward("init", "--provider", "own")

    assert ended.status == ExitCode.USAGE
    assert "--public-url" in ended.err
    assert not Path("doorward.toml").exists()


def test_init_prompts_for_values_without_an_option(
    doorward: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    answers = iter(
        ["okta", "https://org.okta.com/oauth2/x", "https://m.example", "group:mcp", "", "d.db"]
    )

    def prompt(text: str, **_: object) -> str:
        asked.append(text)
        return next(answers)

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("typer.prompt", prompt)

    ended = doorward("init", "mine.toml")

    assert ended.status == ExitCode.OK
    assert len(asked) == 6
    assert "https://m.example/callback/okta" in ended.out
    assert Path("mine.toml").stat().st_mode & 0o777 == 0o600


def test_init_repeats_the_prompt_after_an_invalid_answer(
    doorward: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(
        (
            "gogle", "google", "mcp.example.com", "https://m.example", "", "a.example b@c.example",
            "a.example", "localhost", "", "d.db",
        )
    )  # fmt: skip
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("typer.prompt", lambda _text, **_: next(answers))

    ended = doorward("init", "mine.toml")

    assert ended.status == ExitCode.OK
    assert "Did you mean 'google'?" in ended.err
    for reason in ("unknown-provider", "nobody-allowed", "mixed-conditions", "not-an-upstream"):
        assert f"({reason})" in ended.err
    assert "https://m.example/callback/google" in ended.out


@pytest.mark.parametrize(("taken", "questions"), [("mine.toml", 0), ("google.secret", 1)])
def test_init_refuses_an_existing_file_before_further_prompts(
    doorward: Command,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    taken: str,
    questions: int,
) -> None:
    Path(taken).write_text("mine")
    asked: list[str] = []

    def prompt(text: str, **_: object) -> str:
        asked.append(text)
        return "google"

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("typer.prompt", prompt)

    ended = doorward("init", "mine.toml")

    assert ended.status == ExitCode.USAGE
    assert f"{taken} exists" in ended.err
    assert len(asked) == questions
    assert Path(taken).read_text() == "mine"


def test_init_does_not_overwrite_a_file(doorward: Command, home: Path) -> None:
    Path("doorward.toml").write_text("mine")

    ended = doorward("init", *FLAGS, "--json")

    assert (ended.status, ended.document["error"]["code"]) == (ExitCode.USAGE, "file-exists")
    assert Path("doorward.toml").read_text() == "mine"


def test_check_prints_the_schema(doorward: Command, home: Path) -> None:
    ended = doorward("check", "--schema")

    assert json.loads(ended.out)["properties"]["listen"]["description"]


def test_serve_refuses_an_invalid_file(doorward: Command, home: Path) -> None:
    Path("doorward.toml").write_text("\nlisen = 1\n")

    ended = doorward("serve", "--json")

    assert ended.status == ExitCode.USAGE
    assert ended.document["error"]["code"] == "unknown-setting"
    assert ended.document["error"]["message"].startswith("doorward.toml:2: lisen")
    assert ended.document["error"]["hint"] == "Did you mean 'listen'?"
