"""``doorward bridge``: a stdio MCP server that is a protected HTTP server in truth."""

from typing import Annotated

import typer

from doorward.cli.options import Account, ServerUrl, examples

EPILOG = examples(
    "doorward login https://mcp.example/mcp",
    "doorward bridge https://mcp.example/mcp",
    '{"mcpServers": {"example": {"command": "doorward", "args": ["bridge", "https://mcp.example/mcp"]}}}',
)


def bridge(
    url: ServerUrl,
    account: Account = None,
    interactive: Annotated[
        bool,
        typer.Option("--interactive", help="Open the browser when a sign-in is needed."),
    ] = False,
) -> None:
    """
    Be a stdio MCP server for a client that speaks only stdio.

    Passes every message on to the HTTP server with the tokens that "doorward login" kept, and
    renews them. Messages alone are on stdout; what is to be told to you is on stderr.
    """
    from doorward.cli.output import Output
    from doorward.cli.running import run

    output = Output(as_json=False)
    run(output, lambda: _bridge(url, account, interactive=interactive))


async def _bridge(url: str, account: str | None, *, interactive: bool) -> None:
    from doorward.cli.client.stored import token_store_of
    from doorward.client.connection import open_authorized
    from doorward.client.mcp.bridge import Bridge
    from doorward.client.mcp.standard_streams import standard_streams

    async with (
        open_authorized(url, token_store=token_store_of(account), interactive=interactive) as http,
        standard_streams() as (incoming, outgoing),
    ):
        await Bridge(url, http).run(incoming, outgoing)
