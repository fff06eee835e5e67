"""What a user can do about a refused token: the sentence after the error."""

from doorward.client.oauth.tokens import Tokens
from doorward.wire.oauth.scope import build_scope
from doorward.wire.shell_command import login_hint, shell_command

HINT = "doorward.hint"
"""The extension of a refused response that says what to do; ``OAuth`` sets it."""


def missing_scopes_hint(
    url: str, needed: frozenset[str], tokens: Tokens, account: str | None
) -> str:
    """
    Return what a person can do about the scopes that ``tokens`` lack.

    A sign-in for scopes that the last one was refused ends in the same error, so the first step is
    then another one. The command names the scopes of the token too, because a sign-in replaces it.
    """
    if needed <= tokens.scopes:
        return "Your token has them all. The server's operator must check what it requires."
    refused = needed & tokens.refused_scopes
    if not refused:
        return login_hint(url, scopes=needed | tokens.scopes, account=account)
    return (
        f"Your last sign-in requested {build_scope(refused)} and did not get it. Ask the server's "
        "operator to allow it for this account, then sign in again with --scope. For another account, "
        f"run: {shell_command('doorward', 'login', url, '--account')} NAME"
    )


def refused_token_hint(url: str, account: str | None) -> str:
    """Return what a person can do about a token that the server refused although it is valid."""
    # The command comes last, so that nothing behind it is copied along.
    return (
        "If a new sign-in does not help, the server's operator must check which issuer and audience it "
        f"accepts. {login_hint(url, account=account)}"
    )


def service_scopes_hint(needed: frozenset[str], tokens: Tokens) -> str:
    """Return what the operator of a service can do about the scopes that ``tokens`` lack."""
    return (
        f"At {tokens.issuer}, allow the client {tokens.client_id} the scopes {build_scope(needed)}."
    )
