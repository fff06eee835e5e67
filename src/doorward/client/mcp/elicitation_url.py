"""A page that a server wants its user to open, checked before anybody sees it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from doorward.client.refusals import ProtocolBroken
from doorward.wire import address
from doorward.wire.safe_text import visible

_LONGEST = 8192


@dataclass(frozen=True, kw_only=True)
class ElicitationUrl:
    """
    What to show to the user before they agree: the whole ``url``, and apart from it its ``host``.

    ``warning`` says what may be wrong with it, if anything.
    """

    url: str
    host: str
    message: str
    warning: str | None = None


def page_in(params: Mapping[str, Any]) -> ElicitationUrl:
    """
    Return the page that the parameters of an ``elicitation/create`` with the mode ``url`` name.

    Does not open it, fetch it or look its host up: that is for the user to agree to.

    Raises:
        ProtocolBroken: with reason ``unsafe-page``: neither https nor of this machine, with a
            password, or no address at all.

    Spec: MCP 2026-07-28, client/elicitation, "Safe URL Handling"
    """
    url, message = params.get("url"), params.get("message")
    parts = address.split(url) if isinstance(url, str) and len(url) <= _LONGEST else None
    host = parts.hostname if parts is not None else None
    if (
        parts is None
        or host is None
        or not (parts.scheme == "https" or address.is_loopback_host(host))
    ):
        raise ProtocolBroken(
            "unsafe-page",
            "The server wants its user to open something that is no https address.",
            "Do not open it; tell the server's operator.",
        )
    return ElicitationUrl(
        url=str(url),
        host=host,
        message=visible(message) if isinstance(message, str) else "",
        warning="Letters of this host only look like others (Punycode)."
        if address.is_punycode(host)
        else None,
    )
