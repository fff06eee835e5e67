"""``doorward logout``: revoke what is kept for one server, or for all, and forget it."""

from typing import Annotated, Any

import typer

from doorward.cli.options import Account, AsJson, examples

EPILOG = examples(
    "doorward logout https://mcp.example/mcp",
    "doorward logout",
)


def logout(
    url: Annotated[
        str | None,
        typer.Argument(metavar="URL", help="The MCP server; without it, every server."),
    ] = None,
    account: Account = None,
    as_json: AsJson = False,
) -> None:
    """
    Sign out of one MCP server, or of all.

    Asks the authorization server to revoke the tokens, where it offers that, and forgets them here
    in any case.
    """
    from doorward.cli.output import Output
    from doorward.cli.running import run

    output = Output(as_json=as_json)
    run(output, lambda: _logout(output, url, account))


async def _logout(output: Any, url: str | None, account: str | None) -> None:
    import anyio.to_thread

    from doorward.cli.client.stored import wallet_of
    from doorward.client.refusals import ClientRefused

    wallet = wallet_of(account)
    servers = wallet.servers() if url is None else (url,)
    ended: list[dict[str, Any]] = []
    for server in servers:
        try:
            revoked = await _revoke(wallet, server)
        except ClientRefused as error:
            output.note(f"{server}: not revoked there ({error.reason}); forgotten here.")
            revoked = False
        known = await anyio.to_thread.run_sync(wallet.forget_tokens, server) is not None
        if known or url is None:
            ended.append({"server": server, "revoked": revoked})
            output.step("logout", f"{server}{', revoked' if revoked else ''}")
    if output.as_json:
        output.document({"signed_out": ended})
    elif not ended:
        output.note("Nothing is kept here; you are not signed in.")


async def _revoke(wallet: Any, server: str) -> bool:
    from doorward.client.connection import open_connection

    tokens = wallet.tokens_for(server)
    if tokens is None:
        return False
    async with open_connection(server, wallet=wallet, interactive=False) as connection:
        return bool(await connection.sign_in.revoke(tokens))
