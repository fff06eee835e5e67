"""The command without a server: usage, problems, statuses, and what a terminal may be told."""

import importlib
import inspect
import os
import subprocess
import sys
import textwrap

import pytest

from doorward.cli.client.tool_arguments import parse_arguments, types_of
from doorward.cli.exit_codes import MEANING, ExitCode
from doorward.cli.main import run
from doorward.cli.plain_text import json_fit, line, plain
from doorward.cli.problems import UsageProblem
from doorward.cli.verbs import VERBS, Verb
from tests.cli.conftest import Command

SINGLE = [verb for verb in VERBS if ":" in verb.target]


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_every_command_shows_examples_in_its_help(doorward: Command, verb: Verb) -> None:
    ended = doorward(*verb.name.split(), "--help")

    assert ended.status == 0
    assert f"doorward {verb.name}" in ended.out.partition("Examples:")[2]


@pytest.mark.parametrize("verb", SINGLE, ids=lambda verb: verb.name)
def test_a_command_has_one_summary_in_the_table_and_in_its_docstring(verb: Verb) -> None:
    module, _, function = verb.target.partition(":")
    told = inspect.getdoc(getattr(importlib.import_module(module), function)) or ""

    assert told.partition("\n")[0] == verb.help


def test_listing_the_commands_imports_none_of_them() -> None:
    script = """
        import sys
        from doorward.cli.main import run
        run([])
        run(["--help"])
        print(sorted(name for name in sys.modules if name.startswith("doorward.cli.")))
    """

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True
    )

    told = done.stdout.splitlines()[-1]
    assert all(f" {verb.name} " in done.stdout for verb in VERBS if not verb.group)
    assert "doorward.cli.verbs" in told
    assert not any(verb.target.partition(":")[0] in told for verb in VERBS)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("l", ["login", "logout"]),
        ("idp ", ["table", "show", "probe"]),
        ("who", ["whoami", "who-can"]),
    ],
)
def test_shell_completion_offers_the_commands(typed: str, offered: list[str]) -> None:
    words = f"doorward {typed}"
    done = subprocess.run(
        [sys.executable, "-m", "doorward.cli"],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "_DOORWARD_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(words.count(" ")),
        },
    )

    assert done.stdout.split() == offered


def test_the_help_names_every_exit_code(doorward: Command) -> None:
    shown = " ".join(doorward("--help").out.split())

    for code in ExitCode:
        assert f"{int(code)} {MEANING[code]}" in shown


def test_the_version_is_that_of_the_distribution(doorward: Command) -> None:
    from importlib.metadata import version

    ended = doorward("--version")

    assert (ended.status, ended.out) == (0, f"doorward {version('doorward')}\n")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("nope",), "No such command"),
        (("call",), "Missing argument"),
        (("login", "--nope"), "No such option"),
        (("login", "https://x.example/mcp", "--port", "x"), "Invalid value"),
    ],
)
def test_a_wrong_command_line_is_a_usage_error(
    doorward: Command, words: tuple[str, ...], problem: str
) -> None:
    ended = doorward(*words)

    assert ended.status == 2
    assert ended.out == ""
    assert ended.err.startswith("doorward: error: ")
    assert problem in ended.err
    assert "(usage)" in ended.err
    assert "--help" in ended.err.splitlines()[-1]


def test_an_error_is_json_with_the_json_option(doorward: Command) -> None:
    ended = doorward("tools", "not-a-url", "--json")

    assert ended.status == 2
    assert ended.document["error"]["code"] == "not-a-server-url"
    assert doorward("call", "--json").document["error"]["code"] == "usage"


@pytest.mark.parametrize(
    ("url", "status", "reason"),
    [
        ("http://mcp.example/mcp", 2, "insecure-server-url"),
        ("mcp.example", 2, "not-a-server-url"),
        ("http://127.0.0.1:1/mcp", 4, "unreachable"),
        ("https://no-such-host.invalid/mcp", 4, "unreachable"),
    ],
)
def test_an_unusable_server_url_has_its_own_reason_and_exit_code(
    doorward: Command, url: str, status: int, reason: str
) -> None:
    ended = doorward("login", url)

    assert ended.status == status
    assert f"({reason})" in ended.err


def test_an_interruption_prints_nothing(doorward: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(
        "doorward.client.http.url_policy.UrlPolicy.__init__", lambda *_: interrupted("")
    )

    ended = doorward("whoami", "https://mcp.example/mcp")

    assert (ended.status, ended.out, ended.err) == (130, "", "")


def test_the_command_line_imports_no_heavy_library() -> None:
    heavy = (
        "sqlalchemy, fastapi, starlette, uvicorn, httpx2, keyring, joserfc, pydantic, cryptography"
    )
    script = (
        "import sys; import doorward.cli.main; "
        f"print([name for name in {heavy!r}.split(', ') if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


def test_output_to_a_pipe_has_no_colour_and_no_box() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "doorward.cli", "tools", "not-a-url"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin", "LANG": "C", "PYTHONIOENCODING": "ascii"},
    )

    assert done.returncode == 2
    assert "\x1b" not in done.stderr
    assert done.stderr.startswith("doorward: error: 'not-a-url' is not")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
        ("a\x9b2Jb", "a\\x9b2Jb"),
        ("abc\u202ecba", "abc\\u202ecba"),
        ("a\u200bb", "a\\u200bb"),
        ("two\nlines\tand tabs", "two\nlines\tand tabs"),
        ("日本語 é", "日本語 é"),
        ("\r$ rm", "\\x0d$ rm"),
    ],
)
def test_control_characters_in_untrusted_text_are_escaped(text: str, shown: str) -> None:
    assert plain(text) == shown
    assert "\n" not in line(text)


def test_json_escaped_for_a_terminal_has_the_same_value() -> None:
    import json

    document = {"a": "\x1b[2J\u202e\x9b", "b": "é\U000e0041"}

    fit = json_fit(json.dumps(document, ensure_ascii=False))

    assert json.loads(fit) == document
    assert not any(character in fit for character in "\x1b\u202e\x9b\U000e0041")


SCHEMA = {
    "properties": {
        "count": {"type": "integer"},
        "ratio": {"type": "number"},
        "flag": {"type": "boolean"},
        "text": {"type": "string"},
        "words": {"type": "array"},
        "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "either": {"type": ["string", "integer"]},
    }
}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("count=7", 7),
        ("ratio=7", 7),
        ("ratio=0.5", 0.5),
        ("flag=true", True),
        ("text=7", "7"),
        ("text=a=b", "a=b"),
        ("text=", ""),
        ('words=["a"]', ["a"]),
        ("maybe=null", None),
        ("maybe=3", 3),
        ("unknown=7", "7"),
        ("unknown:=7", 7),
        ('text:={"a": [1]}', {"a": [1]}),
    ],
)
def test_an_argument_is_parsed_by_its_schema(word: str, value: object) -> None:
    (got,) = parse_arguments([word], SCHEMA).values()

    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("count=x", "wrong-argument-type"),
        ("count=1.5", "wrong-argument-type"),
        ("count=true", "wrong-argument-type"),
        ("flag=1", "wrong-argument-type"),
        ("words=a", "wrong-argument-type"),
        ("count", "malformed-argument"),
        ("=7", "malformed-argument"),
        (":=7", "malformed-argument"),
        ("count:=NaN", "malformed-argument"),
        ('count:={"a":1,"a":2}', "malformed-argument"),
    ],
)
def test_an_argument_that_does_not_fit_its_schema_is_refused(word: str, reason: str) -> None:
    with pytest.raises(UsageProblem) as refusal:
        parse_arguments([word], SCHEMA)

    assert refusal.value.reason == reason


def test_types_are_found_in_schema_alternatives() -> None:
    assert types_of(SCHEMA["properties"]["maybe"]) == {"integer", "null"}
    assert types_of(True) == types_of({}) == frozenset()


def test_run_returns_the_exit_code_instead_of_exiting() -> None:
    assert run(["--version"]) == 0
