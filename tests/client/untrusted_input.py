"""Untrusted input: valid examples, and hostile changes to them."""

import copy
import json
from typing import Any

from hypothesis import strategies as st

Json = Any


def deep(levels: int, kind: str = "list") -> Json:
    """Return a value that is nested ``levels`` deep."""
    value: Json = 0
    for _ in range(levels):
        value = [value] if kind == "list" else {"a": value}
    return value


URLS = (
    "https://[v1.x]/",
    "https://999.1.1.1/",
    "http://[",
    "//[",
    "https://a.example/" + "x" * 70_000,
    "https://a.example:99999/",
    "https://a.example:0/",
    "https://a..example/",
    "https://xn--a/",
    "https://%41.example/",
    "https://[::1%25eth0]/",
    "https://u:p@a.example/",
    "https://127.1/",
    "https://a.example/\r\nx: y",
    "https://é.example/",
    "file:///etc/passwd",
    "https://a.example/?a=%zz",
    "https://" + "a" * 64 + ".example/",
)
TEXTS = (
    "",
    "\x00",
    "\r\n",
    "é",
    "\u202e",
    "\ufeff",
    "\U0001f600",
    "a" * 70_000,
    " ".join(f"scope:{number}" for number in range(9_000)),
    "[" * 5_000,
    "9" * 5_000,
    "NaN",
    "%",
    "../../x",
    "$(touch x)",
    "=?base64?=?=",
    *URLS,
)
VALUES: tuple[Json, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    1e308,
    -1e-9,
    2**70,
    -(10**400),
    [],
    {},
    [[]],
    [None],
    [{}],
    {"": ""},
    ["a", ["b"]],
    {"type": ["string", {}]},
    {"properties": []},
    {"anyOf": 7},
    deep(60),
    deep(60, "dict"),
    *TEXTS,
)

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
anything: st.SearchStrategy[Json] = st.sampled_from(VALUES) | st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
text = st.sampled_from(TEXTS) | st.text() | st.text(st.characters(codec=None), max_size=50)


def _places(value: Json, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at]
    if isinstance(value, dict):
        for name in value:
            found += _places(value[name], (*at, name))
    if isinstance(value, list):
        for number in range(len(value)):
            found += _places(value[number], (*at, number))
    return found


def _changed(value: Json, at: tuple[Any, ...], new: Json, *, remove: bool) -> Json:
    if not at:
        return new
    holder = value
    for step in at[:-1]:
        holder = holder[step]
    if remove:
        del holder[at[-1]]
    else:
        holder[at[-1]] = new
    return value


@st.composite
def mutated(draw: st.DrawFn, *valid: Json) -> Json:
    """Draw one of ``valid`` with up to three of its members replaced, removed or added."""
    value = copy.deepcopy(draw(st.sampled_from(valid)))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.sampled_from(_places(value)))
        new = copy.deepcopy(draw(anything))
        value = _changed(value, at, new, remove=draw(st.booleans()) and bool(at))
    return value


@st.composite
def cut(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """Draw bytes of ``whole`` that may be truncated, doubled, or changed in a few places."""
    data = bytearray(draw(whole))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(("truncate", "insert", "replace", "double"))):
            case "truncate":
                del data[at:]
            case "insert":
                data[at:at] = draw(st.binary(max_size=8))
            case "replace":
                data[at : at + 4] = draw(st.binary(max_size=4))
            case _:
                data += data[:at][:4096]
    return bytes(data)


address = text | cut(
    st.sampled_from(
        (
            b"https://a.example/mcp",
            b"https://a.example:8443/mcp?a=b%20c",
            b"http://localhost:8000/mcp",
            b"https://[2606:4700::1]:443/mcp",
            b"https://10.0.0.5/mcp",
            b"https://xn--bcher-kva.example/",
        )
    )
).map(lambda data: data.decode("utf-8", "surrogateescape"))


def written(value: Json) -> bytes:
    """Return ``value`` as JSON, lone surrogates and all."""
    return json.dumps(value).encode()


def document(*valid: Json) -> st.SearchStrategy[bytes]:
    """Draw the bytes of a mutated document."""
    whole = mutated(*valid).map(written)
    return (
        whole
        | whole
        | cut(whole)
        | st.sampled_from(
            (b"", b"{", b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe", b"null", b"\xef\xbb\xbf{}")
        )
    )


headers = st.dictionaries(
    st.sampled_from(
        (
            "content-type",
            "content-encoding",
            "mcp-session-id",
            "www-authenticate",
            "location",
            "set-cookie",
            "dpop-nonce",
            "retry-after",
        )
    ),
    st.sampled_from(
        (
            b"text/event-stream",
            b"application/json",
            b"gzip",
            b"identity",
            b"session-1",
            b"\xc3\xa9",
            b"\xff",
            b"",
            b"a\tb",
            b"x" * 5_000,
            b'Bearer error="insufficient_scope", scope="a b"',
            b'Bearer scope="' + b"s " * 9_000 + b's", error="insufficient_scope"',
            b'DPoP error="use_dpop_nonce"',
            b'Bearer resource_metadata="https://[v1.x]/"',
            b"Bearer =, ,, \x80",
            b"https://[v1.x]/",
            b"a=b; expires=Thu, 99 Foo 99999 99:99:99 GMT; domain=..; max-age=1e9",
        )
    )
    | st.binary(max_size=40).map(lambda data: data.translate(None, b"\r\n\x00")),
    max_size=3,
).map(lambda chosen: [(name.encode(), value) for name, value in chosen.items()])
