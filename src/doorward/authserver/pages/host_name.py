"""Host names, split so that a page can emphasize the domain that owns the host.

``accounts.google.com.sign-in.example`` is a machine of ``sign-in.example``, and ``аррӏе.com`` in
Cyrillic letters is not ``apple.com``. Showing either unchanged helps phishing.
"""

import ipaddress
import unicodedata
from dataclasses import dataclass

from doorward.authserver.pages.safe_text import plain, visible_uri

# Under these domains, each subdomain has another owner, so the tail has one more label. The list is
# not complete: it only changes what a page emphasizes.
_SHARED = frozenset(
    {"amazonaws.com", "azurewebsites.net", "cloudfront.net", "deno.dev", "fly.dev", "github.io"}
    | {"gitlab.io", "herokuapp.com", "lovable.app", "netlify.app", "ngrok-free.app", "ngrok.app"}
    | {"ngrok.io", "onrender.com", "pages.dev", "railway.app", "replit.app", "run.app"}
    | {"trycloudflare.com", "vercel.app", "web.app", "windows.net", "workers.dev"}
)
_SECOND_LEVEL = frozenset({"ac", "co", "com", "edu", "gov", "net", "or", "org"})
_LONG = 44
_LONGEST_LABEL = 63


@dataclass(frozen=True)
class HostName:
    """
    A host name for display: ``lead`` without emphasis, ``tail`` with emphasis, then ``port``.

    ``tail`` is the domain that owns the host. Both parts are ASCII, so that no look-alike letters
    are shown; ``reads_as`` is the name in its own script, if it has one. ``deep`` means that the
    lead is long enough to mislead, so the page should point to the tail.
    """

    lead: str
    tail: str
    port: str
    reads_as: str | None
    deep: bool

    @property
    def text(self) -> str:
        """The whole name in one piece, in ASCII."""
        return f"{self.lead}{self.tail}{self.port}"


def read_host(host: str) -> HostName:
    """
    Return ``host``, with or without a port, split for display.

    Does not resolve the name, and does not check whether it can be trusted.

    Spec: draft-ietf-oauth-client-id-metadata-document §6.4; RFC 3492; RFC 5890 §2.3.2.1
    """
    name, port = _without_port(host.strip().rstrip("."))
    if _is_address(name):
        return HostName("", name, port, None, deep=False)
    labels = [_to_ascii(label) for label in name.lower().split(".")]
    own = ".".join(_from_ascii(label) for label in labels)
    tail = labels[-_labels_that_decide(labels) :]
    lead = labels[: len(labels) - len(tail)]
    whole = ".".join(labels)
    return HostName(
        lead=_shortened(".".join(lead)) + ("." if lead else ""),
        tail=".".join(tail),
        port=port,
        reads_as=plain(own, 120) if own != whole else None,
        deep=len(lead) > 1 or len(whole) > _LONG,
    )


def _without_port(host: str) -> tuple[str, str]:
    name, colon, port = host.rpartition(":")
    if colon and port.isdecimal() and (":" not in name or name.endswith("]")):
        return name, f":{port}"
    return host, ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _labels_that_decide(labels: list[str]) -> int:
    if ".".join(labels[-2:]) in _SHARED:
        return 3
    if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL:
        return 3
    return 2


def _to_ascii(label: str) -> str:
    if not label.isascii():
        composed = unicodedata.normalize("NFC", label[:_LONGEST_LABEL])
        label = "xn--" + composed.encode("punycode").decode("ascii")
    return visible_uri(label, _LONGEST_LABEL)


def _from_ascii(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except UnicodeError:
        return label


def _shortened(lead: str) -> str:
    # Only the lead is shortened; its owner can choose any text for it.
    return lead if len(lead) <= _LONG else f"{lead[: _LONG // 2]}…{lead[-_LONG // 4 :]}"
