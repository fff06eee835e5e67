"""What operators watch of ``doorward serve``: its endpoints, its metrics, its traces and its events."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from doorward.authserver import ServerEvent
from doorward.config.service.events import AuditSink, EventLog
from doorward.config.settings import Configuration
from doorward.gateway.forwarder import ForwardedRequest
from doorward.gateway.stdio import StdioLogLine
from doorward.guard.audit.events import AuditEvent
from doorward.net import Clock
from doorward.operations.audit_file import AuditFile
from doorward.operations.audit_otel import OtelLogs
from doorward.operations.metrics import Metrics, Sample
from doorward.operations.observation import observing
from doorward.operations.readiness import Readiness
from doorward.operations.story.attempts import Attempts
from doorward.operations.story.endpoint import StoryEndpoint
from doorward.operations.tracing import Tracing
from doorward.wire.asgi import ASGIApp

Watched = Callable[[], list[Sample]]


class ServiceOperations:
    """
    The metrics, traces and logs of one process; they outlive every reload.

    Raises:
        ConfigurationError: ``no-opentelemetry``, ``audit-file``, ``audit-file-in-use``.
    """

    def __init__(self, configuration: Configuration, clock: Clock = time.time) -> None:
        operations, audit = configuration.operations, configuration.audit
        self.attempts: Attempts | None = None
        if operations.story:
            self.attempts = Attempts(clock)
        self._clock = clock
        self.metrics = Metrics() if operations.counts else None
        self.tracing = Tracing() if operations.traces else None
        sinks: list[AuditSink] = []
        if audit.file is not None:
            sinks.append(
                AuditFile(
                    audit.file,
                    max_bytes=audit.max_bytes,
                    keep=audit.keep,
                    chain=audit.chain,
                    failed=self._audit_failed,
                )
            )
        if audit.otel:
            sinks.append(OtelLogs())
        self.events = EventLog(configuration.log, audit, sinks)

    def _audit_failed(self, lost: int) -> None:
        if self.metrics is not None:
            self.metrics.add("doorward_audit_failures_total", amount=lost)

    def story(self) -> StoryEndpoint | None:
        """Return what shows the sign-in attempts, if they are kept."""
        return None if self.attempts is None else StoryEndpoint(self.attempts, self._clock)

    def guard_sink(self, route: str) -> Callable[[AuditEvent], None]:
        """Return where a guard puts its decisions; with nothing to measure, the log itself."""
        sink = self.events.guard
        if self.tracing is not None:
            sink = self.tracing.noting(sink)
        return sink if self.metrics is None else self.metrics.counting("guard", sink, route=route)

    def server_sink(self) -> Callable[[ServerEvent], None]:
        """Return where the authorization server puts its events."""
        sink: Callable[[ServerEvent], None] = self.events.server
        if self.tracing is not None:
            sink = self.tracing.noting(sink)
        return sink if self.metrics is None else self.metrics.counting_tokens(sink)

    def gateway_sink(self, route: str) -> Callable[[ForwardedRequest], None]:
        """Return where a gateway puts what it forwarded."""
        metrics, sink = self.metrics, self.events.forwarded
        if metrics is None:
            return sink
        counted = metrics.counting("gateway", sink)

        def timed(request: ForwardedRequest) -> None:
            metrics.observe("doorward_upstream_seconds", request.seconds, route)
            counted(request)

        return timed

    def tools_sink(self, route: str) -> Callable[[str, str], None]:
        """Return what writes an event about a tool that no client may see or call."""

        def write(name: str, reason: str) -> None:
            self.events.line("tool.refused", time.time(), route=route, tool=name, reason=reason)

        return write

    def stdio_sink(self) -> Callable[[StdioLogLine], None]:
        """Return where the lines go that stdio servers write to stderr."""

        def write(line: StdioLogLine) -> None:
            self.events.line(
                "stdio.stderr",
                time.time(),
                server=line.server,
                correlation_id=line.correlation_id,
                text=line.text,
            )

        return write

    def measured(self, app: ASGIApp, route_of: Callable[[str], str]) -> ASGIApp:
        """Return the application of the authorization server, measured if anybody reads metrics."""
        return app if self.metrics is None else self.metrics.measuring(app, route_of)

    def traced(self, app: ASGIApp, route_of: Callable[[str], str]) -> ASGIApp:
        """Return ``app``, with a span for each request if spans go anywhere."""
        return app if self.tracing is None else self.tracing.tracing(app, route_of)

    @contextmanager
    def running(self, watched: Watched, readiness: Readiness) -> Iterator[None]:
        """Observe the work of this process while the block runs, and close everything after it."""
        with ExitStack() as stack:
            stack.callback(self.events.close)
            if self.tracing is not None:
                stack.callback(self.tracing.close)
                stack.enter_context(observing(self.tracing))
            if self.metrics is not None:
                self.metrics.read_at_scrape(watched)
                self.metrics.read_at_scrape(lambda: _readiness_samples(readiness))
                stack.enter_context(observing(self.metrics))
            yield


def _readiness_samples(readiness: Readiness) -> list[Sample]:
    report: Any = readiness.last
    if report is None:
        return []
    return [
        Sample("doorward_ready", (name,), 0 if name in report.missing else 1)
        for name in report.checked
    ]
