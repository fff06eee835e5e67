"""The three headers in which a client repeats what its body says."""

import base64
import binascii
from collections.abc import Iterable
from typing import NamedTuple

_ROUTING = frozenset({b"mcp-protocol-version", b"mcp-method", b"mcp-name"})
_SHOWN = {
    b"mcp-protocol-version": "MCP-Protocol-Version",
    b"mcp-method": "Mcp-Method",
    b"mcp-name": "Mcp-Name",
}
_PREFIX, _SUFFIX = "=?base64?", "?="


class Routing(NamedTuple):
    """What the routing headers say; ``problem`` is set when they cannot be trusted to say one thing."""

    version: str | None
    method: str | None
    name: str | None
    problem: str | None = None


def read_routing(headers: Iterable[tuple[bytes, bytes]]) -> Routing:
    """
    Return the routing headers, each at most once and in printable ASCII.

    Spec: MCP 2026-07-28 basic/transports/streamable-http §Request Metadata
    """
    found: dict[bytes, str] = {}
    for name, value in headers:
        if name not in _ROUTING:
            continue
        # One reader takes the first copy of a repeated header, another the last.
        if name in found:
            return Routing(None, None, None, f"{_SHOWN[name]} came more than once")
        text = value.strip(b" \t").decode("latin-1")
        if not (text.isascii() and text.isprintable()):
            return Routing(None, None, None, f"{_SHOWN[name]} has characters no header may have")
        found[name] = text
    return Routing(
        found.get(b"mcp-protocol-version"), found.get(b"mcp-method"), found.get(b"mcp-name")
    )


def decode_name(value: str) -> str | None:
    """
    Return the name that an Mcp-Name header carries, or ``None`` when its encoding is broken.

    ``=?base64?…?=`` is decoded, everything else stands for itself.

    Spec: MCP 2026-07-28 basic/transports/streamable-http §Value Encoding
    """
    if not (value.startswith(_PREFIX) and value.endswith(_SUFFIX)):
        return value
    payload = value[len(_PREFIX) : -len(_SUFFIX)]
    try:
        decoded = base64.b64decode(payload, validate=True)
        # Python ignores bits left over at the end: two headers would carry one name.
        if base64.b64encode(decoded).decode("ascii") != payload:
            return None
        return decoded.decode("utf-8")
    except (binascii.Error, ValueError):
        return None


def encode_name(name: str) -> str:
    """Return ``name`` as an Mcp-Name header carries it."""
    plain = name.isascii() and name.isprintable() and name == name.strip()
    if plain and not (name.startswith(_PREFIX) and name.endswith(_SUFFIX)):
        return name
    return f"{_PREFIX}{base64.b64encode(name.encode()).decode('ascii')}{_SUFFIX}"
