"""``doorward demo``: an authorization server and a protected MCP server for local clients."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import structlog
import typer

from doorward.cli.server.demo_screen import JsonScreen, RichScreen
from doorward.demo.app import DemoSettings, run
from doorward.serving import new_event_loop

EPILOG = """
Examples:

  doorward demo                          in memory; all data is lost at exit

  doorward demo --port 9100 --data ./demo-data

  doorward demo --sign-in-as alice       signs in and consents automatically
"""


def demo(
    port: Annotated[
        int, typer.Option(help="The port on localhost; 0 picks a free one.", min=0, max=65535)
    ] = 9000,
    data: Annotated[
        Path | None,
        typer.Option(help="Keep users, clients, consents and keys in this folder."),
    ] = None,
    sign_in_as: Annotated[
        str | None,
        typer.Option(
            help="Sign this user in and consent without asking, for headless clients.",
            metavar="USER",
        ),
    ] = None,
    insecure_allow_client_documents_from: Annotated[
        list[str] | None,
        typer.Option(
            help="Also fetch client ID metadata documents from this private HOST:PORT.",
            metavar="HOST:PORT",
            rich_help_panel="Unsafe outside tests",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line.")
    ] = False,
) -> None:
    """
    Run an authorization server and a protected MCP server on this machine.

    Prints the addresses, the users, and a line to paste into each common client. Then prints one
    line for each sign-in, token and decision of the guard.
    """

    # Log lines of other events, such as a failed tool or an unreachable JWKS, go to stderr.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=sys.stderr))
    settings = DemoSettings(
        port=port,
        data=data,
        sign_in_as=sign_in_as,
        insecure_document_hosts=frozenset(insecure_allow_client_documents_from or ()),
    )
    screen = JsonScreen(json.dumps) if as_json else RichScreen()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(run(settings, screen))
