"""The application executes exactly the message that was authorized."""

import gzip
import json
from typing import Any

import pytest

from doorward.policy import EVERY, Policy, Rule
from doorward.wire.asgi import Message, Receive, Scope, Send
from tests.guard.bench import Bench, bearer, error, message, modern, routing, token
from tests.ledger import proves

GOOD = bearer(token("mcp:read", "mcp:tools"))
JSON = {"content-type": "application/json"}
ANYTHING = Policy(rules={("prompts/get", EVERY): Rule(), ("resources/read", EVERY): Rule()})


@proves("S150", "accepts", "headers agree with the body")
@proves("S151", "accepts", "one reading per message")
async def test_the_application_gets_the_original_body_and_the_parsed_message() -> None:
    bench = Bench()
    body = json.dumps(modern("tools/call", name="add", arguments={"a": 1}), indent=3).encode()

    answer = await bench.ask(content=body, headers={**GOOD, **JSON, **routing("tools/call", "add")})

    assert answer.status_code == 200
    assert bench.bodies == [body]
    assert bench.envelope.method == "tools/call"
    assert bench.envelope.name == "add"
    assert bench.envelope.body == body


@proves("S150", "refuses", "headers agree with the body")
@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(routing("tools/list"), id="another-method"),
        pytest.param(routing("tools/call", "add"), id="another-tool"),
        pytest.param(routing("tools/call"), id="no-tool"),
        pytest.param({}, id="none"),
    ],
)
async def test_missing_or_mismatched_routing_headers_are_refused(sent: dict[str, str]) -> None:
    bench = Bench()

    answer = await bench.ask(json=modern("tools/call", name="audit"), headers={**GOOD, **sent})

    assert answer.status_code == 400
    assert error(answer)["code"] == -32020
    assert json.loads(answer.content)["id"] == 1
    assert bench.seen == []


@proves("S151", "refuses", "one reading per message")
@pytest.mark.parametrize(
    "ref",
    [
        pytest.param({"uri": "files://a"}, id="no-type"),
        pytest.param({"type": None, "uri": "files://a"}, id="type-null"),
        pytest.param({"type": "ref/tool", "name": "a"}, id="another-type"),
        pytest.param({"type": ["ref/prompt"], "name": "a"}, id="a-list-of-types"),
        pytest.param({"type": "ref/prompt", "name": "a", "uri": "files://a"}, id="of-both-kinds"),
        pytest.param({"type": "ref/resource", "name": "a", "uri": "files://a"}, id="both-again"),
        pytest.param({"type": "ref/prompt", "uri": "files://a"}, id="of-the-other-kind"),
        pytest.param({"type": "ref/resource"}, id="of-nothing"),
    ],
)
async def test_an_ambiguous_reference_is_refused(ref: object) -> None:
    bench = Bench(policy=ANYTHING)
    argument = {"name": "x", "value": ""}

    answer = await bench.ask(
        json=message("completion/complete", ref=ref, argument=argument), headers=GOOD
    )

    assert (answer.status_code, error(answer)["code"]) == (400, -32602)
    assert bench.seen == []


@proves("S151", "accepts", "one reading per message")
@pytest.mark.parametrize(
    "ref",
    [{"type": "ref/prompt", "name": "a", "title": "A"}, {"type": "ref/resource", "uri": "a://{b}"}],
)
async def test_an_unambiguous_reference_reaches_the_application(ref: object) -> None:
    bench = Bench(policy=ANYTHING)

    answer = await bench.ask(json=message("completion/complete", ref=ref), headers=GOOD)

    assert answer.status_code == 200


@proves("S151", "refuses", "one reading per message")
@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b"{", -32700, id="not-json"),
        pytest.param(b"", -32700, id="nothing"),
        pytest.param(
            b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}',
            -32700,
            id="two-methods",
        ),
        pytest.param(json.dumps([message("ping")]).encode(), -32600, id="batch"),
        pytest.param(
            json.dumps({**message("ping"), "Method": "x"}).encode(),
            -32600,
            id="method-in-two-cases",
        ),
        pytest.param(json.dumps({**message("ping"), "id": 1.5}).encode(), -32600, id="id-float"),
    ],
)
async def test_a_malformed_or_ambiguous_message_is_refused(body: bytes, code: int) -> None:
    bench = Bench()

    answer = await bench.ask(content=body, headers={**GOOD, **JSON})

    assert answer.status_code == 400
    assert error(answer)["code"] == code
    assert "www-authenticate" not in answer.headers
    assert bench.seen == []


async def test_the_server_still_serves_after_malformed_messages() -> None:
    bench = Bench()
    for body in (b"{", b"[]", b"\xff"):
        await bench.ask(content=body, headers={**GOOD, **JSON})

    assert (await bench.ask(json=message("ping"), headers=GOOD)).status_code == 200


async def test_an_unsupported_version_is_answered_with_the_supported_ones() -> None:
    body = modern("ping")
    body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "v9"

    answer = await Bench().ask(
        json=body, headers={**GOOD, **routing("ping"), "mcp-protocol-version": "v9"}
    )

    assert error(answer)["code"] == -32022
    assert error(answer)["data"]["supported"] == ["2026-07-28"]
    assert error(answer)["data"]["requested"] == "v9"


@proves("S153", "refuses", "denied under every name")
async def test_a_method_without_a_rule_is_refused_as_unknown() -> None:
    bench = Bench()

    new = await bench.ask(json=modern("no/such"), headers={**GOOD, **routing("no/such")})
    old = await bench.ask(json=message("no/such"), headers=GOOD)

    assert new.status_code == 404
    # Clients of a legacy protocol revision take a 404 for the end of their session.
    assert old.status_code == 200
    assert error(new)["code"] == error(old)["code"] == -32601
    assert [event.decision for event in bench.events] == ["refused", "refused"]
    assert bench.seen == []


@proves("S153", "refuses", "denied under every name")
async def test_a_prompt_without_a_rule_is_refused_before_the_application_runs() -> None:
    bench = Bench()

    answer = await bench.ask(json=message("prompts/get", name="secret"), headers=GOOD)

    assert answer.status_code == 400
    assert error(answer)["code"] == -32602
    assert bench.seen == []


@proves("S165", "accepts", "ambiguous framing")
async def test_a_body_of_exactly_the_limit_is_read() -> None:
    body = json.dumps(message("ping", padding="x" * 100)).encode()
    bench = Bench(max_body=len(body))

    assert (await bench.ask(content=body, headers={**GOOD, **JSON})).status_code == 200


@proves("S165", "refuses", "ambiguous framing")
async def test_a_body_over_the_limit_is_refused() -> None:
    bench = Bench(max_body=100)

    answer = await bench.ask(content=b"x" * 101, headers={**GOOD, **JSON})

    assert answer.status_code == 413
    assert error(answer)["data"]["reason"] == "body-too-large"
    assert bench.seen == []


async def sent_in_pieces(
    bench: Bench, pieces: list[bytes], headers: dict[str, str]
) -> tuple[int, int]:
    """Send a body of unknown length; return the status, and how many pieces were taken."""
    taken = 0
    answers: list[Message] = []

    async def receive() -> Message:
        nonlocal taken
        if taken == len(pieces):
            return {"type": "http.disconnect"}
        taken += 1
        return {"type": "http.request", "body": pieces[taken - 1], "more_body": taken < len(pieces)}

    async def send(part: Message) -> None:
        answers.append(part)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/mcp",
        "raw_path": b"/mcp",
        "query_string": b"",
        "headers": [(b"host", b"mcp.example")]
        + [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    await bench.guarded(scope, receive, send)
    return (answers[0]["status"] if answers else 0), taken


@proves("S165", "refuses", "ambiguous framing")
async def test_an_endless_body_is_refused_once_it_exceeds_the_limit() -> None:
    bench = Bench(max_body=100)

    status, taken = await sent_in_pieces(bench, [b"x" * 30] * 1000, {**GOOD, **JSON})

    assert status == 413
    assert taken == 4
    assert bench.seen == []


@proves("S165", "refuses", "ambiguous framing")
async def test_a_body_whose_content_length_exceeds_the_limit_is_refused_unread() -> None:
    announced = {**GOOD, **JSON, "content-length": "101"}

    assert await sent_in_pieces(Bench(max_body=100), [b"x"] * 101, announced) == (413, 0)


async def test_a_body_in_several_chunks_is_joined() -> None:
    bench = Bench()
    body = json.dumps(message("ping")).encode()

    status, _ = await sent_in_pieces(bench, [body[:5], b"", body[5:]], {**GOOD, **JSON})

    assert status == 200
    assert bench.bodies == [body]


async def test_an_unauthenticated_request_is_refused_before_its_body_is_read() -> None:
    status, taken = await sent_in_pieces(Bench(), [b"x"] * 5, JSON)

    assert (status, taken) == (401, 0)


async def test_a_disconnect_during_the_body_runs_nothing_and_gets_no_response() -> None:
    bench = Bench()
    gone: list[Message] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]
    answers: list[Message] = []

    async def receive() -> Message:
        return gone.pop(0)

    async def send(part: Message) -> None:
        answers.append(part)

    headers = [(name.encode(), value.encode()) for name, value in {**GOOD, **JSON}.items()]
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/mcp",
        "query_string": b"",
        "headers": [(b"host", b"mcp.example"), *headers],
    }
    await bench.guarded(scope, receive, send)

    assert answers == []
    assert bench.seen == []


@proves("S151", "refuses", "one reading per message")
@pytest.mark.parametrize(
    "sent",
    [
        pytest.param({"content-type": "text/plain"}, id="plain-text"),
        pytest.param({"content-type": "application/json; charset=utf-16"}, id="utf-16"),
        pytest.param({"content-type": "application/jsonp"}, id="a-longer-name"),
        pytest.param({}, id="none"),
        pytest.param({**JSON, "content-encoding": "gzip"}, id="gzip"),
        pytest.param({**JSON, "content-encoding": "br, identity"}, id="brotli"),
    ],
)
async def test_a_body_that_is_not_plain_utf_8_json_is_refused(sent: dict[str, str]) -> None:
    bench = Bench()
    body = gzip.compress(b"{}") if "content-encoding" in sent else b"{}"

    answer = await bench.ask(content=body, headers={**GOOD, **sent})

    assert answer.status_code == 415
    assert error(answer)["data"]["reason"] == "media-type-refused"
    assert bench.seen == []


@proves("S151", "accepts", "one reading per message")
@pytest.mark.parametrize(
    "kind",
    ["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'],
)
async def test_json_content_types_are_accepted_in_their_usual_spellings(kind: str) -> None:
    body = json.dumps(message("ping")).encode()

    answer = await Bench().ask(content=body, headers={**GOOD, "content-type": kind})

    assert answer.status_code == 200


@proves("S165", "refuses", "ambiguous framing")
@pytest.mark.parametrize("name", ["content-type", "content-encoding", "content-length"])
async def test_a_repeated_content_header_is_refused(name: str) -> None:
    bench = Bench()
    value = {"content-type": "application/json"}.get(name, "identity")

    body = json.dumps(message("ping")).encode()
    if name == "content-length":
        value = str(len(body))
    once = {"content-type": "application/json", name: value}
    headers = [*GOOD.items(), *once.items(), (name, value)]
    answer = await bench.ask(content=body, headers=headers)

    assert answer.status_code == 400
    assert error(answer)["data"]["reason"] == "bad-request"
    assert bench.seen == []


async def test_the_application_receives_the_disconnect_after_the_body() -> None:
    bench = Bench()
    heard: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        heard.extend([(await receive())["type"], (await receive())["type"]])

    bench.guarded = bench.guard.protect(app)
    await sent_in_pieces(bench, [json.dumps(message("ping")).encode()], {**GOOD, **JSON})

    assert heard == ["http.request", "http.disconnect"]
