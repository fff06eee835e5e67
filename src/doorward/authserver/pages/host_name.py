"""Host names, split so that a page can emphasize the domain that owns the host.

``accounts.google.com.sign-in.example`` is a machine of ``sign-in.example``, and ``аррӏе.com`` in
Cyrillic letters is not ``apple.com``. Showing either unchanged helps phishing.
"""

import ipaddress
import unicodedata
from dataclasses import dataclass

from doorward.authserver.pages.safe_text import plain, visible_uri

# Under these domains, each subdomain has another owner, so the domain has one more label. The list is
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
    A host name for display: ``subdomain`` without emphasis, ``domain`` with it, then ``port``.

    ``domain`` is the one that owns the host. Both parts are ASCII, so that no look-alike letters
    are shown; ``reads_as`` is the name in its own script, if it has one. ``is_misleading`` means
    that the subdomain is long enough to hide the domain, so the page should point to it.
    """

    subdomain: str
    domain: str
    port: str
    reads_as: str | None
    is_misleading: bool

    @property
    def text(self) -> str:
        """The whole name in one piece, in ASCII."""
        return f"{self.subdomain}{self.domain}{self.port}"


def read_host(host: str) -> HostName:
    """
    Return ``host``, with or without a port, split for display.

    Does not resolve the name, and does not check whether it can be trusted.

    Spec: draft-ietf-oauth-client-id-metadata-document §6.4; RFC 3492; RFC 5890 §2.3.2.1
    """
    name, port = _without_port(host.strip().rstrip("."))
    if _is_address(name):
        return HostName("", name, port, None, is_misleading=False)
    labels = [_to_ascii(label) for label in name.lower().split(".")]
    own = ".".join(_from_ascii(label) for label in labels)
    domain = labels[-_labels_of_domain(labels) :]
    subdomain = labels[: len(labels) - len(domain)]
    whole = ".".join(labels)
    return HostName(
        subdomain=_shortened(".".join(subdomain)) + ("." if subdomain else ""),
        domain=".".join(domain),
        port=port,
        reads_as=plain(own, 120) if own != whole else None,
        is_misleading=len(subdomain) > 1 or len(whole) > _LONG,
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


def _labels_of_domain(labels: list[str]) -> int:
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


def _shortened(subdomain: str) -> str:
    # Only the subdomain is shortened; the owner of the domain can choose any text for it.
    if len(subdomain) <= _LONG:
        return subdomain
    return f"{subdomain[: _LONG // 2]}…{subdomain[-_LONG // 4 :]}"
