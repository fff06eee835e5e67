"""A page that a server wants its user to open, checked before anybody sees it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from doorward.client.http.url_policy import UrlPolicy, parse_unambiguous
from doorward.client.refusals import DiscoveryFailed, ProtocolBroken
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


def read_elicitation_url(
    params: Mapping[str, Any], url_policy: UrlPolicy | None = None
) -> ElicitationUrl:
    """
    Return the page that the parameters of an ``elicitation/create`` with the mode ``url`` name.

    ``url_policy`` is that of the server that asks. A public server may not send its user to a page of
    their own machine or network: what answers there takes the click for the user's wish.

    Does not open it, fetch it or look its host up: that is for the user to agree to.

    Raises:
        ProtocolBroken: with reason ``unsafe-page``: neither https nor of this machine, refused
            by ``url_policy``, with a password, or not a URL.

    Spec: MCP 2026-07-28, client/elicitation, "Safe URL Handling"
    """
    url, message = params.get("url"), params.get("message")
    place = url.partition("#")[0] if isinstance(url, str) and len(url) <= _LONGEST else ""
    target = parse_unambiguous(place)
    if target is None or not (target.scheme == "https" or address.is_loopback_host(target.host)):
        raise _unsafe("something that is no https address")
    if url_policy is not None:
        try:
            url_policy.require(place, "page")
        except DiscoveryFailed as refusal:
            raise _unsafe(
                f"a page of {target.host}, which is no place of the internet"
            ) from refusal
    return ElicitationUrl(
        url=str(url),
        host=target.host,
        message=visible(message) if isinstance(message, str) else "",
        warning="Letters of this host only look like others (Punycode)."
        if address.is_punycode(target.host)
        else None,
    )


def _unsafe(what: str) -> ProtocolBroken:
    return ProtocolBroken(
        "unsafe-page",
        f"The server wants its user to open {what}.",
        "Do not open it; tell the server's operator.",
    )
