"""Help and tables in terminals of several widths: nothing is cut off, and no word is split."""

import io
import re

import pytest
from rich.console import Console

from doorward.cli.help_text import shell_lines
from doorward.cli.output import Output
from doorward.cli.verbs import VERBS
from doorward.idp import PROVIDERS
from doorward.idp.matrix import COLUMNS
from doorward.idp.rendering import row_texts
from tests.cli.conftest import Command

EVERY = ["", *(verb.name for verb in VERBS)]


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("verb", EVERY)
def test_help_fits_the_terminal_width_without_truncated_names(
    doorward: Command, monkeypatch: pytest.MonkeyPatch, verb: str, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))

    shown = doorward(*verb.split(), "--help").out

    # The examples of a narrow terminal may be longer: their words are commands.
    fitting = shown if width >= 80 else shown.partition("Examples:")[0]
    assert [line for line in fitting.splitlines() if len(line) > width] == []
    assert "…" not in shown
    assert not re.search(r"-$", shown, re.MULTILINE)


def test_a_long_name_has_a_line_of_its_own(doorward: Command) -> None:
    lines = doorward("demo", "--help").out.splitlines()

    name = "  --insecure-allow-client-documents-from HOST:PORT"
    assert lines[lines.index(name) + 1].strip().startswith("Also fetch client ID metadata")


def test_a_long_example_is_wrapped_with_shell_continuations() -> None:
    command = "doorward login https://mcp.example/mcp --scope 'a b' --client-id nightly --port 8765"

    lines = shell_lines(command, 60)

    assert lines == [
        "doorward login https://mcp.example/mcp --scope 'a b' \\",
        "    --client-id nightly --port 8765",
    ]
    assert " ".join(line.rstrip("\\").strip() for line in lines) == command


def table_at(width: int, headings: list[str], rows: list[list[str]]) -> list[str]:
    output = Output()
    drawn = io.StringIO()
    output._out = Console(file=drawn, width=width, force_terminal=True, no_color=True)
    output.text = lambda text: drawn.write(text + "\n")  # type: ignore[method-assign, assignment]
    output.rows(headings, rows, in_blocks=True)
    return re.sub(r"\x1b\[[0-9;]*m", "", drawn.getvalue()).splitlines()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_table_that_is_too_wide_is_printed_in_blocks(width: int) -> None:
    headings = ["PROVIDER", *(column.title for column in COLUMNS)]

    lines = table_at(width, headings, [list(row_texts(preset)) for preset in PROVIDERS])

    heads = [line.split() for line in lines if line.startswith("PROVIDER")]
    assert [name for head in heads for name in head[1:]] == headings[1:]
    assert len(lines) == len(heads) * (len(PROVIDERS) + 2) - 1
    assert [line for line in lines if len(line.rstrip()) > width] == []


def test_usage_shows_arguments_without_braces(doorward: Command) -> None:
    assert doorward("login", "--help").out.startswith("Usage: doorward login [OPTIONS] URL\n")
