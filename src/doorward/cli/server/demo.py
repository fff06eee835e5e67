"""``doorward demo``: an authorization server and a protected MCP server for local clients."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import structlog
import typer

from doorward.cli.problems import UsageProblem
from doorward.cli.server.demo_screen import JsonScreen, RichScreen
from doorward.cli.typed import ordered_words
from doorward.demo.app import DemoSettings, run
from doorward.demo.own_server import OwnServer
from doorward.serving import new_event_loop

EPILOG = """
Examples:

  doorward demo

  doorward demo --fresh              forgets earlier runs

  doorward demo --resource http://localhost:8000/mcp --scopes "orders:read orders:refund"

  doorward demo --sign-in-as alice   shows no page
"""


def demo(
    port: Annotated[
        int, typer.Option(help="The port on localhost; 0 picks a free one.", min=0, max=65535)
    ] = 9000,
    resource: Annotated[
        str | None,
        typer.Option(
            help="Sign people in for your own MCP server at this URL.",
            metavar="URL",
            rich_help_panel="Your own server",
        ),
    ] = None,
    scopes: Annotated[
        str,
        typer.Option(
            help="The scopes of your server. Put first the one that every request needs.",
            rich_help_panel="Your own server",
        ),
    ] = "",
    roles: Annotated[
        str,
        typer.Option(
            help="Roles that your server asks for. The user admin gets them.",
            rich_help_panel="Your own server",
        ),
    ] = "",
    data: Annotated[
        Path | None,
        typer.Option(
            help="Keep clients, consents, tokens and keys here, not in your configuration folder."
        ),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Delete what earlier runs kept, and start anew.")
    ] = False,
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

    Clients and tokens stay valid when you restart it on the same port. With --resource, it signs
    people in for your own server instead, and prints what to put into that server.
    """

    # Log lines of other events, such as a failed tool or an unreachable JWKS, go to stderr.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=sys.stderr))
    settings = DemoSettings(
        port=port,
        data=data,
        # A consent that nobody was asked for is not kept for a run that asks.
        keep=sign_in_as is None,
        fresh=fresh,
        own=_own_server(resource, scopes, roles),
        sign_in_as=sign_in_as,
        insecure_document_hosts=frozenset(insecure_allow_client_documents_from or ()),
    )
    screen = JsonScreen(json.dumps) if as_json else RichScreen()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(run(settings, screen))


def _own_server(resource: str | None, scopes: str, roles: str) -> OwnServer | None:
    if resource is not None:
        return OwnServer(
            resource=resource, scopes=ordered_words(scopes), roles=ordered_words(roles)
        )
    if scopes or roles:
        raise UsageProblem(
            "no-resource-for-scopes",
            f"{'--scopes' if scopes else '--roles'} needs the server that it is for.",
            "Add --resource with the URL of your MCP server, such as http://localhost:8000/mcp.",
        )
    return None
