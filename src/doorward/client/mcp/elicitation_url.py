"""A URL that a server asks the user to open, checked before it is shown."""

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
    What to show before the user agrees: the whole ``url``, and separately its ``host``.

    ``warning`` describes a risk, if there is one.
    """

    url: str
    host: str
    message: str
    warning: str | None = None


def read_elicitation_url(
    params: Mapping[str, Any], url_policy: UrlPolicy | None = None
) -> ElicitationUrl:
    """
    Return the URL in the parameters of an ``elicitation/create`` with the mode ``url``.

    ```python
    page: ElicitationUrl = read_elicitation_url(
        {"mode": "url", "url": "https://connect.example/github", "message": "Connect GitHub"}
    )
    print(f"{page.message}: open {page.host}?", page.warning or "")
    ```

    ``url_policy`` is that of the server. A public server may not send its user to their own machine
    or network: a page there would take the click for the user's own action.

    Does not open or fetch the URL, and does not resolve its host.

    Raises:
        ProtocolBroken: with reason ``unsafe-page``: not https or loopback, refused by
            ``url_policy``, with a password, or not a URL.

    Spec: MCP 2026-07-28, client/elicitation, "Safe URL Handling"
    """
    url, message = params.get("url"), params.get("message")
    place = url.partition("#")[0] if isinstance(url, str) and len(url) <= _LONGEST else ""
    target = parse_unambiguous(place)
    if target is None or not (target.scheme == "https" or address.is_loopback_host(target.host)):
        raise _unsafe("something that is not an https URL")
    if url_policy is not None:
        try:
            url_policy.require(place, "page")
        except DiscoveryFailed as refusal:
            raise _unsafe(
                f"a page of {target.host}, which is not on the public internet"
            ) from refusal
    return ElicitationUrl(
        url=str(url),
        host=target.host,
        message=visible(message) if isinstance(message, str) else "",
        warning="Letters of this host can be mistaken for others (Punycode)."
        if address.is_punycode(target.host)
        else None,
    )


def _unsafe(what: str) -> ProtocolBroken:
    return ProtocolBroken(
        "unsafe-page",
        f"The server asks the user to open {what}.",
        "Do not open it. Tell the server's operator.",
    )
