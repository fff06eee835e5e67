"""Redirect URIs: validation at registration, and comparison with the registered ones."""

import re
from urllib.parse import SplitResult, urlsplit

from doorward.wire.address import is_loopback_host
from doorward.wire.oauth.parameters import problem_with_names

# Schemes of editors without a dot; each belongs to one application. All other schemes without a dot
# are refused, such as javascript, data, file, blob, vbscript and about.
EDITOR_SCHEMES = frozenset(
    {"cursor", "vscode", "vscode-insiders", "windsurf", "vscodium", "code-oss"}
)

LONGEST = 2048

_PLAIN = re.compile(r"[\x21-\x7e]+")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_UNREADABLE = re.compile(r"[\\*<>\"'`{}|^]")
# Schemes that a browser or an operating system handles itself.
_NEVER = frozenset(
    {"javascript", "data", "file", "blob", "vbscript", "about", "http", "https", "ws", "wss", "ftp"}
)

# The parameters of authorization responses in IANA's registry. A URI registered with "?iss=other"
# would give the client two issuers, and it may read the first, which is not the real one.
_ANSWERS = frozenset(
    {"code", "state", "iss", "error", "error_description", "error_uri", "response", "session_state"}
    | {"access_token", "token_type", "expires_in", "scope", "id_token"}
)


def matches(registered: str, requested: str) -> bool:
    """
    Return whether ``requested`` is the redirect URI ``registered``.

    The strings must be equal. Only on loopback may the port differ, because a native application gets
    its port when it starts.

    Spec: OAuth 2.1 §4.1.1; RFC 8252 §7.3
    """
    if registered == requested:
        return True
    if problem_with(requested) is not None or not is_loopback(registered):
        return False
    return is_loopback(requested) and without_port(registered) == without_port(requested)


def is_loopback(uri: str) -> bool:
    """Return whether ``uri`` is plain http to ``localhost``, ``127.0.0.1`` or ``::1``."""
    parts = _split(uri)
    return parts is not None and parts.scheme == "http" and is_loopback_host(parts.hostname)


def without_port(uri: str) -> str:
    """
    Return a loopback ``uri`` without its port, and any other URI unchanged.

    Consent is stored under this form, because the port of a native application changes every time.
    """
    if not is_loopback(uri):
        return uri
    parts = urlsplit(uri)
    # The rest is compared as written: "LOCALHOST" differs from "localhost".
    host = re.sub(r":[0-9]*$", "", parts.netloc)
    query = f"?{parts.query}" if "?" in uri else ""
    return f"{uri[: uri.index(':')]}://{host}{parts.path}{query}"


def is_private_scheme(uri: str) -> bool:
    """Return whether ``uri`` opens an application instead of a web page."""
    parts = _split(uri)
    return parts is not None and parts.scheme not in ("http", "https")


def is_acceptable(uri: str, application_type: str | None = None) -> bool:
    """Return whether ``uri`` may be registered; ``problem_with`` says why not."""
    return problem_with(uri, application_type) is None


def problem_with(
    uri: str,
    application_type: str | None = None,
    *,
    private_schemes: frozenset[str] = EDITOR_SCHEMES,
) -> str | None:
    """
    Return what is wrong with a redirect URI in a few words, or ``None`` if it may be registered.

    Three forms are accepted: https with a host, http on loopback, and private-use schemes. A private-use
    scheme is a reversed domain name (``com.example.app:/callback``) or listed in ``private_schemes``.

    The application type ``web`` allows https only. Without ``application_type`` all three forms are
    accepted: its default ``web`` comes from OpenID Connect, and native MCP clients omit it.

    The query must not contain a parameter of the authorization response, or escapes in a name.

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
    # urlsplit lower-cases the scheme and drops tabs; a URI that it would change is refused.
    if not colon or not _SCHEME.fullmatch(scheme):
        return None
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return None
    return parts
