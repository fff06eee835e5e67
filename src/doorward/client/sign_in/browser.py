"""Opens a URL in the user's browser, and refuses everything but plain web URLs."""

import webbrowser

from doorward.client.http.url_policy import MAX_URL_LENGTH
from doorward.client.refusals import SignInFailed
from doorward.wire import address


def require_web_address(url: str) -> str:
    """
    Return ``url`` if it is safe to pass to a browser: http(s), plain ASCII, no quotes.

    On several systems the URL becomes part of a command line. There, ``file:`` opens documents, a
    leading ``--`` is an option, and a shell interprets quotes, ``$()``, ``&`` and ``|``. No shell is
    used here, but shell characters are refused all the same.

    Raises:
        SignInFailed: with reason ``unsafe-url`` or ``address-too-long``.

    Spec: MCP 2026-07-28 security best practices; RFC 3986 §2
    """
    if len(url) > MAX_URL_LENGTH:
        raise SignInFailed(
            "address-too-long",
            f"The sign-in URL has {len(url)} characters; at most {MAX_URL_LENGTH} are allowed.",
            "Request fewer scopes with --scope.",
        )
    if address.split(url) is None or any(mark in url for mark in "\"'`<>|^{}$();"):
        raise SignInFailed(
            "unsafe-url",
            "The authorization server's sign-in URL is not a plain web URL.",
            "Nothing was opened. Do not trust this server.",
        )
    return url


def open_browser(url: str) -> bool:
    """
    Open ``url`` in the user's browser; return whether a browser was found.

    Raises:
        SignInFailed: as ``require_web_address``; nothing was opened.
    """
    try:
        return webbrowser.open(require_web_address(url), new=1)
    except (OSError, webbrowser.Error):
        return False
