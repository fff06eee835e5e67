"""Issuers and resources: absolute URLs, compared byte for byte and never normalised."""

import re
from urllib.parse import SplitResult, urlsplit

from doorward.errors import ConfigurationError

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# RFC 3986 §2: no URL has other characters, so "<your-tenant>" and "{realm}" are still an example's.
_PLAIN = re.compile(r"[!#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]+")
_EXAMPLES = {"issuer": "https://login.example", "resource": "https://mcp.example/mcp"}
_PLACEHOLDER = re.compile(r"<[^<>]+>|\{[^{}]+\}")


def is_loopback_host(host: str | None) -> bool:
    """
    Return whether ``host`` is ``localhost``, ``127.0.0.1`` or ``::1``.

    ``127.1``, ``0x7f.1``, ``localhost.example`` and ``::ffff:127.0.0.1`` are not: parsers disagree
    about each of them.

    Spec: RFC 8252 §7.3
    """
    return host is not None and host.lower() in _LOOPBACK


def is_punycode(host: str) -> bool:
    """
    Return whether ``host`` has non-ASCII letters, any of which may look like another letter.

    Spec: RFC 5890 §2.3.2.1; UTS #39 §4
    """
    return any(label.startswith("xn--") for label in host.lower().split("."))


def split(url: str) -> SplitResult | None:
    """
    Return the parts of an absolute http(s) URL in plain ASCII, or ``None`` if it is not one.

    Spec: RFC 3986 §2
    """
    if not _PLAIN.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return None
    return parts


def require_issuer(issuer: str) -> str:
    """
    Return ``issuer`` unchanged if it may name an authorization server.

    It needs https, or http on loopback, and has no query, fragment or credentials.

    Raises:
        ConfigurationError: with reason ``insecure-issuer`` or ``not-an-issuer``.

    Spec: RFC 8414 §2
    """
    return _require(issuer, "issuer")


def require_resource(resource: str) -> str:
    """
    Return ``resource`` unchanged if it may name a protected resource.

    It needs https, or http on loopback, and has no query, fragment or credentials.

    Raises:
        ConfigurationError: with reason ``insecure-resource`` or ``not-a-resource``.

    Spec: RFC 8707 §2; RFC 9728 §1.2
    """
    return _require(resource, "resource")


def _require(url: str, what: str) -> str:
    parts = split(url)
    article = "an" if what == "issuer" else "a"
    if found := _PLACEHOLDER.search(url):
        raise ConfigurationError(
            f"not-{article}-{what}",
            f"The {what} {url!r} has the placeholder {found[0]}.",
            f"Replace {found[0]} with your own value.",
        )
    if parts is None or "?" in url or "#" in url:
        raise ConfigurationError(
            f"not-{article}-{what}",
            f"{url!r} is not {article} {what}.",
            f"Give an absolute https URL without query or fragment, such as {_EXAMPLES[what]}.",
        )
    if parts.scheme != "https" and not is_loopback_host(parts.hostname):
        raise ConfigurationError(
            f"insecure-{what}",
            f"The {what} {url!r} is plain http and not on this machine.",
            "Give the https address under which clients reach it (http is for localhost alone).",
        )
    return url


def origin_of(url: str) -> str:
    """Return scheme, host and port of an absolute URL, as in an Origin header."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
