"""Redirect URIs: which may be registered, and which requested one is the registered one."""

import re
from urllib.parse import SplitResult, urlsplit

from doorward.wire.address import is_loopback_host
from doorward.wire.oauth.parameters import problem_with_names

# Schemes of editors that have no dot and still belong to one application each. Everything else
# without a dot is refused: among them are javascript, data, file, blob, vbscript and about.
EDITOR_SCHEMES = frozenset(
    {"cursor", "vscode", "vscode-insiders", "windsurf", "vscodium", "code-oss"}
)

LONGEST = 2048

_PLAIN = re.compile(r"[\x21-\x7e]+")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_UNREADABLE = re.compile(r"[\\*<>\"'`{}|^]")
# What an operating system or a browser opens by itself, dot or no dot.
_NEVER = frozenset(
    {"javascript", "data", "file", "blob", "vbscript", "about", "http", "https", "ws", "wss", "ftp"}
)

# What IANA's registry lists for authorization responses. Registered with "?iss=somebody", a client
# finds two issuers in every answer and may read the first, which is not ours.
_ANSWERS = frozenset(
    {"code", "state", "iss", "error", "error_description", "error_uri", "response", "session_state"}
    | {"access_token", "token_type", "expires_in", "scope", "id_token"}
)


def matches(registered: str, requested: str) -> bool:
    """
    Say whether ``requested`` is the redirect URI that was registered.

    Exactly the same string; only on loopback may the port differ, because a native application
    learns its port when it starts.

    Spec: OAuth 2.1 §4.1.1; RFC 8252 §7.3
    """
    if registered == requested:
        return True
    if problem_with(requested) is not None or not is_loopback(registered):
        return False
    return is_loopback(requested) and without_port(registered) == without_port(requested)


def is_loopback(uri: str) -> bool:
    """Say whether ``uri`` is plain http to this machine by one of its three agreed names."""
    parts = _split(uri)
    return parts is not None and parts.scheme == "http" and is_loopback_host(parts.hostname)


def without_port(uri: str) -> str:
    """
    Return a loopback ``uri`` without its port, and any other one unchanged.

    It is what consent is remembered under: the port of a native application changes every time.
    """
    if not is_loopback(uri):
        return uri
    parts = urlsplit(uri)
    # Compared as written otherwise: "LOCALHOST" is another string than "localhost".
    host = re.sub(r":[0-9]*$", "", parts.netloc)
    query = f"?{parts.query}" if "?" in uri else ""
    return f"{uri[: uri.index(':')]}://{host}{parts.path}{query}"


def is_private_scheme(uri: str) -> bool:
    """Say whether ``uri`` opens an application instead of a web page."""
    parts = _split(uri)
    return parts is not None and parts.scheme not in ("http", "https")


def is_acceptable(uri: str, application_type: str | None = None) -> bool:
    """Say whether ``uri`` may be registered; ``problem_with`` says why not."""
    return problem_with(uri, application_type) is None


def problem_with(
    uri: str,
    application_type: str | None = None,
    *,
    private_schemes: frozenset[str] = EDITOR_SCHEMES,
) -> str | None:
    """
    Return what is wrong with a redirect URI in a few words, or ``None`` when it may be registered.

    https with a host; http on loopback; a private-use scheme when it is a reversed domain name
    (``com.example.app:/callback``) or is listed in ``private_schemes``. A client that calls itself
    ``web`` gets https alone. Without ``application_type`` any of the three forms will do: its
    default ``web`` belongs to OpenID Connect, and native MCP clients leave it out. In every form,
    the query holds no parameter of the answer, and names its own parameters without escapes.

    Spec: RFC 8252 §7.1, §7.3; OAuth 2.1 §2.3.1, §4.1.2; OpenID Connect Registration 1.0 §2;
    RFC 9207 §2
    """
    if len(uri) > LONGEST:
        return f"is longer than {LONGEST} characters"
    if not _PLAIN.fullmatch(uri) or _UNREADABLE.search(uri):
        return "holds characters that a URI may not hold"
    if "#" in uri:
        return "has a fragment"
    parts = _split(uri)
    if parts is None:
        return "is not an absolute URI"
    if "@" in parts.netloc:
        return "holds credentials"
    if problem := problem_with_names(parts.query, _ANSWERS, "the answer"):
        return problem
    if parts.scheme in ("http", "https"):
        return _web_problem(parts, application_type)
    return _private_problem(parts, application_type, private_schemes)


def _web_problem(parts: SplitResult, application_type: str | None) -> str | None:
    if not parts.hostname or parts.netloc.endswith(":"):
        return "has no host, or an empty port"
    segments = re.split(r"[/;]", re.sub("%2e", ".", parts.path, flags=re.IGNORECASE))
    if ".." in segments or "." in segments:
        return "has dot segments in its path"
    if parts.scheme == "https":
        return None
    if not is_loopback_host(parts.hostname):
        return "is plain http and not on loopback"
    if application_type == "web":
        return "is on loopback, which application_type web rules out"
    return None


def _private_problem(
    parts: SplitResult, application_type: str | None, private_schemes: frozenset[str]
) -> str | None:
    if application_type == "web":
        return "is not https, which application_type web asks for"
    if parts.scheme in _NEVER:
        return "has a scheme that must never receive a code"
    if "." not in parts.scheme and parts.scheme not in private_schemes:
        return "has a scheme that is neither https nor a reversed domain name"
    if not (parts.netloc or parts.path.strip("/")):
        return "names nothing after its scheme"
    return None


def _split(uri: str) -> SplitResult | None:
    scheme, colon, _ = uri.partition(":")
    # urlsplit lowers the scheme and drops tabs; what it would change is not taken.
    if not colon or not _SCHEME.fullmatch(scheme):
        return None
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return None
    return parts
