"""A password from a prompt, from standard input or from a file; never from the command line."""

import sys
from pathlib import Path

import typer

from doorward.cli.problems import UsageProblem

_MOST = 8 * 1024


def read_password(file: Path | None) -> str:
    """
    Return the first line of ``file`` or of standard input; on a terminal, ask twice.

    Raises:
        UsageProblem: ``unreadable-password``, or ``passwords-differ``.
    """
    if file is not None and str(file) != "-":
        try:
            with file.open(encoding="utf-8") as lines:
                return _first_line(lines.read(_MOST))
        except (OSError, UnicodeDecodeError) as error:
            raise UsageProblem(
                "unreadable-password",
                f"Cannot read a password from {file} ({type(error).__name__}).",
                "Set --password-file to a readable text file.",
            ) from None
    if file is None and sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, err=True)
        if typer.prompt("Repeat the password", hide_input=True, err=True) != password:
            raise UsageProblem(
                "passwords-differ", "The two passwords differ.", "Run the command again."
            )
        return str(password)
    return _first_line(sys.stdin.read(_MOST))


def _first_line(text: str) -> str:
    # Without the line break that editors and echo add.
    return text.partition("\n")[0].removesuffix("\r")
