"""Options that several verbs share."""

from typing import Annotated

import typer

ServerUrl = Annotated[
    str, typer.Argument(metavar="URL", help="The address of the MCP server, often ending in /mcp.")
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout, errors too.")
]
Account = Annotated[
    str | None,
    typer.Option(help="Which of your accounts at this server; without it, the one without a name."),
]
EXAMPLES = "Examples:"


def examples(*lines: str) -> str:
    """Return the examples that end a verb's help, one per paragraph."""
    return "\n\n".join((EXAMPLES, *lines))
