"""Where the browser goes after consent, as a person should be told it."""

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
    One of three: a port of this computer, an application that owns a URI scheme, or a web site.

    ``scheme`` is set for an application alone, and ``host`` for the other two.
    """

    kind: Kind
    host: HostName | None = None
    scheme: str | None = None


def read_destination(redirect_uri: str, *, loopback_only: bool) -> Destination:
    """
    Return what kind of place ``redirect_uri`` is.

    Whatever cannot be read as a web address counts as an application's: the page warns there, and
    shows the address itself.

    Spec: RFC 8252 §7; MCP 2026-07-28, authorization (localhost redirect URI risks)
    """
    try:
        parts = urlsplit(redirect_uri)
        host = parts.hostname or ""
    except ValueError:
        return Destination("application", scheme=plain(redirect_uri.partition(":")[0], 40))
    if parts.scheme not in ("http", "https") or not host:
        return Destination("application", scheme=plain(parts.scheme, 40))
    # The host with its port, and without credentials: what stands before an @ is no host at all.
    shown = read_host(parts.netloc.rpartition("@")[2])
    if loopback_only or is_loopback_host(host):
        return Destination("this-computer", host=shown)
    return Destination("site", host=shown)
