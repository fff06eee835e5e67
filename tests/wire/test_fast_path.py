"""The fast path reads a request as the full path does, or leaves it alone."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.wire.jsonrpc.envelope import Envelope, Malformed, read_envelope
from doorward.wire.jsonrpc.fast_path import read_common_request
from tests.wire.test_envelope import META, MODERN, headers, modern


def verdict(body: bytes, sent: Any) -> Envelope | tuple[str, int, object]:
    """Return what is read, or how it is refused."""
    try:
        return read_envelope(body, sent)
    except Malformed as refusal:
        return (refusal.description, refusal.jsonrpc_code, refusal.id)


def test_a_common_tool_call_takes_the_fast_path() -> None:
    common = read_common_request(modern(arguments={"a": 1}), dict(headers()))

    assert common is not None
    request_id, method, params, name, version = common
    assert (request_id, method, name, version) == (1, "tools/call", "add", MODERN)
    assert params["arguments"] == {"a": 1}


@pytest.mark.parametrize(
    ("changed", "sent"),
    [
        ({}, headers(name="admin")),
        ({}, headers(method="tools/list")),
        ({}, headers(version="2025-11-25")),
        ({}, headers(name=None)),
        ({"jsonrpc": "1.0"}, headers()),
        ({"id": True}, headers()),
        ({"id": -1}, headers()),
        ({"id": 2**53}, headers()),
        ({"extra": 1}, headers()),
        ({"method": ["tools/call"]}, headers()),
        ({"method": "tools/list"}, headers(method="tools/list", name=None)),
        ({"params": {"name": "add", "_meta": META, "Name": "admin"}}, headers()),
        ({"params": {"name": "add", "_meta": {**META, "IO.x": 1}}}, headers()),
        ({"params": {"name": "add", "_meta": {}}}, headers()),
        ({"params": {"name": " add", "_meta": META}}, headers(name=" add")),
        ({"params": {"name": "=?base64?YQ==?=", "_meta": META}}, headers(name="=?base64?YQ==?=")),
        ({"params": {"name": ["add"], "_meta": META}}, headers()),
        ({"params": [META]}, headers()),
    ],
)
def test_an_unusual_request_does_not_take_the_fast_path(
    changed: dict[str, Any], sent: list[tuple[bytes, bytes]]
) -> None:
    assert read_common_request({**modern(), **changed}, dict(sent)) is None


_NAMES = st.sampled_from(["add", "Add", " add", "=?base64?YWRk?=", "a\tb", "ä", "", "=x"])
_VALUES: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.just({})
)


@given(
    body=st.fixed_dictionaries(
        {"jsonrpc": st.just("2.0")},
        optional={
            "id": st.integers() | st.text(max_size=3) | _VALUES,
            "method": st.sampled_from(["tools/call", "prompts/get", "tools/list", "Tools/call"]),
            "params": st.fixed_dictionaries(
                {},
                optional={
                    "name": _NAMES | _VALUES,
                    "NAME": _NAMES,
                    "uri": _NAMES,
                    "arguments": _VALUES,
                    "_meta": st.just(META)
                    | st.dictionaries(st.sampled_from([*META, "x", "IO.x"]), _VALUES),
                },
            ),
            "result": _VALUES,
        },
    ),
    sent=st.fixed_dictionaries(
        {},
        optional={
            b"mcp-protocol-version": st.sampled_from([MODERN.encode(), b"2025-11-25", b"x"]),
            b"mcp-method": st.sampled_from([b"tools/call", b"prompts/get", b" tools/call"]),
            b"mcp-name": _NAMES.map(lambda name: name.encode("latin-1")),
        },
    ),
)
def test_the_fast_path_and_the_full_path_agree_on_any_request(
    body: dict[str, Any], sent: dict[bytes, bytes]
) -> None:
    data = json.dumps(body).encode()

    assert verdict(data, sent) == verdict(data, list(sent.items()))


@given(name=_NAMES, sent=_NAMES, request_id=st.integers(-2, 2**53 + 1))
def test_the_fast_path_and_the_full_path_agree_on_tool_calls(
    name: str, sent: str, request_id: int
) -> None:
    data = json.dumps({**modern(name=name), "id": request_id}).encode()
    said = [*headers(name=None), (b"mcp-name", sent.encode("latin-1"))]

    assert verdict(data, dict(said)) == verdict(data, said)
