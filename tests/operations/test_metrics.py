"""Metrics count by labels from closed sets, and cost a guarded call next to nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from doorward.authserver.events import ServerEvent
from doorward.errors import MissingToken
from doorward.guard.audit.events import AuditEvent
from doorward.operations.metric_names import METRICS
from doorward.operations.metrics import Metrics, Sample
from doorward.operations.observation import observed, observing
from doorward.operations.records import record_of
from tests.operations.asking import ask

# Of the process itself, from the operating system.
PROCESS = "process_"


def scraped(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Return each sample by its name and the values of its labels, in the order of ``METRICS``."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    order = [label for one in METRICS for label in one.labels]
    return {
        (
            one.name,
            *(one.labels[key] for key in sorted(one.labels, key=_place_in(order))),
        ): one.value
        for family in families
        for one in family.samples
    }


def _place_in(order: list[str]) -> Callable[[str], int]:
    return lambda label: order.index(label) if label in order else len(order)


def decision(reason: str = "allowed", status: int = 200, *, served: bool = True) -> AuditEvent:
    return AuditEvent(
        time=1.0,
        correlation_id="0123456789abcdef",
        decision="served" if served else "refused",
        reason=reason,
        status=status,
        http_method="POST",
    )


def test_decisions_and_answers_are_counted_and_passed_on() -> None:
    metrics = Metrics()
    seen: list[AuditEvent] = []
    sink = metrics.counting("guard", seen.append, route="/mcp")
    events = [decision(), decision(), decision("missing-token", 401, served=False)]
    for event in events:
        sink(event)

    found = scraped(metrics)
    assert seen == events
    assert found["doorward_decisions_total", "guard", "decision", "served", "allowed"] == 2
    assert found["doorward_decisions_total", "guard", "decision", "refused", "missing-token"] == 1
    assert found["doorward_requests_total", "/mcp", "200"] == 2
    assert found["doorward_requests_total", "/mcp", "401"] == 1


def test_a_refusal_inside_an_answer_is_a_decision_and_no_answer() -> None:
    metrics = Metrics()
    metrics.counting("guard", lambda _: None, route="/mcp")(
        decision("not-permitted", 200, served=False)
    )

    assert not any(name[0] == "doorward_requests_total" for name in scraped(metrics))


def test_tokens_are_counted_by_grant() -> None:
    metrics = Metrics()
    sink = metrics.counting_tokens(lambda _: None)
    for kind, facts in (
        ("token.issued", {"grant_type": "authorization_code"}),
        ("token.issued", {"grant_type": "refresh_token"}),
        ("token.issued", {"grant_type": "refresh_token"}),
        ("token.exchanged", {}),
        ("code.issued", {}),
    ):
        sink(ServerEvent(kind=kind, time=1, reason=kind, correlation_id="c", facts=facts))

    found = scraped(metrics)
    assert found["doorward_tokens_issued_total", "authorization_code"] == 1
    assert found["doorward_tokens_issued_total", "refresh_token"] == 2
    assert found["doorward_tokens_issued_total", "token-exchange"] == 1
    kind = "code.issued"
    assert found["doorward_decisions_total", "authorization-server", kind, "served", kind] == 1


def test_what_a_stranger_chose_becomes_no_label() -> None:
    metrics = Metrics()
    for number in range(3000):
        metrics.add("doorward_requests_total", f"/{number}", "200")
    metrics.add("doorward_requests_total", 'eyJ"\nforged{} 1', "200")

    names = [name for name in scraped(metrics) if name[0] == "doorward_requests_total"]
    assert len(names) == 1001
    assert ("doorward_requests_total", "other", "other") in names


async def test_requests_are_timed_by_route_and_failures_are_500() -> None:
    metrics = Metrics()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/broken":
            raise RuntimeError("secret")
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    measured = metrics.measuring(app, lambda path: path if path == "/token" else "other")
    await ask(measured, "/token")
    await ask(measured, "/wp-login.php")
    with pytest.raises(RuntimeError):
        await ask(measured, "/broken")

    found = scraped(metrics)
    assert found["doorward_requests_total", "/token", "204"] == 1
    assert found["doorward_requests_total", "other", "204"] == 1
    assert found["doorward_requests_total", "other", "500"] == 1
    assert found["doorward_request_seconds_count", "other"] == 2


def test_work_is_timed_and_its_failures_are_counted() -> None:
    metrics = Metrics(clock=iter([1.0, 1.03, 2.0, 2.5, 3.0, 3.1]).__next__)
    with observing(metrics):
        with observed("store", "write"):
            pass
        with pytest.raises(OSError, match="gone"), observed("provider", "google"):
            raise OSError("gone")
        with pytest.raises(MissingToken), observed("store", "read"):
            raise MissingToken("a refusal is no fault of the store")

    found = scraped(metrics)
    assert found["doorward_store_seconds_sum", "write"] == pytest.approx(0.03)
    assert found["doorward_provider_seconds_count", "google"] == 1
    assert found["doorward_work_failures_total", "provider", "google"] == 1
    assert not any(name[:2] == ("doorward_work_failures_total", "store") for name in found)


def test_work_that_nobody_observes_costs_no_object() -> None:
    assert observed("store", "read") is observed("provider", "google")


def test_observers_see_the_same_work_in_one_order() -> None:
    seen: list[str] = []

    class Noting:
        def __init__(self, name: str) -> None:
            self.name = name

        @contextmanager
        def observing(self, work: str, target: str) -> Iterator[None]:
            seen.append(f"{self.name} begins")
            yield
            seen.append(f"{self.name} ends")

    with observing(Noting("a")), observing(Noting("b")), observed("store", "read"):
        pass

    assert seen == ["a begins", "b begins", "b ends", "a ends"]


def test_every_metric_of_the_table_is_in_a_scrape_and_no_other() -> None:
    metrics = Metrics()
    metrics.read_at_scrape(lambda: [Sample("doorward_ready", ("database",), 1)])
    described = [line for line in metrics.exposition().decode().splitlines() if "# TYPE" in line]
    names = {line.split()[2]: line.split()[3] for line in described}

    assert {name for name in names if not name.startswith(PROCESS)} == {one.name for one in METRICS}
    assert {one.name: one.kind for one in METRICS}.items() <= names.items()


def test_a_record_of_a_decision_has_one_schema_for_all_parties() -> None:
    guard = record_of("guard", decision("missing-token", 401, served=False), "decision")
    server = record_of(
        "authorization-server",
        ServerEvent(
            kind="request.failed",
            time=2.0,
            reason="server-error",
            correlation_id="c",
            facts={"status": 500, "path": "/token\u202e"},
        ),
        "request.failed",
    )

    assert (guard.level, guard.party, guard.event, guard.reason) == (
        "warning",
        "guard",
        "decision",
        "missing-token",
    )
    assert guard.facts == {"status": 401, "http_method": "POST"}
    assert (server.level, server.decision) == ("error", "refused")
    assert server.facts["path"] == "/token\\u202e"
