"""A real OpenTelemetry Collector receives one trace of a sign-in and a call, by OTLP."""

from pathlib import Path
from typing import Any

import pytest

from tests.operations.collected import TRACE, collecting, sign_in_and_call

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.soak,
    pytest.mark.needs("go"),
    pytest.mark.timeout(1800),
]


def attributes(span: dict[str, Any]) -> dict[str, str]:
    """Return the attributes of a span that are text."""
    pairs = ((one["key"], one["value"].get("stringValue")) for one in span.get("attributes", []))
    return {key: value for key, value in pairs if value is not None}


def test_guard_authorization_server_store_and_provider_are_in_one_trace(tmp_path: Path) -> None:
    with collecting(tmp_path) as collector:
        secrets = sign_in_and_call(tmp_path, collector.endpoint)
        spans = [one for one in collector.spans() if one["traceId"] == TRACE]
        text = collector.text()

    by_id = {one["spanId"]: one for one in spans}
    names = {one["name"] for one in spans}
    parents = {
        (one["name"].split()[0], by_id[one["parentSpanId"]]["name"])
        for one in spans
        if one["parentSpanId"] in by_id
    }
    assert {"GET /authorize", "POST /token", "POST /mcp"} <= names
    # Each wait is below the request that waited.
    assert ("store", "POST /token") in parents
    assert ("provider", "GET /callback/{provider}") in parents
    (guarded,) = (one for one in spans if one["name"] == "POST /mcp")
    assert attributes(guarded)["doorward.decision"] == "served"
    assert not [secret for secret in secrets if secret in text]
