"""Runs a verb: expected errors become a message and an exit status, not a traceback."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import typer

from doorward.cli.output import Output
from doorward.cli.problems import show
from doorward.errors import DoorwardError


def run(
    output: Output,
    verb: Callable[[], Coroutine[Any, Any, None]],
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> None:
    """
    Run ``verb`` on an event loop, asyncio's own by default.

    Raises:
        typer.Exit: with the exit status of the printed error.
    """
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(verb())
    except DoorwardError as error:
        fail(output, error)


def fail(output: Output, error: DoorwardError) -> None:
    """Print ``error`` and raise ``typer.Exit`` with its status."""

    raise typer.Exit(int(show(error, output))) from None
