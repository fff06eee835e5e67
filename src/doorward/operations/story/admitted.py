"""
Which text of a request or a token may be kept in a story; everything else is left out.

Each function names what it admits. What it does not admit becomes an empty string, and not a shortened
one: the beginning of a secret is secret too.
"""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

PARAMETERS = frozenset(
    {
        "client_assertion",
        "client_assertion_type",
        "client_id",
        "client_secret",
        "code",
        "code_challenge",
        "code_challenge_method",
        "code_verifier",
        "decision",
        "error",
        "grant_type",
        "id_token_hint",
        "iss",
        "login_hint",
        "max_age",
        "nonce",
        "prompt",
        "redirect_uri",
        "refresh_token",
        "resource",
        "response_type",
        "scope",
        "state",
    }
)
METHODS = frozenset(
    {
        "completion/complete",
        "initialize",
        "ping",
        "prompts/get",
        "prompts/list",
        "resources/list",
        "resources/read",
        "resources/templates/list",
        "server/discover",
        "tools/call",
        "tools/list",
    }
)

# Words of a name. The shortest secrets in use, such as codes of 128 bits, are longer than one word.
_NAME = re.compile(r"(?=.{1,60}$)\w[\w.()+-]{0,19}(?: [\w.()+&-]{1,20})*")
_IDENTIFIER = re.compile(r"[A-Za-z0-9@._:|+~/-]{1,120}")
_CODE = re.compile(r"[a-z][a-z0-9.-]{0,59}")
_SCOPE = re.compile(r"[A-Za-z0-9._:/-]{1,60}")
_HOST = re.compile(r"[a-z0-9.-]{1,80}(?::[0-9]{1,5})?")
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9._-]{0,32}){1,4}")


def parameter_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that the specifications define, in order; the values are never kept."""
    return tuple(sorted(PARAMETERS.intersection(names)))


def method_name(method: str) -> str:
    """Return the name of a method of MCP."""
    return method if method in METHODS else ""


def client_name(name: str | None) -> str:
    """Return the name that a client gave itself, if it is up to 60 characters of short words."""
    return name if name is not None and _NAME.fullmatch(name) else ""


def identifier(text: str | None) -> str:
    """Return an id that this server made, or that an issuer signed; up to 120 plain characters."""
    return text if text is not None and _IDENTIFIER.fullmatch(text) else ""


def client_id(text: str) -> str:
    """Return the id of a client that was found: an identifier, or of a URL the host and plain path."""
    if "://" not in text:
        return identifier(text)
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    if not _HOST.fullmatch(parts.netloc):
        return ""
    path = parts.path if _PLAIN_PATH.fullmatch(parts.path) else "/…" if parts.path else ""
    return f"{parts.scheme}://{parts.netloc}{path}"


def reason_code(code: str) -> str:
    """Return a reason code."""
    return code if _CODE.fullmatch(code) else ""


def scope_names(scopes: Iterable[str]) -> str:
    """Return the names of scopes that a server has, in order."""
    return " ".join(sorted(one for one in scopes if _SCOPE.fullmatch(one)))


def redirect_target(uri: str) -> str:
    """Return where a redirect URI leads: a host, this machine, or an application."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https"):
        return "an application on the user's machine"
    return parts.netloc if _HOST.fullmatch(parts.netloc) else ""
