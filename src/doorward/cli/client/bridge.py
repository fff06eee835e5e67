"""``doorward bridge``: a stdio MCP server that forwards to a protected HTTP server."""

from typing import Annotated

import typer

from doorward.cli.client.stored_token import token_store_of
from doorward.cli.options import Account, ServerUrl, examples
from doorward.cli.output import Output
from doorward.cli.running import run
from doorward.client.connection import open_authorized
from doorward.client.mcp.bridge import Bridge
from doorward.client.mcp.standard_streams import standard_streams

EPILOG = examples(
    "doorward login https://mcp.example/mcp",
    "doorward bridge https://mcp.example/mcp",
    '{"mcpServers": {"example": {\n'
    '  "command": "doorward",\n'
    '  "args": ["bridge", "https://mcp.example/mcp"]}}}',
)


def bridge(
    url: ServerUrl,
    account: Account = None,
    interactive: Annotated[
        bool,
        typer.Option("--interactive", help="Open the browser if a sign-in is needed."),
    ] = False,
) -> None:
    """
    Connect a stdio-only MCP client to a protected HTTP server.

    Forwards each message with the tokens that "doorward login" stored, and renews them. Prints MCP
    messages on stdout, and everything else on stderr.
    """

    output = Output(as_json=False)
    run(output, lambda: _bridge(url, account, interactive=interactive))


async def _bridge(url: str, account: str | None, *, interactive: bool) -> None:

    async with (
        open_authorized(url, token_store=token_store_of(account), interactive=interactive) as http,
        standard_streams() as (incoming, outgoing),
    ):
        await Bridge(url, http).run(incoming, outgoing)
