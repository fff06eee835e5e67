"""Traces: one span for each request and each wait, in the caller's trace, without a secret."""

import asyncio
import logging
from typing import Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from doorward.authserver.events import ServerEvent
from doorward.operations.audit_otel import OtelLogs
from doorward.operations.observation import observed, observing
from doorward.operations.records import record_of
from doorward.operations.tracing import Tracing
from tests.operations.asking import ask

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
SECRET = "eyJhbGciOi.hunter2"


class Spans:
    """The spans of one test."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracing = Tracing(provider)

    def named(self) -> dict[str, ReadableSpan]:
        """Return the finished spans by name."""
        return {one.name: one for one in self._exporter.get_finished_spans()}

    def text(self) -> str:
        """Return everything that leaves the process."""
        return "".join(one.to_json() for one in self._exporter.get_finished_spans())


@pytest.fixture
def spans() -> Spans:
    return Spans()


def event(reason: str) -> ServerEvent:
    return ServerEvent(kind="request.refused", time=1.0, reason=reason, correlation_id="c1")


async def _token_endpoint(scope: Any, receive: Any, send: Any) -> None:
    with observed("store", "write"):
        pass
    await send({"type": "http.response.start", "status": 503, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def test_a_request_is_a_span_in_the_callers_trace_with_its_waits_below(spans: Spans) -> None:
    app = spans.tracing.tracing(_token_endpoint, lambda _: "/token")
    with observing(spans.tracing):
        await ask(app, f"/token?code={SECRET}", "POST", traceparent=TRACEPARENT)

    found = spans.named()
    request, store = found["POST /token"], found["store write"]
    assert request.context is not None
    assert request.parent is not None
    assert store.parent is not None
    assert f"{request.context.trace_id:032x}" == TRACE
    assert f"{request.parent.span_id:016x}" == PARENT
    assert store.parent.span_id == request.context.span_id
    assert dict(request.attributes or {}) == {
        "http.route": "/token",
        "http.request.method": "POST",
        "http.response.status_code": 503,
    }
    assert request.status.status_code.name == "ERROR"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"traceparent": "not-one"},
        {"traceparent": f"00-{'0' * 32}-{PARENT}-01"},
        {"traceparent": TRACEPARENT[:-3]},
    ],
)
async def test_without_a_valid_traceparent_a_new_trace_begins(
    spans: Spans, headers: dict[str, str]
) -> None:
    await ask(spans.tracing.tracing(_token_endpoint, lambda _: "/token"), "/token", **headers)

    assert spans.named()["GET /token"].parent is None


async def test_a_span_has_no_secret_whatever_the_request_and_the_error_hold(spans: Spans) -> None:
    async def fails(scope: Any, receive: Any, send: Any) -> None:
        with observed("provider", "google"):
            raise OSError(SECRET)

    app = spans.tracing.tracing(fails, lambda _: "other")
    with observing(spans.tracing), pytest.raises(OSError, match="hunter2"):
        await ask(
            app,
            f"/callback?code={SECRET}",
            SECRET.upper(),
            Authorization=f"Bearer {SECRET}",
            Cookie=SECRET,
            tracestate=f"a={SECRET}",
            baggage=f"a={SECRET}",
            traceparent=TRACEPARENT,
        )

    found = spans.named()
    assert "hunter2" not in spans.text().lower()
    assert dict(found["provider google"].attributes or {}) == {"error.type": "OSError"}
    assert "_OTHER other" in found


async def test_a_decision_is_on_the_span_of_its_request(spans: Spans) -> None:
    seen: list[ServerEvent] = []
    sink = spans.tracing.noting(seen.append)

    async def refuses(scope: Any, receive: Any, send: Any) -> None:
        sink(event("missing-token"))
        await _token_endpoint(scope, receive, send)

    await ask(spans.tracing.tracing(refuses, lambda _: "/mcp"), "/mcp")

    attributes = dict(spans.named()["GET /mcp"].attributes or {})
    assert attributes["doorward.reason"] == "missing-token"
    assert attributes["doorward.correlation_id"] == "c1"
    assert len(seen) == 1


async def test_many_requests_at_once_keep_their_own_spans(
    spans: Spans, caplog: pytest.LogCaptureFixture
) -> None:
    app = spans.tracing.tracing(_token_endpoint, lambda path: path)
    with observing(spans.tracing), caplog.at_level(logging.WARNING):
        await asyncio.gather(*(ask(app, f"/{number}") for number in range(20)))

    assert caplog.records == []
    assert {f"GET /{number}" for number in range(20)} <= spans.named().keys()


def test_audit_events_are_log_records_of_the_same_schema() -> None:
    exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    provider = LoggerProvider()
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    logs = OtelLogs(provider)
    logs.add(record_of("authorization-server", event("missing-token"), "request.refused"))

    (one,) = exporter.get_finished_logs()
    record = one.log_record
    assert (record.event_name, record.severity_text, record.timestamp) == (
        "request.refused",
        "warning",
        1_000_000_000,
    )
    assert dict(record.attributes or {}) == {
        "doorward.party": "authorization-server",
        "doorward.decision": "refused",
        "doorward.reason": "missing-token",
        "doorward.correlation_id": "c1",
    }
    logs.close()
