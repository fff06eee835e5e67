"""Commands that are printed to be pasted: what a server says is never part of what a shell runs."""

import ast
import itertools
import os
import re
import subprocess
from pathlib import Path

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import doorward
from doorward.cli.output import Output
from doorward.cli.problems import show
from doorward.client import InsufficientScope, ServerRefused, SignInNeeded
from doorward.client.mcp.bridge import _error_response
from doorward.client.mcp.exchange import raise_for_status
from doorward.wire.oauth.challenge import build_challenge
from doorward.wire.shell_command import login_hint, shell_command
from doorward.wire.strict_json import parse_object
from tests.cli.conftest import Command
from tests.client.fake_issuer import SERVER, FakeIssuer
from tests.ledger import proves

ATTACK = "$(touch${IFS}x)"
HOSTILE = (
    *(ATTACK, "`touch${IFS}x`", ";touch${IFS}x;", "a&&touch${IFS}x", "a|touch${IFS}x", "a>x"),
    *("'$(touch${IFS}x)'", "'\"'", "a&touch${IFS}x", "${PATH}", "$HOME", "*", "~", "!!", "%PATH%"),
    *(
        "--service",
        "-h",
        "#",
        "{a,b}",
        "^x",
        "(x)",
        "<x",
        "[a-z]",
        "a=b",
        "@x",
        "\t",
        "é",
        "\x1b[2J",
    ),
)
HONEST = ("mcp:read", "mcp:tools", "https://mcp.example/.default", "files.read", "a-b_c", "user@x")
# RFC 6749 §3.3; what is outside of it makes the whole scope unreadable.
TOKENS = st.text("".join(chr(n) for n in range(0x21, 0x7F) if chr(n) not in '"\\'), min_size=1)
SCOPES = st.lists(st.sampled_from(HOSTILE) | st.sampled_from(HONEST) | TOKENS, min_size=1)

STUB = """#!/bin/sh
for word in "$@"; do printf '%s\\0' "$word"; done >> "$ARGV"
printf '\\0' >> "$ARGV"
"""


class Shell:
    """A POSIX shell in a folder of its own, whose ``doorward`` writes down how it was called."""

    def __init__(self, folder: Path) -> None:
        self._argv, self._here, programs = folder / "argv", folder / "here", folder / "bin"
        self._here.mkdir()
        programs.mkdir()
        stub = programs / "doorward"
        stub.write_text(STUB)
        stub.chmod(0o700)
        path = f"{programs}:{os.environ['PATH']}"
        self._environment = {"PATH": path, "ARGV": str(self._argv), "HOME": str(folder)}

    def run(self, command: str) -> list[list[str]]:
        """Return how ``doorward`` was called by ``command``; nothing else may have happened."""
        self._argv.write_bytes(b"")
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=self._here,
            env=self._environment,
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        assert list(self._here.iterdir()) == []
        return [call.split("\0") for call in self._argv.read_text().split("\0\0")[:-1]]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


async def refusal_for(scope: str) -> ServerRefused:
    """Return what the client makes of a 403 that asks for ``scope``."""
    challenge = build_challenge("Bearer", [("error", "insufficient_scope"), ("scope", scope)])
    response = httpx2.Response(
        403, headers={"www-authenticate": challenge}, stream=httpx2.ByteStream(b"{}")
    )
    with pytest.raises(ServerRefused) as found:
        await raise_for_status(SERVER, response)
    return found.value


def command_in(text: str) -> str | None:
    """Return what somebody would paste."""
    _, found, command = text.partition("Run: ")
    return command if found else None


@proves("S223", "refuses", "printed commands are quoted")
async def test_a_scope_with_shell_code_is_not_printed_in_a_command() -> None:
    refusal = await refusal_for(f"mcp:read {ATTACK}")

    assert command_in(refusal.hint) is None
    assert ATTACK not in refusal.hint
    assert isinstance(refusal, InsufficientScope)
    assert refusal.scopes == {"mcp:read", ATTACK}


@proves("S223", "accepts", "printed commands are quoted")
async def test_ordinary_scopes_are_quoted_in_the_command(shell: Shell) -> None:
    refusal = await refusal_for(" ".join(HONEST))

    command = command_in(refusal.hint)
    assert command is not None
    assert shell.run(command) == [["login", SERVER, "--scope", " ".join(sorted(HONEST))]]


@proves("S223", "refuses", "printed commands are quoted")
@pytest.mark.slow
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(scopes=SCOPES)
async def test_a_pasted_hint_runs_at_most_the_login_command(
    shell: Shell, capsys: pytest.CaptureFixture[str], scopes: list[str]
) -> None:
    refusal = await refusal_for(" ".join(scopes))
    show(refusal, Output())
    printed = capsys.readouterr().err.splitlines()
    bridged = parse_object(_error_response(1, refusal))["error"]["message"]

    found = [command for text in (*printed, bridged) if (command := command_in(text)) is not None]
    assert len(found) in (0, 2)
    if isinstance(refusal, InsufficientScope):
        expected = ["login", SERVER, "--scope", " ".join(sorted(refusal.scopes))]
        assert all(shell.run(command) == [expected] for command in found)
        assert found or not refusal.scopes <= set(HONEST)
    else:
        assert found == []


def test_no_message_formats_a_value_into_a_command() -> None:
    begun = re.compile(r"(doorward [a-z]+(-[a-z]+)?|chmod [0-7]+|pip install)( [^.,:]*)?$")
    found = [
        f"{path.name}:{text.lineno}"
        for path in sorted(Path(doorward.__file__).parent.rglob("*.py"))
        for text in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(text, ast.JoinedStr)
        for before, value in itertools.pairwise(text.values)
        if isinstance(before, ast.Constant) and isinstance(value, ast.FormattedValue)
        if begun.search(str(before.value))
    ]

    assert found == []


@pytest.mark.slow
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(url=TOKENS, account=st.none() | st.sampled_from(["work", "-h", "a@b"]))
def test_the_url_in_a_printed_command_is_unchanged(
    shell: Shell, url: str, account: str | None
) -> None:
    command = command_in(login_hint(url, account=account))

    named = [] if account is None else ["--account", account]
    assert command is not None
    assert shell.run(command) == [["login", url, *named]]


def test_too_many_scopes_are_not_printed_in_a_command() -> None:
    assert command_in(login_hint(SERVER, scopes=[f"scope-{n}" for n in range(9000)])) is None


def test_a_path_with_spaces_is_quoted_as_one_argument(shell: Shell) -> None:
    command = shell_command("doorward", "api-key", "list", "--file", "my keys; touch x.json")

    assert shell.run(command) == [["api-key", "list", "--file", "my keys; touch x.json"]]


async def test_the_hint_for_a_401_is_the_login_command_of_the_server(shell: Shell) -> None:
    url = "https://mcp.example/mcp?a=b&touch${IFS}x"
    with pytest.raises(SignInNeeded) as refusal:
        await raise_for_status(url, httpx2.Response(401, stream=httpx2.ByteStream(b"")))

    assert shell.run(command_in(refusal.value.hint) or "") == [["login", url]]


@proves("S223", "refuses", "printed commands are quoted")
def test_the_command_line_prints_no_hint_with_hostile_scopes(
    doorward: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_issuer = FakeIssuer()
    monkeypatch.setattr(
        "doorward.client.connection.PinnedTransport", lambda _: fake_issuer.transport
    )

    def visit(url: str, **_: object) -> bool:
        fake_issuer.browser(url)
        return True

    monkeypatch.setattr("webbrowser.open", visit)
    assert doorward("login", SERVER).status == 0
    fake_issuer.needed = frozenset({"mcp:read", ATTACK})

    ended = doorward("call", SERVER, "add", "a=2", "b=3")

    assert ended.status == 1
    assert "(insufficient-scope)" in ended.err
    assert "Run: " not in ended.err
