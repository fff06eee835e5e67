"""Options that several verbs share."""

from typing import Annotated

import typer

ServerUrl = Annotated[
    str, typer.Argument(metavar="URL", help="The URL of the MCP server, often ending in /mcp.")
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout, for errors too.")
]
Account = Annotated[
    str | None,
    typer.Option(help="Use this account, if you have several at this server."),
]
EXAMPLES = "Examples:"


def examples(*lines: str) -> str:
    """Return the examples at the end of a verb's help, one per paragraph."""
    return "\n\n".join((EXAMPLES, *lines))
