"""The kind of place that a redirect URI leads to, for the consent page."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from doorward.authserver.pages.host_name import HostName, read_host
from doorward.authserver.pages.safe_text import plain
from doorward.wire.address import is_loopback_host

Kind = Literal["this-computer", "application", "site"]


@dataclass(frozen=True)
class Destination:
    """
    A port of this computer, an application with its own URI scheme, or a web site.

    ``scheme`` is set for an application, and ``host`` for the other two.
    """

    kind: Kind
    host: HostName | None = None
    scheme: str | None = None


def read_destination(redirect_uri: str, *, loopback_only: bool) -> Destination:
    """
    Return the kind of place that ``redirect_uri`` leads to.

    A URI that is not a web address counts as an application's: the page then shows a warning and
    the whole URI.

    Spec: RFC 8252 §7; MCP 2026-07-28, authorization (localhost redirect URI risks)
    """
    try:
        parts = urlsplit(redirect_uri)
        host = parts.hostname or ""
    except ValueError:
        return Destination("application", scheme=plain(redirect_uri.partition(":")[0], 40))
    if parts.scheme not in ("http", "https") or not host:
        return Destination("application", scheme=plain(parts.scheme, 40))
    # The host with its port, without credentials: the text before an @ is not part of the host.
    shown = read_host(parts.netloc.rpartition("@")[2])
    if loopback_only or is_loopback_host(host):
        return Destination("this-computer", host=shown)
    return Destination("site", host=shown)
