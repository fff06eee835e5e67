"""Running a verb: expected problems become a sentence and a status, never a traceback."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import typer

from doorward.cli.output import Output
from doorward.errors import DoorwardError


def run(
    output: Output,
    verb: Callable[[], Coroutine[Any, Any, None]],
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> None:
    """
    Run ``verb`` to its end, on asyncio's own event loop unless told otherwise.

    Raises:
        typer.Exit: with the status of the problem that was shown.
    """
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(verb())
    except DoorwardError as error:
        fail(output, error)


def fail(output: Output, error: DoorwardError) -> None:
    """Show ``error`` and end the command with its status."""
    from doorward.cli.problems import show

    raise typer.Exit(int(show(error, output))) from None
