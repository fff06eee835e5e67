"""``doorward protect``: what it writes, what it refuses, and that it overwrites nothing."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from doorward.cli.main import app
from doorward.cli.server import protect as protect_module

URL = "http://127.0.0.1:3000/mcp"
GOOGLE = ("--sign-in", "google", "--client-id", "the-client", "--allow", "example.com")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder; nothing is served in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(protect_module, "serve", lambda _file, _as_json: None)
    return tmp_path


def run(*arguments: str) -> Any:
    """Run the command."""
    return CliRunner().invoke(app, ["protect", *arguments])


def written(folder: Path) -> dict[str, Any]:
    """Return the configuration that was written."""
    return tomllib.loads((folder / "doorward.toml").read_text())


def test_a_url_and_a_provider_become_a_file(folder: Path) -> None:
    secret = folder / "google.txt"
    secret.touch(0o600)
    secret.write_text("hush\n")
    done = run(URL, *GOOGLE, "--client-secret-file", "google.txt")

    file = written(folder)
    assert done.exit_code == 0, done.output
    assert file["mcp_servers"][0]["upstream"] == URL
    assert file["identity_providers"][0]["kind"] == "google"
    assert (folder / "google.secret").read_text() == "hush\n"
    assert (folder / "google.secret").stat().st_mode & 0o777 == 0o600
    assert "hush" not in done.output


def test_a_command_becomes_a_list_of_words(folder: Path) -> None:
    done = run("--command", "uvx 'mcp server' --repository /srv", "--listen", "127.0.0.1:9000")

    file = written(folder)
    assert done.exit_code == 0, done.output
    assert file["mcp_servers"][0]["command"] == ["uvx", "mcp server", "--repository", "/srv"]
    assert file["listen"] == "127.0.0.1:9000"


def test_the_same_command_serves_the_same_file_and_another_one_overwrites_nothing(
    folder: Path,
) -> None:
    first, before = run(URL), (folder / "doorward.toml").read_text()
    same, other = run(URL), run("http://127.0.0.1:4000/mcp")

    assert (first.exit_code, same.exit_code) == (0, 0)
    assert other.exit_code == 2
    assert "(file-exists)" in other.output
    assert (folder / "doorward.toml").read_text() == before


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "where-is-the-server"),
        ((URL, "--command", "uvx x"), "where-is-the-server"),
        (("--command", "uvx 'x"), "stdio-command"),
        (("localhost:3000",), "not-an-upstream"),
        ((URL, "--sign-in", "googel", "--allow", "everyone"), "unknown-provider"),
        ((URL, "--sign-in", "google"), "nobody-allowed"),
        ((URL, *GOOGLE, "--client-secret-file", "none"), "unreadable-secret"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_writes_nothing(
    folder: Path, arguments: tuple[str, ...], reason: str
) -> None:
    refused = run(*arguments)

    assert refused.exit_code == 2
    assert f"({reason})" in refused.output
    assert not (folder / "doorward.toml").exists()
