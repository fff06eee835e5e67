"""``/healthz``, ``/readyz`` and ``/metrics``."""

import pytest

from doorward.operations.endpoints import Endpoint, OperationsEndpoints
from doorward.operations.metrics import Metrics
from doorward.operations.readiness import Check, Readiness
from tests.operations.asking import ask


async def _fine() -> None:
    return None


async def _older() -> str:
    return "schema-older"


READY = Readiness(lambda: [Check("database", _fine)])
NOT_READY = Readiness(lambda: [Check("database", _older), Check("signing-key", _fine)])


async def test_a_process_that_lacks_something_lives_and_is_not_ready() -> None:
    app = OperationsEndpoints(NOT_READY)
    alive, ready = await ask(app, "/healthz"), await ask(app, "/readyz")

    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})
    assert ready.status_code == 503
    assert ready.headers["retry-after"] == "5"
    assert ready.json() == {
        "status": "not ready",
        "missing": {"database": "schema-older"},
        "checked": ["database", "signing-key"],
    }


async def test_a_process_that_lacks_nothing_is_ready_under_any_host() -> None:
    answer = await ask(OperationsEndpoints(READY), "/readyz", Host="10.1.2.3:8000")

    assert (answer.status_code, answer.json()["missing"]) == (200, {})
    assert answer.headers["cache-control"] == "no-store"


async def test_metrics_are_text_that_prometheus_reads() -> None:
    answer = await ask(OperationsEndpoints(READY, Metrics()), "/metrics")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "doorward_build_info" in answer.text


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/metrics", "GET", 404),
        ("/", "GET", 404),
        ("/healthz/", "GET", 404),
        ("/healthz", "POST", 405),
        ("/readyz", "DELETE", 405),
        ("/healthz", "HEAD", 200),
    ],
)
async def test_only_what_was_asked_for_is_answered(path: str, method: str, status: int) -> None:
    answer = await ask(OperationsEndpoints(READY), path, method)

    assert answer.status_code == status
    assert (answer.content == b"") == (method == "HEAD")


async def test_a_prefix_moves_the_paths() -> None:
    only: list[Endpoint] = ["healthz"]
    app = OperationsEndpoints(READY, endpoints=only, prefix="/auth")

    assert app.paths == {"/auth/healthz"}
    assert (await ask(app, "/auth/healthz")).status_code == 200
    assert (await ask(app, "/healthz")).status_code == 404
    assert (await ask(app, "/auth/readyz")).status_code == 404
