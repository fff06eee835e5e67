"""``module:name`` on a command line: something of the user's own code, brought in."""

import importlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

Target = Annotated[
    str,
    typer.Argument(
        metavar="MODULE:NAME",
        help="A server, its application or its Guard, such as shop.main:app.",
    ),
]


def load(target: str) -> Any:
    """
    Return what ``target`` names: ``"shop.main:guard"``, or ``"shop.main:app.guard"``.

    Runs the module, as ``import`` does. It is looked for in the present directory first.

    Raises:
        UsageProblem: ``not-a-target``, ``cannot-import``, ``no-such-name``.
    """
    from doorward.cli.problems import UsageProblem

    module, colon, name = target.partition(":")
    if not colon or not module or not name:
        raise UsageProblem(
            "not-a-target",
            f"{target!r} is not of the form module:name.",
            "Name a module and what is in it, such as shop.main:guard.",
        )
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module)
    # Whatever the user's module raises while it runs is for the user to see, as one sentence.
    except Exception as error:  # noqa: BLE001
        raise UsageProblem(
            "cannot-import",
            f"{module} cannot be imported: {type(error).__name__}: {error}",
            "Run this where python can import it, with what it needs installed and set.",
        ) from None
    for part in name.split("."):
        found = getattr(found, part, None)
        if found is None:
            raise UsageProblem(
                "no-such-name", f"There is no {name!r} in {module}.", "Is it spelt right?"
            )
    return found
