"""``doorward demo``: the three parties on this machine, for the clients you already own."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

EPILOG = """
Examples:

  doorward demo                          everything in memory, forgotten at exit

  doorward demo --port 9100 --data ./demo-data

  doorward demo --sign-in-as alice       signs alice in and consents by itself, for headless clients
"""


def demo(
    port: Annotated[
        int, typer.Option(help="The port on localhost; 0 takes a free one.", min=0, max=65535)
    ] = 9000,
    data: Annotated[
        Path | None,
        typer.Option(help="Keep users, clients, consents and keys in this folder over restarts."),
    ] = None,
    sign_in_as: Annotated[
        str | None,
        typer.Option(
            help="Sign this user in and consent without asking. Only for this machine.",
            metavar="USER",
        ),
    ] = None,
    insecure_allow_client_documents_from: Annotated[
        list[str] | None,
        typer.Option(
            help="Fetch client ID metadata documents from this private HOST:PORT too.",
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

    Prints where it is, who can sign in, and the line to paste into each common client; then one
    line for every decision of the guard.
    """
    import structlog

    from doorward.cli.server.demo_screen import JsonScreen, RichScreen
    from doorward.demo.app import DemoSettings, run
    from doorward.serving import new_event_loop

    # What is neither a step nor a decision: a tool that broke, keys that could not be fetched.
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
