"""Prometheus metrics: counted here, read at ``/metrics``."""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

from doorward.audit import DecisionEvent
from doorward.operations.metric_names import METRICS
from doorward.operations.observation import Work, is_fault
from doorward.wire.asgi import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from prometheus_client.core import Metric

Party = Literal["guard", "gateway", "authorization-server"]
Event = TypeVar("Event", bound=DecisionEvent)
Labels = tuple[str, ...]

# More than there are reason codes. A label that grows beyond it has values that nobody planned.
_MOST_SERIES = 1000
_PLAIN = re.compile(r"[A-Za-z0-9_.:/{} -]{0,200}")
_OTHER = "other"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SECONDS = {
    "store": "doorward_store_seconds",
    "provider": "doorward_provider_seconds",
    "issuer-keys": "doorward_issuer_keys_seconds",
}


class Sample(NamedTuple):
    """A value that is read at each scrape."""

    name: str
    labels: Labels
    value: float


class _Series:
    """The values of one counter, by label values; each is a list of one number, to be counted in place."""

    def __init__(self) -> None:
        self._cells: dict[Labels, list[float]] = {}

    def cell(self, labels: Labels) -> list[float]:
        """Return the number of these labels."""
        found = self._cells.get(labels)
        if found is not None:
            return found
        if len(self._cells) >= _MOST_SERIES or not all(_PLAIN.fullmatch(one) for one in labels):
            labels = tuple(_OTHER for _ in labels)
        return self._cells.setdefault(labels, [0])

    def values(self) -> Iterator[tuple[Labels, float]]:
        """Yield all label values with their number."""
        for labels, (number,) in list(self._cells.items()):
            yield labels, number


class Metrics:
    """
    Counts what a process does, for Prometheus.

    ```python
    metrics = Metrics()
    guard = Guard(..., audit=metrics.counting("guard", audit, route="/mcp"))
    ```

    Labels have values from the settings and the code, never from a request. The events that it
    counts are passed on unchanged. Importing this module loads nothing of ``prometheus_client``.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        from prometheus_client import CollectorRegistry, Histogram, ProcessCollector

        self._clock = clock
        self._registry = CollectorRegistry(auto_describe=False)
        self._counters = {one.name: _Series() for one in METRICS if one.kind == "counter"}
        self._histograms = {
            one.name: Histogram(
                one.name, one.help, one.labels, buckets=_BUCKETS, registry=self._registry
            )
            for one in METRICS
            if one.kind == "histogram"
        }
        self._sources: list[Callable[[], Iterable[Sample]]] = []
        self._version = version("doorward")
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def exposition(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)

    def read_at_scrape(self, source: Callable[[], Iterable[Sample]]) -> None:
        """Add the samples that ``source`` returns to each scrape; their names are in ``METRICS``."""
        self._sources.append(source)

    def add(self, name: str, *labels: str, amount: float = 1) -> None:
        """Add to a counter."""
        self._counters[name].cell(labels)[0] += amount

    def observe(self, name: str, seconds: float, *labels: str) -> None:
        """Add an observation to a histogram."""
        self._histograms[name].labels(*labels).observe(seconds)

    def counting(
        self, party: Party, sink: Callable[[Event], None], *, route: str | None = None
    ) -> Callable[[Event], None]:
        """
        Return a sink that counts each decision and passes it on to ``sink``.

        With ``route``, an event that has a ``status`` is also an answered request of that route.
        """
        decisions = self._counters["doorward_decisions_total"]
        requests = self._counters["doorward_requests_total"]

        # A guarded call waits for this: what is counted is looked up once per kind of decision.
        bound: dict[tuple[str, str, str, int | None], tuple[list[float], ...]] = {}
        # Of a guard's event, ``kind`` is the kind of its caller.
        named = party == "authorization-server"

        def cells_of(event: Event, name: str, status: int | None) -> tuple[list[float], ...]:
            decision = decisions.cell((party, name, event.decision, event.reason))
            # A refusal inside an answer with status 200 is no answer.
            inside = status == 200 and event.decision == "refused"
            if route is None or status is None or inside:
                return (decision,)
            return decision, requests.cell((route, str(status)))

        def counted(event: Event) -> None:
            status: int | None = getattr(event, "status", None)
            name = getattr(event, "kind", "decision") if named else "decision"
            key = (name, event.decision, event.reason, status)
            cells = bound.get(key)
            if cells is None:
                cells = cells_of(event, name, status)
                if len(bound) < _MOST_SERIES:
                    bound[key] = cells
            for cell in cells:
                cell[0] += 1
            sink(event)

        return counted

    def counting_tokens(self, sink: Callable[[Event], None]) -> Callable[[Event], None]:
        """Return a sink that counts events of the authorization server, and the tokens it issued."""
        counted = self.counting("authorization-server", sink)
        tokens = self._counters["doorward_tokens_issued_total"]

        def with_tokens(event: Event) -> None:
            kind: str = getattr(event, "kind", "")
            if kind in ("token.issued", "token.exchanged"):
                facts: Any = getattr(event, "facts", {})
                tokens.cell((str(facts.get("grant_type", "token-exchange")),))[0] += 1
            counted(event)

        return with_tokens

    def measuring(self, app: ASGIApp, route_of: Callable[[str], str]) -> ASGIApp:
        """Return ``app``, whose requests are counted and timed by the route of their path."""

        async def measured(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            status = "500"

            async def noting(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = str(message["status"])
                await send(message)

            route, began = route_of(scope["path"]), self._clock()
            try:
                await app(scope, receive, noting)
            finally:
                self.add("doorward_requests_total", route, status)
                self.observe("doorward_request_seconds", self._clock() - began, route)

        return measured

    @contextmanager
    def observing(self, work: Work, target: str) -> Iterator[None]:
        """Time work of the store, or a call to a provider, and count its failures."""
        began = self._clock()
        try:
            yield
        except Exception as error:
            if is_fault(error):
                self.add("doorward_work_failures_total", work, target)
            raise
        finally:
            self.observe(_SECONDS[work], self._clock() - began, target)

    def collect(self) -> "Iterator[Metric]":
        """Yield the counters and the gauges, as ``prometheus_client`` asks for them."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        samples = [one for source in self._sources for one in source()]
        samples.append(Sample("doorward_build_info", (self._version,), 1))
        for name, series in self._counters.items():
            samples += [Sample(name, labels, n) for labels, n in series.values()]
        for one in METRICS:
            if one.kind == "histogram":
                continue
            family = CounterMetricFamily if one.kind == "counter" else GaugeMetricFamily
            metric = family(one.name, one.help, labels=one.labels)
            own = [sample for sample in samples if sample.name == one.name]
            if not own and not one.labels:
                own = [Sample(one.name, (), 0)]
            for sample in own:
                metric.add_metric(sample.labels, sample.value)
            yield metric
