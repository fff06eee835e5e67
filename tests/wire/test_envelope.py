"""Unambiguous parsing of a JSON-RPC message, with and without ``initialize``."""

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.wire.jsonrpc.envelope import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    INVALID_REQUEST,
    LEGACY_VERSIONS,
    MODERN_VERSIONS,
    PARSE_ERROR,
    UNSUPPORTED_VERSION,
    Malformed,
    jsonrpc_error,
    read_envelope,
)
from doorward.wire.jsonrpc.routing_headers import decode_name, encode_name
from tests.ledger import proves

MODERN = MODERN_VERSIONS[0]
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}
Headers = list[tuple[bytes, bytes]]


def modern(method: str = "tools/call", **params: Any) -> dict[str, Any]:
    """Return a valid request of protocol revision 2026-07-28."""
    given = {"name": "add", **params} if method == "tools/call" else params
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": META, **given}}


def headers(method: str = "tools/call", name: str | None = "add", version: str = MODERN) -> Headers:
    """Return the headers that a good client sends with it."""
    sent = [(b"mcp-protocol-version", version.encode()), (b"mcp-method", method.encode())]
    return sent if name is None else [*sent, (b"mcp-name", name.encode())]


def refused(body: Any, sent: Headers) -> Malformed:
    """Return the refusal of a message."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(Malformed) as refusal:
        read_envelope(data, sent)
    assert refusal.value.status == 400
    return refusal.value


@proves("S150", "accepts", "headers agree with the body")
@proves("S151", "accepts", "one reading per message")
def test_a_modern_request_with_matching_headers_is_parsed() -> None:
    body = json.dumps(modern(arguments={"a": 1})).encode()

    envelope = read_envelope(body, [(b"host", b"x"), *headers()])

    assert envelope.method == "tools/call"
    assert envelope.name == "add"
    assert envelope.id == 1
    assert envelope.protocol_version == MODERN
    assert envelope.params["arguments"] == {"a": 1}
    assert envelope.body == body
    assert not envelope.is_notification
    assert not envelope.is_response


@pytest.mark.parametrize("version", [None, *LEGACY_VERSIONS])
def test_a_legacy_request_needs_no_routing_headers(version: str | None) -> None:
    sent = [] if version is None else [(b"mcp-protocol-version", version.encode())]
    body = {"jsonrpc": "2.0", "id": "a", "method": "tools/call", "params": {"name": "add"}}

    envelope = read_envelope(json.dumps(body).encode(), sent)

    assert envelope.protocol_version is None
    assert envelope.name == "add"
    assert envelope.id == "a"


@pytest.mark.parametrize("method", ["initialize", "ping", "tools/list", "anything/else"])
def test_params_may_be_absent_in_a_legacy_request(method: str) -> None:
    envelope = read_envelope(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method}).encode(), [])

    assert envelope.method == method
    assert envelope.params == {}
    assert envelope.name is None


def test_a_legacy_version_in_header_and_body_follows_the_legacy_rules() -> None:
    meta = {**META, "io.modelcontextprotocol/protocolVersion": "2025-11-25"}
    body = json.dumps(modern(_meta=meta)).encode()

    envelope = read_envelope(body, [(b"mcp-protocol-version", b"2025-11-25")])

    assert envelope.protocol_version is None


def test_a_notification_has_no_id_and_needs_no_meta() -> None:
    body = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}

    for sent in ([], [(b"mcp-protocol-version", MODERN.encode())]):
        envelope = read_envelope(json.dumps(body).encode(), sent)
        assert envelope.is_notification
        assert envelope.id is None


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"id": 1, "result": {}}, id="result"),
        pytest.param({"id": "x", "error": {"code": 1, "message": "m"}}, id="error"),
        pytest.param({"id": None, "error": {"code": 1, "message": "m"}}, id="error-without-id"),
    ],
)
def test_a_posted_response_is_accepted_only_in_legacy_versions(answer: dict[str, Any]) -> None:
    body = json.dumps({"jsonrpc": "2.0", **answer}).encode()

    assert read_envelope(body, []).is_response
    assert read_envelope(body, [(b"mcp-protocol-version", b"2025-06-18")]).method == ""
    assert refused(body, [(b"mcp-protocol-version", MODERN.encode())]).code == "malformed-message"
    assert refused(body, [(b"mcp-protocol-version", b"1999-01-01")]).code == "unsupported-version"
    with_params = json.dumps({"jsonrpc": "2.0", **answer, "params": {}}).encode()
    assert refused(with_params, []).code == "malformed-message"


@proves("S151", "refuses", "one reading per message")
@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b"{", PARSE_ERROR, id="not-json"),
        pytest.param(b"", PARSE_ERROR, id="nothing"),
        pytest.param(b'\xef\xbb\xbf{"jsonrpc":"2.0"}', PARSE_ERROR, id="byte-order-mark"),
        pytest.param(
            b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}',
            PARSE_ERROR,
            id="method-twice",
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}',
            PARSE_ERROR,
            id="name-twice",
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","n\\u0061me":"b"}}',
            PARSE_ERROR,
            id="name-twice-once-escaped",
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","id":1,"method":"ping","params":' + b'{"a":' * 70 + b"1" + b"}" * 71,
            PARSE_ERROR,
            id="nested-too-deep",
        ),
        pytest.param([], INVALID_REQUEST, id="empty-batch"),
        pytest.param([modern()], INVALID_REQUEST, id="batch-of-one"),
        pytest.param("ping", INVALID_REQUEST, id="a-string"),
        pytest.param(None, INVALID_REQUEST, id="null"),
        pytest.param({**modern(), "jsonrpc": "1.0"}, INVALID_REQUEST, id="another-jsonrpc"),
        pytest.param({**modern(), "jsonrpc": 2.0}, INVALID_REQUEST, id="jsonrpc-as-a-number"),
        pytest.param({"id": 1, "method": "ping"}, INVALID_REQUEST, id="no-jsonrpc"),
        pytest.param({**modern(), "Method": "ping"}, INVALID_REQUEST, id="method-in-another-case"),
        pytest.param({**modern(), "PARAMS": {}}, INVALID_REQUEST, id="params-in-another-case"),
        pytest.param({**modern(), "paramſ": {}}, INVALID_REQUEST, id="params-with-a-long-s"),
        pytest.param({**modern(), "ID": 2}, INVALID_REQUEST, id="id-in-another-case"),
        pytest.param(
            {"jsonrpc": "2.0", "id": 1, "method": None, "result": {}},
            INVALID_REQUEST,
            id="response-with-a-null-method",
        ),
        pytest.param({**modern(), "method": 1}, INVALID_REQUEST, id="method-as-a-number"),
        pytest.param({**modern(), "method": ""}, INVALID_REQUEST, id="empty-method"),
        pytest.param({**modern(), "method": "tools/call\0"}, INVALID_REQUEST, id="nul-in-method"),
        pytest.param({**modern(), "params": []}, INVALID_REQUEST, id="params-as-a-list"),
        pytest.param({**modern(), "params": None}, INVALID_REQUEST, id="params-null"),
        pytest.param({**modern(), "result": {}}, INVALID_REQUEST, id="request-and-response"),
        pytest.param({"jsonrpc": "2.0", "id": 1}, INVALID_REQUEST, id="neither"),
        pytest.param({"jsonrpc": "2.0", "result": {}}, INVALID_REQUEST, id="response-without-id"),
        pytest.param(
            {"jsonrpc": "2.0", "id": 1, "result": {}, "params": {}},
            INVALID_REQUEST,
            id="response-with-params",
        ),
        pytest.param(
            {"jsonrpc": "2.0", "id": 1, "result": {}, "error": {}},
            INVALID_REQUEST,
            id="both-answers",
        ),
        pytest.param({**modern(), "id": None}, INVALID_REQUEST, id="id-null"),
        pytest.param({**modern(), "id": True}, INVALID_REQUEST, id="id-true"),
        pytest.param({**modern(), "id": 1.0}, INVALID_REQUEST, id="id-float"),
        pytest.param({**modern(), "id": [1]}, INVALID_REQUEST, id="id-list"),
        pytest.param({**modern(), "id": 2**63}, INVALID_REQUEST, id="id-beyond-64-bits"),
        pytest.param({**modern(), "id": 2**53}, INVALID_REQUEST, id="id-that-javascript-rounds"),
        pytest.param(modern(name=["add"]), INVALID_PARAMS, id="name-as-a-list"),
        pytest.param(modern(name="add\0"), INVALID_PARAMS, id="nul-in-name"),
        pytest.param(modern(Name="admin"), INVALID_PARAMS, id="name-in-another-case"),
        pytest.param(modern(_META={}), INVALID_PARAMS, id="meta-in-another-case"),
        pytest.param(modern(_meta=1), INVALID_PARAMS, id="meta-as-a-number"),
    ],
)
def test_an_ambiguous_or_malformed_message_is_refused(body: Any, code: int) -> None:
    assert refused(body, headers()).jsonrpc_code == code


@proves("S150", "refuses", "headers agree with the body")
@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(headers(method="tools/list"), id="another-method"),
        pytest.param(headers(method="TOOLS/CALL"), id="method-in-another-case"),
        pytest.param(headers(name="admin"), id="another-name"),
        pytest.param(headers(name="Add"), id="name-in-another-case"),
        pytest.param(headers(name=None), id="no-name"),
        pytest.param(headers()[:1] + headers()[2:], id="no-method"),
        pytest.param(headers()[1:], id="no-version"),
        pytest.param(headers(version="2025-11-25"), id="an-older-version-in-the-header"),
        pytest.param(headers(version="2099-01-01"), id="a-newer-version-in-the-header"),
        pytest.param([*headers(), (b"mcp-name", b"add")], id="name-repeated"),
        pytest.param([*headers(), (b"mcp-method", b"tools/call")], id="method-repeated"),
        pytest.param([*headers(), (b"mcp-protocol-version", b"2025-11-25")], id="version-repeated"),
        pytest.param(headers(name="=?base64?YWRk"), id="base64-without-an-end"),
        pytest.param(headers(name="=?base64?YWR?="), id="base64-without-padding"),
        pytest.param(headers(name="=?base64?Y WRk?="), id="base64-with-a-space"),
        pytest.param(headers(name="=?BASE64?YWRk?="), id="marker-in-upper-case"),
        pytest.param(headers(name="=?base64?YWRtaW4=?="), id="base64-of-another-name"),
        pytest.param(headers(name="ädd"), id="bytes-beyond-ascii"),
        pytest.param(headers(name="add\x01"), id="control-character"),
    ],
)
def test_headers_that_contradict_the_body_are_refused(sent: Headers) -> None:
    refusal = refused(modern(), sent)

    assert refusal.jsonrpc_code == HEADER_MISMATCH
    assert refusal.code == "header-mismatch"
    assert "admin" not in refusal.description


@proves("S150", "accepts", "headers agree with the body")
@pytest.mark.parametrize(
    ("name", "header"),
    [
        pytest.param("add", b"add", id="plain"),
        pytest.param("add", b"  add \t", id="spaces-around-it"),
        pytest.param("add", b"=?base64?YWRk?=", id="encoded-without-need"),
        pytest.param("Grüße 世界", encode_name("Grüße 世界").encode(), id="beyond-ascii"),
        pytest.param(" add", encode_name(" add").encode(), id="leading-space"),
        pytest.param(
            "=?base64?x?=", b"=?base64?" + base64.b64encode(b"=?base64?x?=") + b"?=", id="marker"
        ),
    ],
)
def test_a_name_can_be_encoded_in_its_header(name: str, header: bytes) -> None:
    sent = [*headers(name=None), (b"mcp-name", header)]

    assert read_envelope(json.dumps(modern(name=name)).encode(), sent).name == name


@proves("S150", "refuses", "headers agree with the body")
@pytest.mark.parametrize(
    ("name", "header"),
    [
        pytest.param("ad", b"=?base64?YWR=?=", id="bits-left-over"),
        pytest.param("\xe9", b"\xe9", id="latin-1"),
        pytest.param("\xc3\xa9", "\xe9".encode(), id="utf-8-read-as-latin-1"),
        pytest.param("a\xa0", b"a\xa0", id="a-space-that-is-none"),
    ],
)
def test_a_non_canonical_name_header_is_refused(name: str, header: bytes) -> None:
    sent = [*headers(name=None), (b"mcp-name", header)]

    assert refused(modern(name=name), sent).jsonrpc_code == HEADER_MISMATCH


@given(st.text())
def test_every_name_is_encoded_and_decoded_unchanged(name: str) -> None:
    encoded = encode_name(name)

    assert encoded.isascii()
    assert encoded.isprintable()
    assert encoded == encoded.strip()
    assert decode_name(encoded) == name


@proves("S150", "refuses", "headers agree with the body")
@pytest.mark.parametrize(
    "sent",
    [
        pytest.param([(b"mcp-method", b"tools/list")], id="method"),
        pytest.param([(b"mcp-name", b"admin")], id="name"),
        pytest.param([(b"mcp-name", b"add"), (b"mcp-name", b"add")], id="repeated"),
    ],
)
def test_the_routing_headers_of_a_legacy_client_must_match_the_body(sent: Headers) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "add"}}

    assert refused(body, sent).jsonrpc_code == HEADER_MISMATCH


@pytest.mark.parametrize(
    ("method", "params", "name"),
    [
        ("prompts/get", {"name": "greeting"}, "greeting"),
        ("resources/read", {"uri": "file:///a"}, "file:///a"),
        ("resources/subscribe", {"uri": "file:///a"}, "file:///a"),
        ("tasks/get", {"taskId": "t1"}, "t1"),
        ("completion/complete", {"ref": {"type": "ref/prompt", "name": "p"}}, "p"),
        ("completion/complete", {"ref": {"type": "ref/resource", "uri": "u"}}, "u"),
        ("completion/complete", {}, None),
        ("tools/list", {"name": "add"}, None),
    ],
)
def test_the_name_comes_from_the_parameters_of_the_method(
    method: str, params: dict[str, Any], name: str | None
) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}

    assert read_envelope(json.dumps(body).encode(), []).name == name


@pytest.mark.parametrize(
    "params",
    [
        pytest.param({}, id="no-meta"),
        pytest.param({"_meta": {}}, id="empty-meta"),
        pytest.param({"_meta": {k: v for k, v in META.items() if "Cap" in k}}, id="no-version"),
        pytest.param(
            {"_meta": {k: v for k, v in META.items() if "Ver" in k}}, id="no-capabilities"
        ),
        pytest.param({"_meta": {**META, list(META)[1]: 1}}, id="capabilities-as-a-number"),
        pytest.param({"_meta": {**META, next(iter(META)): 1}}, id="version-as-a-number"),
        pytest.param(
            {"_meta": {**META, "io.modelcontextprotocol/ProtocolVersion": MODERN}},
            id="version-in-another-case",
        ),
    ],
)
def test_a_modern_request_with_incomplete_meta_is_refused(
    params: dict[str, Any],
) -> None:
    body = {"jsonrpc": "2.0", "id": 7, "method": "server/discover", "params": params}

    refusal = refused(body, headers("server/discover", name=None))

    assert refusal.jsonrpc_code == INVALID_PARAMS
    assert refusal.id == 7


def test_a_modern_call_must_name_its_tool() -> None:
    body = modern()
    del body["params"]["name"]

    assert refused(body, headers()).jsonrpc_code == INVALID_PARAMS


@pytest.mark.parametrize("said_in_meta", [True, False])
def test_an_unsupported_version_gets_the_supported_ones(said_in_meta: bool) -> None:
    meta = {**META, "io.modelcontextprotocol/protocolVersion": "v999"}
    body = modern(_meta=meta) if said_in_meta else {**modern(), "params": {"name": "add"}}

    refusal = refused(body, headers(version="v999"))

    assert refusal.jsonrpc_code == UNSUPPORTED_VERSION
    assert refusal.data == {"supported": list(MODERN_VERSIONS), "requested": "v999"}
    assert refusal.id == 1


def test_a_header_mismatch_is_reported_before_an_unsupported_version() -> None:
    meta = {**META, "io.modelcontextprotocol/protocolVersion": "v999"}

    assert refused(modern(_meta=meta), headers()).jsonrpc_code == HEADER_MISMATCH


def test_a_notification_of_an_unknown_version_is_refused() -> None:
    body = {"jsonrpc": "2.0", "method": "notifications/cancelled"}

    refusal = refused(body, [(b"mcp-protocol-version", b"v999")])

    assert refusal.jsonrpc_code == UNSUPPORTED_VERSION


def test_a_refusal_has_the_id_of_the_request_that_was_parsed() -> None:
    assert refused(modern(), headers(name="admin")).id == 1
    assert refused(b"{", []).id is None


def test_a_jsonrpc_error_has_the_id_of_the_request_or_none() -> None:
    assert json.loads(jsonrpc_error(0, -32600, "No.")) == {
        "jsonrpc": "2.0",
        "id": 0,
        "error": {"code": -32600, "message": "No."},
    }
    assert json.loads(jsonrpc_error(None, 401, "No.", {"reason": "x"})) == {
        "jsonrpc": "2.0",
        "error": {"code": 401, "message": "No.", "data": {"reason": "x"}},
    }


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused_as_malformed(body: bytes) -> None:
    with suppress(Malformed):
        assert read_envelope(body, []).body == body


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    st.fixed_dictionaries(
        {"jsonrpc": st.just("2.0")},
        optional={
            "id": _JSON,
            "method": _JSON | st.sampled_from(["tools/call", "completion/complete"]),
            "params": _JSON
            | st.dictionaries(st.sampled_from(["name", "_meta", "ref", "uri"]), _JSON, max_size=3),
            "result": _JSON,
            "error": _JSON,
        },
    )
)
def test_any_message_is_parsed_or_refused_as_malformed(message: dict[str, Any]) -> None:
    with suppress(Malformed):
        envelope = read_envelope(json.dumps(message).encode(), [])
        assert envelope.method == message.get("method", "")
        assert envelope.is_notification == ("id" not in message)
