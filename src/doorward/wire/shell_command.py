"""Commands that are printed to be pasted into a shell."""

import re
import shlex
from collections.abc import Iterable

from doorward.wire.oauth.scope import build_scope

# Read as one word, and as the same one, by sh, zsh, fish, PowerShell and cmd, within double quotation
# marks or without. For more no marks are right in all of them: cmd runs what follows an "&" within
# single ones, and sh what stands in "$(…)" within double ones.
_ALIKE_EVERYWHERE = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_.:/+@-]*")
_LONGEST = 1000


def shell_command(*words: str) -> str:
    """
    Return the command line that a POSIX shell reads as exactly ``words``.

    ``("chmod", "600", "my key.pem")`` gives ``chmod 600 'my key.pem'``.
    """
    return shlex.join(words)


def login_hint(url: str, *, scopes: Iterable[str] = (), account: str | None = None) -> str:
    """
    Return the sentence that tells a user how to sign in to the MCP server at ``url``.

    ``scopes`` are a server's words. Any scope token may hold ``$(…)``, so a command is given where
    each of them means nothing to any shell, and otherwise the user is told to type it.

    Spec: RFC 6749 §3.3
    """
    named = [] if account is None else ["--account", account]
    command = shell_command("doorward", "login", url, *named)
    wanted = frozenset(scopes)
    if wanted:
        command += f' --scope "{build_scope(wanted)}"'
    if len(command) <= _LONGEST and all(_ALIKE_EVERYWHERE.fullmatch(scope) for scope in wanted):
        return f"Run: {command}"
    return (
        "Read these scopes with care, then type the command yourself: doorward login, the server's "
        "address, and --scope with those that you want."
    )
