"""``MODULE:NAME`` on a command line: imports an object of the user's code."""

import importlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from doorward.cli.problems import UsageProblem

Target = Annotated[
    str,
    typer.Argument(
        metavar="MODULE:NAME",
        help="An MCP server, an ASGI application or a Guard, such as shop.main:app.",
    ),
]


def load(target: str) -> Any:
    """
    Return the object that ``target`` names: ``"shop.main:guard"``, or ``"shop.main:app.guard"``.

    Runs the module, as ``import`` does. Looks in the current directory first.

    Raises:
        UsageProblem: ``not-a-target``, ``cannot-import``, ``no-such-name``.
    """

    module, colon, name = target.partition(":")
    if not colon or not module or not name:
        raise UsageProblem(
            "not-a-target",
            f"Expected MODULE:NAME, got {target!r}.",
            "Write, for example, shop.main:guard.",
        )
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module)
    # The user's module can raise anything; show it in one line, without a traceback.
    except Exception as error:  # noqa: BLE001
        raise UsageProblem(
            "cannot-import",
            f"Cannot import {module}: {type(error).__name__}: {error}",
            "Run the command in the module's environment and directory.",
        ) from None
    for part in name.split("."):
        found = getattr(found, part, None)
        if found is None:
            raise UsageProblem(
                "no-such-name",
                f"The module {module} has no {name!r}.",
                "Check the name after the colon.",
            )
    return found
