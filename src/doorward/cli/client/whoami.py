"""``doorward whoami``: who the kept token is for."""

from typing import Any

from doorward.cli.options import Account, AsJson, ServerUrl, examples

EPILOG = examples(
    "doorward whoami https://mcp.example/mcp",
    "doorward whoami https://mcp.example/mcp --json",
)


def whoami(url: ServerUrl, account: Account = None, as_json: AsJson = False) -> None:
    """
    Show who you are signed in as, with which scopes, and for how long.

    Reads what is kept on this machine and asks nobody; the token itself is never shown.
    """
    from doorward.cli.output import Output
    from doorward.cli.running import run

    output = Output(as_json=as_json)
    run(output, lambda: _whoami(output, url, account))


async def _whoami(output: Any, url: str, account: str | None) -> None:
    from doorward.cli.client.stored import document_of, facts_of, token_store_of
    from doorward.client.http.url_policy import UrlPolicy
    from doorward.client.refusals import SignInNeeded
    from doorward.wire.shell_command import login_hint

    UrlPolicy(url)
    token_store = token_store_of(account)
    tokens = token_store.tokens_for(url)
    if tokens is None:
        raise SignInNeeded(
            "sign-in-needed",
            f"You are not signed in to {url}.",
            login_hint(url, account=account),
        )
    document = document_of(url, tokens, token_store.place)
    if output.as_json:
        output.document(document)
        return
    output.facts(url, facts_of(document))
