"""Opening the user's browser, and nothing else, whatever a server asks for."""

import webbrowser

from doorward.client.http.url_policy import MAX_URL_LENGTH
from doorward.client.refusals import SignInFailed
from doorward.wire import address


def require_web_address(url: str) -> str:
    """
    Return ``url`` when a browser may be given it: http(s), plain ASCII, no quotes.

    The text ends up on a command line on several systems. There, ``file:`` opens documents, a
    leading ``--`` is an option, and quotes, ``$()``, ``&`` and ``|`` are the shell's. No shell is
    used here, and what only a shell could love is refused all the same.

    Raises:
        SignInFailed: with reason ``unsafe-url`` or ``address-too-long``.

    Spec: MCP 2026-07-28 security best practices; RFC 3986 §2
    """
    if len(url) > MAX_URL_LENGTH:
        raise SignInFailed(
            "address-too-long",
            f"The sign-in page's address has {len(url)} characters, more than {MAX_URL_LENGTH}.",
            "Ask for fewer scopes, with --scope.",
        )
    if address.split(url) is None or any(mark in url for mark in "\"'`<>|^{}$();"):
        raise SignInFailed(
            "unsafe-url",
            "The authorization server asks to open something that is no plain web address.",
            "Nothing was opened. Do not trust this server.",
        )
    return url


def open_browser(url: str) -> bool:
    """
    Open ``url`` in the user's browser; say whether there was one to open.

    Raises:
        SignInFailed: as ``require_web_address``; nothing was opened.
    """
    try:
        return webbrowser.open(require_web_address(url), new=1)
    except (OSError, webbrowser.Error):
        return False
