"""Resource URIs in normal form: each resource has one spelling, in rules and in requests."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes

from doorward.wire.jsonrpc.envelope import NAMED, Envelope
from doorward.wire.jsonrpc.malformed import AmbiguousUri
from doorward.wire.unicode_form import normalized

URI_METHODS = frozenset(method for method, member in NAMED.items() if member == "uri")
"""The methods whose name is a URI."""
_CARRIERS = URI_METHODS | {"completion/complete", "subscriptions/listen"}

_URI = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):"
    r"(?://(?P<authority>[A-Za-z0-9._~!$&'()*+,;=:@%\[\]-]*))?"
    r"(?P<path>[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)"
    r"(?:\?(?P<query>[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*))?"
)
_HOST_AND_PORT = re.compile(r"((?:[^@]*@)?)(\[[0-9A-Fa-f:.]+\]|[^@:\[\]]*)(?::([0-9]*))?")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
_VARIABLE = re.compile(r"\{[^{}]*\}")
_QUERY_VARIABLE = re.compile(r"\{[?&][^{}]*\}")
_QUERY_OR_FRAGMENT = re.compile(r"[?#]")
_SEPARATORS = re.compile(r"[/\\]+")
_RESERVED = "!$&'()*+,;=:@/[]"

# For these schemes, URL parsers lower-case the host, drop the default port and write "/" for an
# empty path. They leave the host of other schemes unchanged, such as "greeting://Alice".
_DEFAULT_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21", "file": ""}

NORMAL_FORM = (
    "a lower-case scheme (and host, for http), upper-case %XX only where the character needs it, "
    "and no fragment, empty query, or '.' or '..' segment"
)
"""The normal form in words, for errors."""


def normal_form(uri: str) -> str | None:
    """
    Return the normal form of ``uri``, or ``None`` if no spelling of it is accepted.

    ``files://s%61laries.txt`` becomes ``files://salaries.txt``. A URI is not
    accepted if it has an encoded control character, bytes that are not UTF-8, or ``..`` behind an
    encoded slash.

    Spec: RFC 3986 §6.2.2, §6.2.3
    """
    read = _URI.fullmatch(_encoded(uri.partition("#")[0]))
    if read is None or not _is_decodable(read[0]):
        return None
    scheme, query = read["scheme"].lower(), read["query"]
    path = _without_dot_segments(_escapes(read["path"]))
    authority = None if read["authority"] is None else _authority(scheme, read["authority"])
    if read["authority"] is not None:
        if authority is None:
            return None
        if not path and _DEFAULT_PORTS.get(scheme):
            path = "/"
    # Some applications read the host as the first path segment.
    if _has_dot_segment(f"{authority or ''}/{path}") or (
        authority is None and path.startswith("//")
    ):
        return None
    written = f"{scheme}:{'' if authority is None else f'//{authority}'}{path}"
    return f"{written}?{_escapes(query)}" if query else written


def require_normal_uris(envelope: Envelope) -> None:
    """
    Refuse a message that names a resource in another spelling than its normal form.

    Raises:
        AmbiguousUri: with the normal form, if there is one.

    Spec: RFC 3986 §6.2.2
    """
    if envelope.method not in _CARRIERS:
        return
    for uri in _uris_in(envelope):
        # ``completion/complete`` names a template or a resource.
        usable = is_normal_template if envelope.method == "completion/complete" else is_normal
        if not usable(uri):
            written = normal_form(uri)
            wanted = f"Send {written!r}." if written else f"Send a URI with {NORMAL_FORM}."
            raise AmbiguousUri(
                f"uri={uri!r:.300}, want {written!r:.300}",
                description=f"{AmbiguousUri.public} {wanted}",
                id=envelope.id,
            )


def _uris_in(envelope: Envelope) -> Iterator[str]:
    params, name = envelope.params, envelope.name
    if envelope.method == "subscriptions/listen":
        wanted = params.get("notifications")
        listed = wanted.get("resourceSubscriptions") if isinstance(wanted, Mapping) else None
        if isinstance(listed, list):
            yield from (one for one in listed if isinstance(one, str))
    elif name is not None and (envelope.method in URI_METHODS or _is_of_resource(params)):
        yield name


def _is_of_resource(params: Mapping[str, Any]) -> bool:
    return bool(params["ref"].get("type") == "ref/resource")


def is_normal(uri: str) -> bool:
    """Return whether ``uri`` is in normal form."""
    return normal_form(uri) == uri


def is_normal_template(text: str) -> bool:
    """Return whether ``text`` is a URI in normal form, or a template with such literals."""
    # A digit is valid in every part of a URI, even in a port.
    return is_normal(_VARIABLE.sub("1", _QUERY_VARIABLE.sub("", text)))


def without_query(uri: str) -> str:
    """Return ``uri``, or a template, without its query, which some applications drop."""
    return _QUERY_VARIABLE.sub("", uri).partition("?")[0]


def coarse_form(uri: str) -> str:
    """
    Return a form that is equal for all URIs that an application could read as one resource.

    Some file systems ignore case. Some applications decode a URI before they split it, or decode it
    twice. Some drop the query, the user, the port or a second slash. Two resources can share one
    coarse form, so use it only to add the rules of one to those of the other.

    Does not check whether ``uri`` is in normal form.
    """
    scheme, _, rest = without_query(uri).partition(":")
    if rest.startswith("//"):
        authority, slash, path = rest[2:].partition("/")
        host = _HOST_AND_PORT.fullmatch(authority)
        rest = f"{host[2] if host else authority}{slash}{path}"
    # An encoded "?" or "#" ends the path in applications that decode first.
    path = _QUERY_OR_FRAGMENT.split(_decoded(rest))[0]
    # Some applications read the host as the first segment, or a path without a host as relative.
    return f"{scheme.casefold()}:{_coarse(path).strip('/')}"


def coarse_template(text: str) -> str:
    """Return the template that matches the coarse form of every URI that ``text`` matches."""
    literals = _VARIABLE.split(text)
    scheme, colon, rest = literals[0].partition(":")
    first = f"{scheme.casefold()}{colon}{_coarse(rest).lstrip('/')}"
    coarse = [first, *map(_coarse, literals[1:])]
    coarse[-1] = coarse[-1].rstrip("/")
    variables = [*_VARIABLE.findall(text), ""]
    return "".join(f"{one}{two}" for one, two in zip(coarse, variables, strict=True))


def _coarse(part: str) -> str:
    decoded = _SEPARATORS.sub("/", _decoded(part))
    return quote(normalized("NFKC", decoded).casefold(), safe=_RESERVED)


def _decoded(part: str) -> str:
    for _ in range(3):
        part = unquote(part)
    return part


def _encoded(uri: str) -> str:
    """Return ``uri`` with every character encoded that URIs do not allow."""
    return quote(uri, safe=f"%?{_RESERVED}", errors="replace")


def _is_decodable(uri: str) -> bool:
    if _BROKEN_ESCAPE.search(uri):
        return False
    try:
        return unquote_to_bytes(uri).decode("utf-8").isprintable()
    except UnicodeDecodeError:
        return False


def _escapes(part: str) -> str:
    def written(escape: re.Match[str]) -> str:
        letter = chr(int(escape[1], 16))
        return letter if _UNRESERVED.fullmatch(letter) else escape[0].upper()

    return _ESCAPE.sub(written, part)


def _authority(scheme: str, authority: str) -> str | None:
    read = _HOST_AND_PORT.fullmatch(_escapes(authority))
    if read is None:
        return None
    user, host, port = read.groups()
    if scheme not in _DEFAULT_PORTS:
        return _escapes(authority)
    host = host.lower()
    return f"{user}{host}" if port in (None, "", _DEFAULT_PORTS[scheme]) else f"{user}{host}:{port}"


def _without_dot_segments(path: str) -> str:
    """Spec: RFC 3986 §5.2.4."""
    kept: list[str] = []
    segments = path.split("/")
    for place, segment in enumerate(segments):
        if segment not in (".", ".."):
            kept.append(segment)
            continue
        if segment == ".." and len(kept) > 1:
            kept.pop()
        if place == len(segments) - 1:
            kept.append("")
    return "/".join(kept)


def _has_dot_segment(path: str) -> bool:
    """Return whether a path has a dot segment after its separators are decoded."""
    return not {".", ".."}.isdisjoint(_SEPARATORS.split(_decoded(path)))
