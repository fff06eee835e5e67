"""Messages that no client would send, at a running demo: each its error, and the next is served."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.e2e.honest import (
    ADD,
    ADD_HEADERS,
    Headers,
    assert_clear,
    assert_serves,
    at,
    bearer,
)
from tests.e2e.raw_http import META, VERSION, call, post, request, routing, send
from tests.e2e.running_demo import RunningDemo
from tests.e2e.sign_in import SignedIn

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

LIMIT_AND_MORE = 5 * 1024 * 1024


@dataclass(frozen=True)
class Bad:
    """One bad message with a good token: what is sent, and the one answer it must get."""

    name: str
    body: bytes
    status: int
    code: int | None
    headers: Headers = field(default=ADD_HEADERS)


def _changed(**members: Any) -> bytes:
    return json.dumps({**json.loads(ADD), **members}).encode()


def _params(**members: Any) -> bytes:
    return _changed(params={"name": "add", "arguments": {"a": 2, "b": 3}, "_meta": META, **members})


BAD_MESSAGES = (
    Bad("no-body", b"", 400, -32700),
    Bad("half-a-document", ADD[:-1], 400, -32700),
    Bad("two-documents", ADD + ADD, 400, -32700),
    Bad("not-utf-8", ADD.replace(b"add", b"\xff\xfe"), 400, -32700),
    Bad("nan", ADD.replace(b": 2", b": NaN"), 400, -32700),
    Bad("method-twice", ADD[:-1] + b', "method": "tools/list"}', 400, -32700),
    Bad("name-twice", ADD.replace(b'"arguments"', b'"name": "echo", "arguments"'), 400, -32700),
    Bad("very-deep", b"[" * 100_000 + b"]" * 100_000, 400, -32700),
    Bad("batch", b"[" + ADD + b"]", 400, -32600),
    Bad("a-string", b'"tools/call"', 400, -32600),
    Bad("id-null", _changed(id=None), 400, -32600),
    Bad("id-object", _changed(id={}), 400, -32600),
    Bad("method-number", _changed(method=7), 400, -32600),
    Bad("params-array", _changed(params=[]), 400, -32600),
    Bad("other-jsonrpc", _changed(jsonrpc="1.0"), 400, -32600),
    Bad("name-number", _params(name=7), 400, -32602),
    Bad("meta-array", _params(_meta=[]), 400, -32602),
    Bad("no-meta", _params(_meta={}), 400, -32602),
    Bad("look-alike-member", _params(Name="echo"), 400, -32602),
    Bad(
        "unknown-method",
        _changed(method="tools/destroy"),
        404,
        -32601,
        routing("tools/destroy"),
    ),
    Bad(
        "unknown-tool",
        _params(name="rm"),
        400,
        -32602,
        routing("tools/call", "rm"),
    ),
    Bad("name-header-unlike-body", ADD, 400, -32020, routing("tools/call", "echo")),
    Bad("method-header-unlike-body", ADD, 400, -32020, routing("tools/list", "add")),
    Bad("no-routing-headers", ADD, 400, -32020, (("MCP-Protocol-Version", VERSION),)),
    Bad("name-header-twice", ADD, 400, -32020, (*ADD_HEADERS, ("Mcp-Name", "echo"))),
    Bad(
        "version-header-unlike-body",
        ADD,
        400,
        -32020,
        (("MCP-Protocol-Version", "2025-11-25"), *ADD_HEADERS[1:]),
    ),
    Bad("body-over-the-limit", ADD + b" " * LIMIT_AND_MORE, 413, None),
)


@pytest.mark.parametrize("bad", [pytest.param(one, id=one.name) for one in BAD_MESSAGES])
def test_a_bad_message_gets_its_error_and_the_server_goes_on(
    demo: RunningDemo, alice: SignedIn, bad: Bad
) -> None:
    headers = (bearer(alice.access_token), *bad.headers)

    answer = send(demo.port, post("/mcp", bad.body, *headers, host=at(demo)))

    assert answer.status == bad.status, answer
    assert_clear(answer, alice.access_token)
    if bad.code is not None:
        assert answer.jsonrpc_code == bad.code
    assert_serves(demo, alice)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param({"a": "two", "b": 3}, id="a-word"),
        pytest.param({"a": True, "b": 3}, id="a-boolean"),
        pytest.param({"a": [2], "b": 3}, id="an-array"),
        pytest.param({"a": 2}, id="one-missing"),
        pytest.param({"a": 2, "b": 3, "c": 4}, id="one-too-many"),
    ],
)
def test_arguments_of_the_wrong_type_are_the_tools_error_and_not_a_result(
    demo: RunningDemo, alice: SignedIn, arguments: dict[str, Any]
) -> None:
    body, headers = call("add", arguments)

    answer = send(
        demo.port, post("/mcp", body, bearer(alice.access_token), *headers, host=at(demo))
    )

    # The model can mend these, so they come as a result that says isError (MCP server/tools).
    result = answer.json.get("result")
    assert answer.status == 200, answer
    assert result["isError"] is True
    assert result["content"][0]["text"]
    assert "structuredContent" not in result
    assert_serves(demo, alice)


@pytest.mark.parametrize(
    ("path", "body", "kind", "status", "error"),
    [
        pytest.param("/token", b"{}", "application/json", 400, "invalid_request", id="json"),
        pytest.param(
            "/token",
            b"grant_type=authorization_code&grant_type=refresh_token&client_id=x",
            "application/x-www-form-urlencoded",
            400,
            "invalid_request",
            id="parameter-twice",
        ),
        pytest.param(
            "/token",
            b"grant_type=password&client_id=CLIENT&username=alice&password=alice-demo",
            "application/x-www-form-urlencoded",
            400,
            "unsupported_grant_type",
            id="password-grant",
        ),
        pytest.param("/register", b"{", "application/json", 400, None, id="half-a-document"),
        pytest.param(
            "/register",
            b'{"redirect_uris": ["https://a.example/"], "redirect_uris": []}',
            "application/json",
            400,
            None,
            id="member-twice",
        ),
        pytest.param(
            "/register",
            b"[" * 50_000 + b"]" * 50_000,
            "application/json",
            413,
            None,
            id="too-large",
        ),
        pytest.param(
            "/register",
            b'{"redirect_uris": ["javascript:alert(1)"]}',
            "application/json",
            400,
            "invalid_redirect_uri",
            id="javascript",
        ),
    ],
)
def test_the_authorization_server_answers_bad_input_with_an_error_of_its_own(
    demo: RunningDemo,
    alice: SignedIn,
    path: str,
    body: bytes,
    kind: str,
    status: int,
    error: str | None,
) -> None:
    body = body.replace(b"CLIENT", alice.client_id.encode())

    answer = send(demo.port, request("POST", path, body, ("Content-Type", kind), host=at(demo)))

    assert answer.status == status, answer
    assert_clear(answer)
    if error:
        assert answer.json["error"] == error
    assert demo.leaks() == []
    assert_serves(demo, alice)
