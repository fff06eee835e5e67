"""The help of a command as plain text: one column of names, one of explanations, examples to copy.

Typer's panels cut long names off and leave the explanations a third of a terminal of 80 columns.
"""

import re
import textwrap
from collections.abc import Sequence
from typing import Any

_LONGEST_NAME = 26
_TYPES = {"str": "TEXT", "int": "NUMBER", "float": "NUMBER", "path": "PATH", "file": "FILE"}
_TYPE = re.compile(r" <(?:list\[)?(\w+)\]?(?: range)?>")
# Typer's words for the numbers that are allowed; the error for another one says them too.
_RANGE = re.compile(r"[<>]=?x\b|\bx[<>]")


class HelpText:
    """Formats the help of a command or a group; a mixin for both of Typer's classes."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words after the command in the usage line."""
        pieces: list[str] = super().collect_usage_pieces(ctx)  # type: ignore[misc]
        return [piece.translate({ord("{"): None, ord("}"): None}) for piece in pieces]

    def format_help_text(self, _ctx: Any, formatter: Any) -> None:
        """Write what the command does, from the left margin."""
        formatter.write_paragraph()
        for number, paragraph in enumerate(self.help.split("\n\n")):  # type: ignore[attr-defined]
            lines = _wrapped(paragraph, formatter.width)
            formatter.write("\n" * (number > 0) + "\n".join(lines) + "\n")

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and the options, each panel as a section."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):  # type: ignore[attr-defined]
            if (record := param.get_help_record(ctx)) is None:
                continue
            title = "Arguments" if param.param_type_name == "argument" else "Options"
            title = getattr(param, "rich_help_panel", None) or title
            sections.setdefault(title, []).append((_names(param, record[0]), _explained(record[1])))
        for title, rows in sections.items():
            with formatter.section(title):
                write_rows(formatter, rows)

    def format_epilog(self, _ctx: Any, formatter: Any) -> None:
        """Write the examples, each of them broken where a shell continues a line."""
        heading, *lines = (block.strip() for block in self.epilog.split("\n\n"))  # type: ignore[attr-defined]
        with formatter.section(heading.rstrip(":")):
            for one in lines:
                indent = " " * formatter.current_indent
                for line in shell_lines(one, formatter.width - len(indent)):
                    formatter.write(f"{indent}{line}\n")


def write_rows(formatter: Any, rows: Sequence[tuple[str, str]]) -> None:
    """Write names, and what they mean in a second column; a long name has a line of its own."""
    column = max((len(name) for name, _ in rows if len(name) <= _LONGEST_NAME), default=0) + 2
    margin = " " * formatter.current_indent
    for name, told in rows:
        first, *more = _wrapped(told, formatter.width - len(margin) - column)
        own_line = f"{name}\n{margin}{'':<{column}}"
        beside = own_line if len(name) > _LONGEST_NAME else f"{name:<{column}}"
        formatter.write(f"{margin}{beside}{first}\n")
        for line in more:
            formatter.write(f"{margin}{'':<{column}}{line}\n")


def shell_lines(command: str, width: int) -> list[str]:
    """Return ``command`` in lines of at most ``width``, broken only in front of an option."""
    lines = []
    for given in command.splitlines():
        first, *options = re.split(r" (?=--?[a-z])", given)
        line = first
        for option in options:
            if len(line) + len(option) + 3 > width:
                lines.append(f"{line} \\")
                line = f"    {option}"
            else:
                line = f"{line} {option}"
        lines.append(line)
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    # At a hyphen, "--device" would become "--" and "device".
    return textwrap.wrap(text, max(width, 20), break_on_hyphens=False, break_long_words=False)


def _explained(text: str) -> str:
    limits = re.search(r" *\[([^][]*)\]$", text)
    if limits is None:
        return text
    kept = [one for one in limits[1].split("; ") if not _RANGE.search(one)]
    return text[: limits.start()] + (f" [{'; '.join(kept)}]" if kept else "")


def _names(param: Any, names: str) -> str:
    if param.param_type_name == "argument":
        return _TYPE.sub("", names)
    return _TYPE.sub(lambda found: f" {_TYPES.get(found[1], found[1].upper())}", names)
