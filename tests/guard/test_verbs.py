"""The HTTP methods at the endpoint: only POST carries a message."""

import json
from typing import Any

import pytest

from doorward.policy import EVERY, Policy, Rule
from doorward.wire.asgi import Message, Receive, Scope, Send
from tests.guard.bench import POLICY, Bench, bearer, error, message, token, whole_body
from tests.ledger import proves

GOOD = bearer(token("mcp:read", "mcp:tools"))
CALL = json.dumps(message("tools/call", name="audit", arguments={})).encode()
OTHERS = ["PUT", "PATCH", "QUERY", "FOO", "TRACE", "CONNECT", "post", "get", "PROPFIND", ""]
BODILESS = {"GET": "stream/open", "HEAD": "stream/open", "DELETE": "session/end"}


class Careless:
    """A guarded application that ignores verb and path, and runs every body that it gets."""

    def __init__(self, **options: Any) -> None:
        self.bench = Bench(**options)
        self.bodies: list[bytes] = []
        self.received: list[str] = []
        self.guarded = self.bench.guard.protect(self.app)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take the whole body, then wait for the client to leave."""
        self.bodies.append(await whole_body(receive))
        self.received.append((await receive())["type"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"served"})

    async def ask(
        self, method: str, *headers: tuple[bytes, bytes], pieces: tuple[bytes, ...] = ()
    ) -> tuple[int, dict[str, str], dict[str, Any] | None]:
        """Send one request whose body arrives in ``pieces``, whatever the headers say."""
        coming = [*pieces] or [b""]
        answers: list[Message] = []

        async def receive() -> Message:
            if not coming:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": coming.pop(0), "more_body": bool(coming)}

        async def send(part: Message) -> None:
            answers.append(part)

        scope = {
            "type": "http",
            "method": method,
            "path": "/mcp",
            "raw_path": b"/mcp",
            "query_string": b"",
            "headers": [(b"host", b"mcp.example"), *_raw(GOOD), *headers],
        }
        await self.guarded(scope, receive, send)
        sent = {name.decode(): value.decode() for name, value in answers[0]["headers"]}
        body = answers[-1]["body"]
        return answers[0]["status"], sent, json.loads(body) if b"error" in body else None


def _raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


LENGTH = (b"content-length", str(len(CALL)).encode())
JSON = (b"content-type", b"application/json")


@proves("S186", "refuses", "only POST carries a message")
@pytest.mark.parametrize("method", OTHERS)
async def test_another_method_is_405_and_does_not_reach_the_application(method: str) -> None:
    careless = Careless()

    status, headers, said = await careless.ask(method, JSON, LENGTH, pieces=(CALL,))

    assert status == 405
    assert headers["allow"] == "POST, GET, HEAD, DELETE, OPTIONS"
    assert said is not None
    assert said["error"]["data"]["reason"] == "method-refused"
    assert careless.bodies == []
    (event,) = careless.bench.events
    assert (event.http_method, event.reason, event.status) == (method, "method-refused", 405)


@proves("S186", "refuses", "only POST carries a message")
async def test_another_method_is_refused_before_any_other_check() -> None:
    bench = Bench()

    for headers in ({}, {"host": "evil.example"}, {"origin": "https://evil.example"}, GOOD):
        answer = await bench.ask("PUT", content=CALL, headers=headers)

        assert answer.status_code == 405


@proves("S186", "refuses", "only POST carries a message")
@pytest.mark.parametrize("method", [*BODILESS, "OPTIONS"])
@pytest.mark.parametrize(
    "announced",
    [
        pytest.param([LENGTH], id="length"),
        pytest.param([(b"transfer-encoding", b"chunked")], id="chunked"),
        pytest.param([(b"transfer-encoding", b"identity")], id="other-coding"),
        pytest.param([(b"content-length", b"0"), LENGTH], id="two-lengths"),
        pytest.param([LENGTH, (b"content-length", b"0")], id="two-lengths-turned"),
        pytest.param([(b"content-length", b"nothing")], id="no-number"),
        pytest.param([(b"content-length", b"+0")], id="signed"),
    ],
)
async def test_a_body_on_a_method_other_than_post_is_refused(
    method: str, announced: list[tuple[bytes, bytes]]
) -> None:
    careless = Careless()

    status, _, said = await careless.ask(method, JSON, *announced, pieces=(CALL,))

    assert status == 400
    assert said is not None
    assert said["error"]["data"]["reason"] == "unexpected-body"
    assert careless.bodies == []
    assert careless.bench.events[-1].http_method == method


@proves("S186", "refuses", "only POST carries a message")
@pytest.mark.parametrize("method", BODILESS)
@pytest.mark.parametrize("pieces", [(CALL,), (b"", CALL), (CALL[:9], CALL[9:])])
async def test_an_undeclared_body_does_not_reach_the_application(
    method: str, pieces: tuple[bytes, ...]
) -> None:
    # HTTP/2 carries a body without a header that says so.
    careless = Careless()

    status, _, _ = await careless.ask(method, pieces=pieces)

    assert status == 200
    assert careless.bodies == [b""]
    assert careless.received == ["http.disconnect"]


@proves("S186", "accepts", "only POST carries a message")
@pytest.mark.parametrize("method", BODILESS)
@pytest.mark.parametrize("announced", [[], [(b"content-length", b"0")]])
async def test_get_head_and_delete_have_operation_names(
    method: str, announced: list[tuple[bytes, bytes]]
) -> None:
    careless = Careless()

    status, _, _ = await careless.ask(method, *announced)

    assert (status, careless.bodies) == (200, [b""])
    (event,) = careless.bench.events
    assert (event.http_method, event.method, event.name) == (method, BODILESS[method], None)
    assert (event.decision, event.subject) == ("served", "alice")


@proves("S186", "accepts", "only POST carries a message")
async def test_post_carries_the_message() -> None:
    bench = Bench()

    answer = await bench.call("add", token("mcp:read", "mcp:tools"))

    assert answer.status_code == 200
    assert [event.http_method for event in bench.events] == ["POST"]
    assert [event.method for event in bench.events] == ["tools/call"]


@proves("S186", "accepts", "only POST carries a message")
@proves("S186", "refuses", "only POST carries a message")
@pytest.mark.parametrize("method", BODILESS)
async def test_a_rule_can_name_the_operation_of_a_method(method: str) -> None:
    rules = {**POLICY.rules, (BODILESS[method], EVERY): Rule(scopes={"mcp:stream"})}
    bench = Bench(policy=Policy(base=POLICY.base, rules=rules))

    refused = await bench.ask(method, headers=GOOD)
    served = await bench.ask(method, headers=bearer(token("mcp:read", "mcp:stream")))

    assert (refused.status_code, served.status_code) == (403, 200)
    assert [event.reason for event in bench.events] == ["scope-missing", "allowed"]


@proves("S186", "refuses", "only POST carries a message")
@pytest.mark.parametrize("method", ["stream/open", "session/end"])
async def test_no_message_can_have_the_operation_name_of_a_method(method: str) -> None:
    bench = Bench()

    answer = await bench.ask(json=message(method), headers=GOOD)

    assert error(answer)["data"]["reason"] == "unknown-method"
    assert bench.seen == []


async def test_options_lists_the_allowed_methods() -> None:
    answer = await Bench().ask("OPTIONS")

    assert answer.status_code == 204
    assert answer.headers["allow"] == "POST, GET, HEAD, DELETE, OPTIONS"
