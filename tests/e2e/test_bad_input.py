"""Requests that no library would send, over a bare socket, at a running demo."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.e2e import raw_http
from tests.e2e.raw_http import META, VERSION, Answer, call, post, request, routing, send
from tests.e2e.running_demo import RunningDemo
from tests.e2e.sign_in import SignedIn
from tests.ledger import proves

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

Headers = tuple[tuple[str, str], ...]
ADD, ADD_HEADERS = call("add", {"a": 2, "b": 3})
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


def _bearer(token: str) -> tuple[str, str]:
    return ("Authorization", f"Bearer {token}")


def _at(demo: RunningDemo) -> str:
    return f"localhost:{demo.port}"


def _assert_serves(demo: RunningDemo, alice: SignedIn) -> None:
    """Fail unless an honest request still gets its answer."""
    answer = send(
        demo.port,
        post("/mcp", ADD, _bearer(alice.access_token), *ADD_HEADERS, host=_at(demo)),
    )
    assert answer.status == 200, answer
    assert answer.json["result"]["structuredContent"]["result"] == 5


def _assert_clear(answer: Answer, *secrets: str) -> None:
    """Fail unless the answer is JSON that says something, and repeats no secret."""
    assert (answer.header("content-type") or "").startswith("application/json"), answer
    assert answer.json
    assert not any(secret.encode() in answer.body for secret in secrets)


@proves("S123", "accepts")
@proves("S165", "accepts")
def test_an_honest_request_is_served(demo: RunningDemo, alice: SignedIn) -> None:
    _assert_serves(demo, alice)


@pytest.mark.parametrize("bad", [pytest.param(one, id=one.name) for one in BAD_MESSAGES])
def test_a_bad_message_gets_its_error_and_the_server_goes_on(
    demo: RunningDemo, alice: SignedIn, bad: Bad
) -> None:
    headers = (_bearer(alice.access_token), *bad.headers)

    answer = send(demo.port, post("/mcp", bad.body, *headers, host=_at(demo)))

    assert answer.status == bad.status, answer
    _assert_clear(answer, alice.access_token)
    if bad.code is not None:
        assert answer.jsonrpc_code == bad.code
    _assert_serves(demo, alice)


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
        demo.port, post("/mcp", body, _bearer(alice.access_token), *headers, host=_at(demo))
    )

    # The model can mend these, so they come as a result that says isError (MCP server/tools).
    result = answer.json.get("result")
    assert answer.status == 200, answer
    assert result["isError"] is True
    assert result["content"][0]["text"]
    assert "structuredContent" not in result
    _assert_serves(demo, alice)


def _twice(token: str) -> tuple[str, Headers]:
    return "/mcp", (_bearer(token), _bearer(token))


def _two_schemes(token: str) -> tuple[str, Headers]:
    return "/mcp", (_bearer(token), ("Authorization", "Basic YWxpY2U6YWxpY2U="))


def _in_query(token: str) -> tuple[str, Headers]:
    return f"/mcp?access_token={token}", ()


def _in_query_too(token: str) -> tuple[str, Headers]:
    return f"/mcp?access_token={token}", (_bearer(token),)


def _in_query_encoded(token: str) -> tuple[str, Headers]:
    return f"/mcp?x=1&access%5Ftoken={token}", ()


@proves("S123", "refuses")
@proves("S124", "refuses")
@pytest.mark.parametrize(
    "placed", [_twice, _two_schemes, _in_query, _in_query_too, _in_query_encoded]
)
def test_a_token_that_is_not_in_exactly_one_header_is_refused_and_not_logged(
    demo: RunningDemo, alice: SignedIn, placed: Callable[[str], tuple[str, Headers]]
) -> None:
    path, headers = placed(alice.access_token)

    answer = send(demo.port, post(path, ADD, *headers, *ADD_HEADERS, host=_at(demo)))

    assert answer.status == 400, answer
    assert 'error="invalid_request"' in (answer.header("www-authenticate") or "")
    _assert_clear(answer, alice.access_token)
    assert demo.leaks() == []
    _assert_serves(demo, alice)


@proves("S124", "refuses")
def test_a_token_in_a_form_body_is_refused(demo: RunningDemo, alice: SignedIn) -> None:
    body = f"access_token={alice.access_token}".encode()
    form = ("Content-Type", "application/x-www-form-urlencoded")

    answer = send(demo.port, request("POST", "/mcp", body, form, host=_at(demo)))

    assert answer.status == 401, answer
    _assert_clear(answer, alice.access_token)


@proves("S123", "refuses")
@pytest.mark.parametrize(
    "credentials",
    [
        pytest.param("Bearer", id="scheme-alone"),
        pytest.param("Bearer ", id="empty"),
        pytest.param("Bearer x", id="garbage"),
        pytest.param("Bearer a.b.c", id="three-parts"),
        pytest.param("Basic YWxpY2U6YWxpY2UtZGVtbw==", id="basic"),
        pytest.param("Bearer " + "A" * 20_000, id="twenty-thousand-letters"),
    ],
)
def test_what_is_no_token_is_never_an_anonymous_caller(
    demo: RunningDemo, alice: SignedIn, credentials: str
) -> None:
    headers = (("Authorization", credentials), *ADD_HEADERS)

    answer = send(demo.port, post("/mcp", ADD, *headers, host=_at(demo)))

    assert answer.status == 401, answer
    assert "resource_metadata=" in (answer.header("www-authenticate") or "")
    _assert_clear(answer)
    _assert_serves(demo, alice)


@proves("S140", "refuses")
@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "HEAD", "PATCH"])
def test_every_method_of_the_endpoint_needs_a_token(demo: RunningDemo, method: str) -> None:
    answer = send(demo.port, request(method, "/mcp", b"", host=_at(demo)))

    assert answer.status in (401, 405), answer
    assert answer.status == 401 or method not in ("GET", "DELETE")


@proves("S162", "refuses")
@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        pytest.param("evil.example", None, 421, id="host"),
        pytest.param("localhost.evil.example", None, 421, id="host-that-begins-like-ours"),
        pytest.param(None, "https://evil.example", 403, id="origin"),
        pytest.param(None, "null", 403, id="origin-null"),
    ],
)
def test_a_request_from_elsewhere_is_refused(
    demo: RunningDemo, alice: SignedIn, host: str | None, origin: str | None, status: int
) -> None:
    headers = (_bearer(alice.access_token), *ADD_HEADERS)
    if origin:
        headers = (*headers, ("Origin", origin))

    answer = send(demo.port, post("/mcp", ADD, *headers, host=host or _at(demo)))

    assert answer.status == status, answer
    _assert_clear(answer, alice.access_token)
    _assert_serves(demo, alice)


def _head(*lines: str) -> bytes:
    return "\r\n".join((*lines, "", "")).encode("latin-1")


@proves("S165", "refuses")
@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(("Content-Length: 3", "Content-Length: 5"), id="two-lengths"),
        pytest.param(("Content-Length: 5", "Transfer-Encoding: chunked"), id="length-and-chunks"),
        pytest.param(("Content-Length: -1",), id="negative-length"),
        pytest.param(("Content-Length: 0x5",), id="hexadecimal-length"),
        pytest.param(("Transfer-Encoding: chunked, identity",), id="chunks-not-last"),
        pytest.param(("X-Folded: one", " two", "Content-Length: 0"), id="folded-header"),
        pytest.param(("X Space: 1", "Content-Length: 0"), id="space-in-a-header-name"),
        pytest.param((f"X-Long: {'a' * 200_000}", "Content-Length: 0"), id="oversized-header"),
        pytest.param((*(f"X-{n}: {'a' * 1000}" for n in range(80)),), id="eighty-long-headers"),
        pytest.param((f"X-Endless: {'a' * 5_000_000}",), id="endless-header"),
        pytest.param(("X-Nul: a\x00b", "Content-Length: 0"), id="nul-in-a-header"),
    ],
)
def test_a_request_that_two_parsers_frame_differently_is_refused_by_the_server(
    demo: RunningDemo, alice: SignedIn, lines: tuple[str, ...]
) -> None:
    head = _head("POST /mcp HTTP/1.1", f"Host: {_at(demo)}", *lines, "Connection: close")

    answer = send(demo.port, head + b"0\r\n\r\n")

    assert answer.status in (400, 431, 501), answer
    _assert_serves(demo, alice)


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

    answer = send(demo.port, request("POST", path, body, ("Content-Type", kind), host=_at(demo)))

    assert answer.status == status, answer
    _assert_clear(answer)
    if error:
        assert answer.json["error"] == error
    assert demo.leaks() == []
    _assert_serves(demo, alice)


def test_a_body_that_ends_early_leaves_the_server_serving(
    demo: RunningDemo, alice: SignedIn
) -> None:
    head = _head("POST /mcp HTTP/1.1", f"Host: {_at(demo)}", "Content-Length: 500")

    with raw_http.opened(demo.port) as sock:
        sock.sendall(head + b'{"jsonrpc": "2.0"')

    _assert_serves(demo, alice)
