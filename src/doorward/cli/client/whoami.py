"""``doorward whoami``: the user of the stored token."""

from doorward.cli.client.stored_token import (
    stored_token_document,
    stored_token_facts,
    token_store_of,
)
from doorward.cli.options import Account, AsJson, ServerUrl, examples
from doorward.cli.output import Output
from doorward.cli.running import run
from doorward.client.http.url_policy import UrlPolicy
from doorward.client.refusals import SignInNeeded
from doorward.wire.shell_command import login_hint

EPILOG = examples(
    "doorward whoami https://mcp.example/mcp",
    "doorward whoami https://mcp.example/mcp --json",
)


def whoami(url: ServerUrl, account: Account = None, as_json: AsJson = False) -> None:
    """
    Show the signed-in user, the scopes and when the token expires.

    Reads the token store on this machine, without a request. Never shows the token itself.
    """

    output = Output(as_json=as_json)
    run(output, lambda: _whoami(output, url, account))


async def _whoami(output: Output, url: str, account: str | None) -> None:

    UrlPolicy(url)
    token_store = token_store_of(account)
    tokens = token_store.tokens_for(url)
    if tokens is None:
        raise SignInNeeded(
            "sign-in-needed",
            f"You are not signed in to {url}.",
            login_hint(url, account=account),
        )
    document = stored_token_document(url, tokens, token_store.location)
    if output.as_json:
        output.document(document)
        return
    output.facts(url, stored_token_facts(document))
