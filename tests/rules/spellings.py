"""Ways to write a name, a URI, a header or a body that two readers may read differently."""

import json
import unicodedata
from collections.abc import Callable, Mapping
from urllib.parse import quote

Change = Callable[[str, int], str]
_Headers = dict[bytes, bytes]
_More = list[tuple[bytes, bytes]]

_ENDS = (
    *("?", "?x=1", "?a/../b", "#", "#x", "/", ".", " ", ";x", "/.", "/..", "@1", "@v1"),
    *("%20", "%00", "%2e", "%3F", "%23x"),
)
_INVISIBLE = ("\u200b", "\u00ad", "\ufeff", "\u2060", "\u202e", "\t", "\x00", " ", "\u0301")


def _at(text: str, place: int) -> int:
    return place % max(len(text), 1)


def _letter(changed: Callable[[str], str]) -> Change:
    """Return what changes one letter of a text."""

    def change(text: str, place: int) -> str:
        at = _at(text, place)
        return text[:at] + changed(text[at : at + 1]) + text[at + 1 :]

    return change


def _begins(more: str) -> Change:
    """Return what puts ``more`` after the scheme."""
    return lambda text, _: text.replace("://", f"://{more}", 1)


def _ends(more: str) -> Change:
    return lambda text, _: text + more


def _holds(more: str) -> Change:
    return lambda text, place: text[: _at(text, place)] + more + text[_at(text, place) :]


def _slashes(other: str) -> Change:
    """Return what writes the slashes of the path in another way."""
    return lambda text, _: text[:8] + text[8:].replace("/", other)


def _escape(letter: str) -> str:
    return "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogatepass"))


def _overlong(letter: str) -> str:
    code = ord(letter or "a") & 0x7F
    return f"%{0xC0 | code >> 6:02X}%{0x80 | code & 0x3F:02X}"


def _wide(letter: str) -> str:
    return chr(ord(letter) + 0xFEE0) if letter and "!" <= letter <= "~" else letter


def _all_escaped(text: str, _: int) -> str:
    scheme, colon, rest = text.partition("://")
    return scheme + colon + "".join(map(_escape, rest))


TEXTS: Mapping[str, Mapping[str, Change]] = {
    "escapes": {
        "escaped": _letter(_escape),
        "escaped-in-small-letters": _letter(lambda one: _escape(one).lower()),
        "escaped-twice": _letter(lambda one: _escape(one).replace("%", "%25")),
        "all-escaped": _all_escaped,
        "overlong": _letter(_overlong),
    },
    "letters": {
        "other-case": _letter(str.swapcase),
        "upper-case": lambda text, _: text.upper(),
        "wide": _letter(_wide),
        "decomposed": lambda text, _: unicodedata.normalize("NFKD", text),
        "left-out": _letter(lambda _: ""),
    },
    "dots": {
        "dot": _begins("./"),
        "dots": _begins("x/../"),
        "escaped-dots": _begins("x/%2e%2e/"),
        "escaped-slash-dots": _begins("x%2F..%2F"),
        "backslash-dots": _begins("x\\..\\"),
    },
    "authority": {"empty": _begins("/"), "user": _begins("u@"), "port": _ends(":80")},
    "slashes": {
        "doubled": _slashes("//"),
        "escaped": _slashes("%2F"),
        "backslash": _slashes("\\"),
        "one": lambda text, _: text.replace("://", ":/", 1),
    },
    "ends": {repr(one): _ends(one) for one in _ENDS},
    "invisible": {
        **{repr(one): _holds(one) for one in _INVISIBLE},
        "escaped": _letter(lambda one: one + quote("\u200b")),
    },
}
"""Changes of a name or a URI, at a place in it, by what they change."""


def _without(name: bytes) -> Callable[[_Headers], _More]:
    def change(headers: _Headers) -> _More:
        headers.pop(name, None)
        return []

    return change


def _instead(name: bytes, value: bytes) -> Callable[[_Headers], _More]:
    def change(headers: _Headers) -> _More:
        headers[name] = value
        return []

    return change


def _besides(*more: tuple[bytes, bytes]) -> Callable[[_Headers], _More]:
    return lambda _: list(more)


HEADERS: Mapping[str, Callable[[_Headers], _More]] = {
    "no-method": _without(b"mcp-method"),
    "no-name": _without(b"mcp-name"),
    "no-version": _without(b"mcp-protocol-version"),
    "no-type": _without(b"content-type"),
    "no-token": _without(b"authorization"),
    "other-method": _instead(b"mcp-method", b"tools/list"),
    "older-version": _instead(b"mcp-protocol-version", b"2025-11-25"),
    "type-with-charset": _instead(b"content-type", b"application/json; charset=utf-16"),
    "two-words": _instead(b"authorization", b"Bearer token0 token1"),
    "two-schemes": _instead(b"authorization", b"Basic Bearer token0"),
    "empty-token": _instead(b"authorization", b"Bearer "),
    "listed-tokens": _instead(b"authorization", b"Bearer token0, token1"),
    "small-bearer": _instead(b"authorization", b"bearer token0"),
    "two-tokens": _besides((b"authorization", b"Bearer token0")),
    "method-twice": _besides((b"mcp-method", b"tools/list")),
    "version-twice": _besides((b"mcp-protocol-version", b"2025-11-25")),
    "length": _besides((b"content-length", b"0")),
    "chunked": _besides((b"transfer-encoding", b"chunked")),
    "override": _besides((b"x-http-method-override", b"POST")),
    "identity-claimed": _besides((b"x-user", b"root"), (b"x-mcp-authorized", b"true")),
}
"""Changes of the headers of a request; each returns headers to add to them."""

BODIES: Mapping[str, Callable[[str], str]] = {
    "batch": lambda body: f"[{body}]",
    "batch-of-two": lambda body: '[{"jsonrpc":"2.0","id":7,"method":"ping"},' + body + "]",
    "method-twice": lambda body: body.replace('{"jsonrpc"', '{"method": "ping", "jsonrpc"', 1),
    "method-capital": lambda body: body.replace('"method"', '"Method": "ping", "method"', 1),
    "params-twice": lambda body: body.replace('"params"', '"params": {}, "params"', 1),
    "byte-order-mark": lambda body: "\ufeff" + body,
    "notification": lambda body: body.replace('"id": 1, ', "", 1),
    "null-id": lambda body: body.replace('"id": 1', '"id": null', 1),
    "escaped-key": lambda body: body.replace('"name"', '"n\\u0061me"', 1),
    "trailing": lambda body: body + "{}",
    "spaces": lambda body: f" \n{body}\n ",
    "single-quotes": lambda body: body.replace('"', "'"),
}
"""Changes of the body of a request."""


def with_decoy(body: str, member: str, decoy: str, place: str) -> str:
    """Return a body that names a decoy as well: ``before`` or ``after`` the name, or elsewhere."""
    added = f"{json.dumps(member)}: {json.dumps(decoy)}"
    if place == "before":
        return body.replace('"params": {', f'"params": {{{added}, ', 1)
    if place == "after":
        return f"{body[:-2]}, {added}}}}}"
    return body.replace('{"jsonrpc"', f'{{{added}, "jsonrpc"', 1)


DECOYS = ("before", "after", "outside", "header")
VERBS = ("GET", "PUT", "PATCH", "DELETE", "QUERY", "HEAD", "FOO", "post", "OPTIONS", "TRACE")
PATHS = ("/mcp/", "//mcp", "/mcp/x", "/MCP", "/", "/mcp;x", "/mcp/../mcp", "/mcp/.", "/x")
