"""``doorward logout``: revoke and delete the tokens for one server, or for all."""

from typing import Annotated, Any

import anyio.to_thread
import typer

from doorward.cli.client.stored_token import token_store_of
from doorward.cli.options import Account, AsJson, examples
from doorward.cli.output import Output
from doorward.cli.running import run
from doorward.client.connection import open_connection
from doorward.client.refusals import ClientRefused

EPILOG = examples(
    "doorward logout https://mcp.example/mcp",
    "doorward logout",
)


def logout(
    url: Annotated[
        str | None,
        typer.Argument(metavar="URL", help="The MCP server; without it, all servers."),
    ] = None,
    account: Account = None,
    as_json: AsJson = False,
) -> None:
    """
    Revoke and delete stored tokens.

    Deletes the tokens on this machine even if the authorization server cannot revoke them.
    """

    output = Output(as_json=as_json)
    run(output, lambda: _logout(output, url, account))


async def _logout(output: Output, url: str | None, account: str | None) -> None:

    token_store = token_store_of(account)
    servers = token_store.servers() if url is None else (url,)
    ended: list[dict[str, Any]] = []
    for server in servers:
        try:
            revoked = await _revoke(token_store, server)
        except ClientRefused as error:
            output.note(f"{server}: not revoked ({error.reason}), but deleted here.")
            revoked = False
        known = await anyio.to_thread.run_sync(token_store.delete_tokens, server) is not None
        if known or url is None:
            ended.append({"server": server, "revoked": revoked})
            output.step("logout", f"{server}{', revoked' if revoked else ''}")
    if output.as_json:
        output.document({"signed_out": ended})
    elif not ended:
        output.note("You are not signed in: no tokens are stored.")


async def _revoke(token_store: Any, server: str) -> bool:

    tokens = token_store.tokens_for(server)
    if tokens is None:
        return False
    async with open_connection(server, token_store=token_store, interactive=False) as connection:
        return bool(await connection.sign_in.revoke(tokens))
