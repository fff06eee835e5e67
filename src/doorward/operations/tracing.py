"""Traces of OpenTelemetry: one span for each request, and one for each wait on store or provider."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from doorward.audit import DecisionEvent
from doorward.operations.audit_otel import no_opentelemetry
from doorward.operations.observation import Work, is_fault
from doorward.wire.asgi import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider


class Tracing:
    """
    Makes spans, and continues the trace of a ``traceparent`` header.

    Spans have routes, statuses, reason codes and correlation ids. They have no URL, no header, no
    name of a user and no message of an exception: each of them can hold a token. ``provider`` is for
    applications that have one; otherwise the ``OTEL_*`` variables say where spans go.

    Raises:
        ConfigurationError: ``no-opentelemetry``.

    Spec: W3C Trace Context §3
    """

    def __init__(self, provider: "TracerProvider | None" = None) -> None:
        try:
            from opentelemetry import trace
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
        except ImportError:
            raise no_opentelemetry("operations.traces") from None
        self._trace = trace
        self._owned = provider is None
        if provider is None:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            provider = TracerProvider(resource=Resource.create({"service.name": "doorward"}))
            provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._provider = provider
        self._tracer = provider.get_tracer("doorward")
        self._extract = TraceContextTextMapPropagator().extract

    def tracing(self, app: ASGIApp, route_of: Callable[[str], str]) -> ASGIApp:
        """Return ``app`` with a span around each request, named by the route of its path."""
        kind, status_of = self._trace.SpanKind.SERVER, self._trace.StatusCode.ERROR

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            route = route_of(scope["path"])
            with self._tracer.start_as_current_span(
                f"{_method(scope)} {route}",
                context=self._extract(_trace_headers(scope)),
                kind=kind,
                attributes={"http.route": route, "http.request.method": _method(scope)},
                record_exception=False,
                set_status_on_exception=False,
            ) as span:

                async def noting(message: Message) -> None:
                    if message["type"] == "http.response.start":
                        span.set_attribute("http.response.status_code", message["status"])
                        if message["status"] >= 500:
                            span.set_status(status_of)
                    await send(message)

                await app(scope, receive, noting)

        return traced

    def noting(self, sink: Callable[[Any], None]) -> Callable[[Any], None]:
        """Return a sink that writes each decision to the current span, and passes it on."""
        current = self._trace.get_current_span

        def noted(event: DecisionEvent) -> None:
            current().set_attributes(
                {
                    "doorward.decision": event.decision,
                    "doorward.reason": event.reason,
                    "doorward.correlation_id": event.correlation_id,
                }
            )
            sink(event)

        return noted

    @contextmanager
    def observing(self, work: Work, target: str) -> Iterator[None]:
        """Make a span of work of the store, or of a call to a provider."""
        with self._tracer.start_as_current_span(
            f"{work} {target}",
            kind=self._trace.SpanKind.CLIENT,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except Exception as error:
                if is_fault(error):
                    # The type alone: drivers quote statements and their values.
                    span.set_attribute("error.type", type(error).__name__)
                    span.set_status(self._trace.StatusCode.ERROR)
                raise

    def close(self) -> None:
        """Send the spans that are waiting, unless they are the application's."""
        if self._owned:
            self._provider.shutdown()


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})


def _method(scope: Scope) -> str:
    # OpenTelemetry's word for others: a stranger chooses them.
    return scope["method"] if scope["method"] in _METHODS else "_OTHER"


def _trace_headers(scope: Scope) -> dict[str, str]:
    """Return ``traceparent``; ``tracestate`` and baggage are what strangers write into our spans."""
    found = [value for name, value in scope["headers"] if name == b"traceparent"]
    # Of two, neither is the caller's.
    return {"traceparent": found[0].decode("latin-1")} if len(found) == 1 else {}
