"""The three headers that repeat values of the request body."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import NamedTuple

_SHOWN = {
    b"mcp-protocol-version": "MCP-Protocol-Version",
    b"mcp-method": "Mcp-Method",
    b"mcp-name": "Mcp-Name",
}
_PREFIX, _SUFFIX = "=?base64?", "?="


class Routing(NamedTuple):
    """The values of the routing headers; ``problem`` is set if they are ambiguous."""

    version: str | None
    method: str | None
    name: str | None
    problem: str | None = None


def read_routing(headers: Iterable[tuple[bytes, bytes]]) -> Routing:
    """
    Return the routing headers; each must come at most once, in printable ASCII.

    Spec: MCP 2026-07-28 basic/transports/streamable-http §Request Metadata
    """
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        # Of a repeated header, some parsers take the first and some the last.
        if name in found and name in _SHOWN:
            return Routing(None, None, None, f"{_SHOWN[name]} came more than once")
        found[name] = value
    return routing_among(found)


def routing_among(headers: Mapping[bytes, bytes]) -> Routing:
    """Return the routing headers among ``headers``, each of which came once."""
    version = headers.get(b"mcp-protocol-version")
    method, name = headers.get(b"mcp-method"), headers.get(b"mcp-name")
    try:
        return Routing(
            None if version is None else _text(version),
            None if method is None else _text(method),
            None if name is None else _text(name),
        )
    except ValueError:
        wrong = next(one for one in _SHOWN if not _is_plain(headers.get(one, b"")))
        return Routing(None, None, None, f"{_SHOWN[wrong]} has characters no header may have")


def _text(value: bytes) -> str:
    text = value.decode("ascii").strip(" \t")
    if not text.isprintable():
        raise ValueError
    return text


def _is_plain(value: bytes) -> bool:
    try:
        return _text(value) is not None
    except ValueError:
        return False


def decode_name(value: str) -> str | None:
    """
    Return the name in an Mcp-Name header, or ``None`` if its encoding is invalid.

    ``=?base64?…?=`` is decoded; every other value is returned unchanged.

    Spec: MCP 2026-07-28 basic/transports/streamable-http §Value Encoding
    """
    if not (value.startswith(_PREFIX) and value.endswith(_SUFFIX)):
        return value
    payload = value[len(_PREFIX) : -len(_SUFFIX)]
    try:
        decoded = base64.b64decode(payload, validate=True)
        # Python ignores unused bits at the end, so two headers could give one name.
        if base64.b64encode(decoded).decode("ascii") != payload:
            return None
        return decoded.decode("utf-8")
    except (binascii.Error, ValueError):
        return None


def encode_name(name: str) -> str:
    """Return ``name`` encoded for an Mcp-Name header."""
    plain = name.isascii() and name.isprintable() and name == name.strip()
    if plain and not (name.startswith(_PREFIX) and name.endswith(_SUFFIX)):
        return name
    return f"{_PREFIX}{base64.b64encode(name.encode()).decode('ascii')}{_SUFFIX}"
