"""One audit event per decision, with its reason and without secrets or control characters."""

import asyncio
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from doorward.audit import escape_for_log
from doorward.correlation_id import new_correlation_id
from doorward.guard import Guard
from doorward.guard.audit import events as audit
from doorward.guard.audit.events import AuditEvent
from doorward.guard.audit.lines import AuditLines
from doorward.policy import Operation
from tests.guard.bench import (
    ISSUER,
    MINT,
    NOW,
    POLICY,
    RESOURCE,
    Bench,
    bearer,
    message,
    token,
    trusted,
)
from tests.ledger import proves


@proves("S164", "accepts", "audit events are safe")
async def test_a_served_call_is_logged_with_its_caller_operation_and_outcome() -> None:
    bench = Bench()

    answer = await bench.call(token=token("mcp:read", "mcp:tools"))

    (event,) = bench.events
    assert event.time == NOW
    assert event.correlation_id == answer.headers["x-correlation-id"]
    assert (event.decision, event.reason, event.status) == ("served", "allowed", 200)
    assert (event.http_method, event.method, event.name) == ("POST", "tools/call", "add")
    assert (event.issuer, event.subject, event.client_id) == (ISSUER, "alice", "test-client")
    assert event.kind == "person"
    assert event.scopes == {"mcp:read", "mcp:tools"}


@proves("S164", "refuses", "audit events are safe")
async def test_every_refusal_is_logged_with_its_reason() -> None:
    bench = Bench()
    read = bearer(token("mcp:read"))

    await bench.call()
    await bench.call(token="x")
    await bench.call(token=token("mcp:read"))
    await bench.call(host="evil.example")
    await bench.call(origin="https://evil.example")
    await bench.ask(content=b"{", headers={**read, "content-type": "application/json"})
    await bench.ask(content=b"{}", headers={**read, "content-type": "text/plain"})
    await bench.ask(json=message("no/such"), headers=read)
    await bench.ask(path="/mcp?access_token=x")

    assert [(event.decision, event.reason, event.status) for event in bench.events] == [
        ("refused", "missing-token", 401),
        ("refused", "malformed-token", 401),
        ("refused", "scope-missing", 403),
        ("refused", "host-refused", 421),
        ("refused", "origin-refused", 403),
        ("refused", "not-json", 400),
        ("refused", "media-type-refused", 415),
        ("refused", "unknown-method", 200),
        ("refused", "ambiguous-token", 400),
    ]
    assert len({event.correlation_id for event in bench.events}) == 9


@proves("S164", "refuses", "audit events are safe")
async def test_the_event_of_a_refused_call_names_the_caller_and_the_held_and_required_scopes() -> (
    None
):
    bench = Bench()

    await bench.call("audit", token("mcp:read"))

    (event,) = bench.events
    assert (event.subject, event.method, event.name) == ("alice", "tools/call", "audit")
    assert event.scopes == {"mcp:admin", "mcp:read", "mcp:tools"}
    assert "['mcp:read']" in event.detail


@proves("S164", "refuses", "audit events are safe")
async def test_tokens_and_arguments_are_never_logged() -> None:
    bench = Bench()
    tokens = [
        token("mcp:read", "mcp:tools"),
        token("mcp:read"),
        token()[:-3],
        "opaque-secret-token",
    ]
    for one in tokens:
        body = message("tools/call", name="add", arguments={"password": "hunter2-secret"})
        await bench.ask(json=body, headers=bearer(one))
        await bench.ask(json=body, headers=[("authorization", f"Bearer {one}")] * 2)
        await bench.ask(path=f"/mcp?access_token={one}", json=body)
        await bench.call(authorization=f"Basic {one}")
        await bench.call(authorization=f"Bearer {one} {one}")

    written = repr(bench.events)
    assert "secret" not in written
    for one in tokens:
        assert one not in written
        assert one.rpartition(".")[2] not in written


EVIL = "line\r\nbreak \x1b[31mred\x1b[0m \u202etxt.exe\u200b"


@proves("S164", "refuses", "audit events are safe")
async def test_text_from_a_peer_cannot_forge_a_log_line_or_control_a_terminal() -> None:
    bench = Bench()

    forged = MINT.mint(EVIL, scopes={"mcp:read", "mcp:tools"}, client_id=EVIL)
    await bench.ask(json=message("tools/call", name="\u202ename"), headers=bearer(forged))
    await bench.ask(json=message("no\u2028such"), headers=bearer(forged))
    await bench.call(token=forged, origin="https://evil.example/\x1b[2J")

    assert len(bench.events) == 3
    for event in bench.events:
        for field in event.__struct_fields__:
            value = getattr(event, field)
            assert not isinstance(value, str) or value.isprintable()
    assert bench.events[0].subject is not None
    assert "\\u001b" in bench.events[0].subject


@proves("S164", "accepts", "audit events are safe")
@pytest.mark.parametrize("text", ["alice", "Zoë Ångström", "山田", "a b"])
def test_printable_text_is_logged_unchanged(text: str) -> None:
    assert escape_for_log(text) == text


@given(st.text(max_size=700))
def test_any_text_becomes_one_printable_line_of_bounded_length(text: str) -> None:
    line = escape_for_log(text)

    assert line.isprintable()
    assert len(line) <= 501 * 10


async def test_without_an_audit_sink_the_guard_logs_to_structlog() -> None:
    guard = Guard(resource=RESOURCE, policy=POLICY, issuers=[trusted()], clock=lambda: NOW)
    bench = Bench()
    bench.guarded = guard.protect(bench.app)

    with structlog.testing.capture_logs() as logs:
        answer = await bench.call(token=token("mcp:read"))
        await bench.call(token=token("mcp:read", "mcp:tools"))

    refused: dict[str, Any] = dict(logs[0])
    assert refused["event"] == "decision"
    assert refused["log_level"] == "warning"
    assert refused["reason"] == "scope-missing"
    assert (
        refused["correlation_id"] == json.loads(answer.content)["error"]["data"]["correlation_id"]
    )
    assert logs[1]["log_level"] == "info"


async def served_without_a_sink() -> None:
    guard = Guard(resource=RESOURCE, policy=POLICY, issuers=[trusted()], clock=lambda: NOW)
    bench = Bench()
    bench.guarded = guard.protect(bench.app)
    answer = await bench.call(token=token("mcp:read", "mcp:tools"))
    assert answer.status_code == 200


@pytest.fixture
def _unconfigured_structlog() -> Iterator[None]:
    before = structlog.get_config()
    structlog.reset_defaults()
    yield
    structlog.configure(**before)


@pytest.mark.usefixtures("_unconfigured_structlog")
async def test_without_a_logging_configuration_each_decision_is_a_line_of_json(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    await served_without_a_sink()
    await served_without_a_sink()
    await asyncio.sleep(0)

    first, second = [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]
    assert (first["event"], first["decision"], first["status"]) == ("decision", "served", 200)
    assert (first["subject"], first["scopes"]) == ("alice", ["mcp:read", "mcp:tools"])
    assert first["correlation_id"] != second["correlation_id"]


@pytest.mark.usefixtures("_unconfigured_structlog")
@pytest.mark.parametrize("stream", [None, io.StringIO()], ids=["closed", "text-alone"])
async def test_requests_are_served_when_standard_output_is_closed_or_accepts_only_text(
    stream: io.StringIO | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout", stream)

    await served_without_a_sink()
    await asyncio.sleep(0)

    assert stream is None or json.loads(stream.getvalue())["subject"] == "alice"


class Output(io.BytesIO):
    """Standard output that counts how often it is written to."""

    writes = 0

    def write(self, text: Any) -> int:
        self.writes += 1
        return super().write(text)


def captured(monkeypatch: pytest.MonkeyPatch) -> Output:
    """Put an output of the test's own in the place of the process's."""
    raw = Output()
    monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=raw))
    return raw


async def test_events_of_one_loop_iteration_are_written_together_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = captured(monkeypatch)
    lines = AuditLines()
    for method in ("a", "b", "c"):
        lines.add(an_event(method))
    assert output.writes == 0

    await asyncio.sleep(0)

    assert output.writes == 1
    written = [json.loads(line)["method"] for line in output.getvalue().splitlines()]
    assert written == ["a", "b", "c"]
    lines.add(an_event("d"))
    await asyncio.sleep(0)
    assert output.writes == 2


def test_without_a_running_loop_an_event_is_written_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = captured(monkeypatch)
    lines = AuditLines()

    lines.add(an_event("a"))

    assert json.loads(output.getvalue())["method"] == "a"


def test_an_event_of_a_stopped_loop_is_written_with_the_next_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = captured(monkeypatch)
    lines = AuditLines()
    loop = asyncio.new_event_loop()
    loop.call_soon(loop.stop)
    loop.call_soon(lines.add, an_event("a"))
    loop.run_forever()
    loop.close()
    assert not output.getvalue()

    lines.add(an_event("b"))

    assert [json.loads(line)["method"] for line in output.getvalue().splitlines()] == ["a", "b"]


def test_queued_events_are_written_when_the_process_exits() -> None:
    program = (
        "import asyncio, os\n"
        "from doorward.guard.audit import events as audit\n"
        "from doorward.policy import Operation\n"
        "async def main():\n"
        "    audit.log(audit.event(time=0, correlation_id='x', reason='allowed', status=200,\n"
        "        http_method='POST', operation=Operation('m'), identity=None))\n"
        "    asyncio.get_running_loop().stop()\n"
        "loop = asyncio.new_event_loop()\n"
        "loop.create_task(main())\n"
        "loop.run_forever()\n"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert json.loads(ended.stdout)["method"] == "m"


def test_a_forked_worker_writes_no_events_of_its_parent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = captured(monkeypatch)
    lines = AuditLines()
    lines._waiting.append(an_event("a"))

    lines.forget()
    lines.flush()

    assert not output.getvalue()


def an_event(method: str) -> AuditEvent:
    """Return some event, known by its method."""
    return audit.event(
        time=NOW,
        correlation_id="x",
        reason="allowed",
        status=200,
        http_method="POST",
        operation=Operation(method),
        identity=None,
    )


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_correlation_ids_differ_in_forked_workers() -> None:
    ours, theirs = os.pipe()
    if not (child := os.fork()):
        os.write(theirs, new_correlation_id().encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(ours, 64).decode() != new_correlation_id()
    os.close(ours)
    os.close(theirs)
