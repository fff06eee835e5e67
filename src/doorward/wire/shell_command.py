"""Commands that users paste into a shell."""

import re
import shlex
from collections.abc import Iterable

from doorward.wire.oauth.scope import build_scope

# Characters that sh, zsh, fish, PowerShell and cmd all read as one word, quoted or not. For others, no
# quotation marks work in every shell: cmd runs what follows "&" in single quotes, sh runs "$(…)" in
# double quotes.
_ALIKE_EVERYWHERE = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_.:/+@-]*")
_LONGEST = 1000


def shell_command(*words: str) -> str:
    """
    Return the command line that a POSIX shell splits into exactly ``words``.

    ``("chmod", "600", "my key.pem")`` gives ``chmod 600 'my key.pem'``.
    """
    return shlex.join(words)


def login_hint(url: str, *, scopes: Iterable[str] = (), account: str | None = None) -> str:
    """
    Return the sentence that tells a user how to sign in to the MCP server at ``url``.

    ``scopes`` come from a server, and a scope token can contain ``$(…)``. The sentence has a command
    only if no shell can interpret them; otherwise it tells the user to type the command.

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
