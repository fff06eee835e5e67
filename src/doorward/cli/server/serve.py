"""``doorward serve``: an authorization server and guards, as one file describes them."""

import sys
from pathlib import Path
from typing import Annotated

import structlog
import typer

from doorward.cli.options import examples
from doorward.cli.output import Output
from doorward.cli.problems import status_of
from doorward.cli.running import run
from doorward.config.service.serving import StartFailed, serve_file
from doorward.doctor.at_start import check_service
from doorward.serving import new_event_loop

EPILOG = examples(
    "doorward serve doorward.toml",
    "kill -HUP PID   reads the file again; a file with an error changes nothing",
)


def serve(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The configuration file.")] = Path(
        "doorward.toml"
    ),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line, and nothing else.")
    ] = False,
) -> None:
    """
    Serve an authorization server and guarded MCP servers from one file.

    Prints one JSON object per event on stdout: decisions, sign-ins, and failures of MCP servers.
    Write the file with doorward init, and test it with doorward check.
    """

    # Warnings of other parts, such as keys that cannot be fetched, go to stderr.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=sys.stderr))
    output = Output(as_json=as_json)
    try:
        run(output, lambda: serve_file(file, output.note, check_service), new_event_loop)
    except StartFailed as failed:
        raise typer.Exit(int(status_of(failed.error))) from None
