"""The dashboard and the alert rules name metrics, labels and events that exist."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from doorward.operations.metric_names import METRICS
from doorward.operations.metrics import Metrics

ROOT = Path(__file__).parents[2]
ALERTS = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text("utf-8"))
DASHBOARD = json.loads((ROOT / "deploy/grafana/doorward.json").read_text("utf-8"))
PAGE = (ROOT / "docs/operations.md").read_text("utf-8")
RULES: list[dict[str, Any]] = [rule for group in ALERTS["groups"] for rule in group["rules"]]
QUERIES = [rule["expr"] for rule in RULES] + [
    target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]
]
NAMED = re.compile(r"\b(doorward_[a-z_]+)(?:\{([^}]*)\})?")
# Added by Prometheus.
OF_PROMETHEUS = {"instance", "job", "le"}


def _scraped() -> dict[str, set[str]]:
    """Return the labels of each sample in a scrape in which everything was counted once."""
    metrics = Metrics()
    for one in METRICS:
        if one.kind == "counter":
            metrics.add(one.name, *one.labels)
        elif one.kind == "histogram":
            metrics.observe(one.name, 0.1, *one.labels)
    text = metrics.exposition().decode()
    found = {
        sample.name: set(sample.labels)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    return found | {one.name: set(one.labels) for one in METRICS if one.kind == "gauge"}


def test_every_metric_and_label_of_a_query_is_in_a_scrape() -> None:
    scraped = _scraped()
    seen = set()
    for query in QUERIES:
        for name, labels in NAMED.findall(query):
            seen.add(name)
            assert name in scraped, query
            wanted = set(re.findall(r"([a-z_]+)\s*[=!]~?", labels))
            assert wanted - OF_PROMETHEUS <= scraped[name], query
        for grouped in re.findall(r"by \(([^)]*)\)", query):
            every = set().union(*(scraped[name] for name, _ in NAMED.findall(query)))
            assert {one.strip() for one in grouped.split(",")} - OF_PROMETHEUS <= every, query
    assert len(seen) > 10


def test_every_metric_is_on_the_dashboard() -> None:
    queries = " ".join(QUERIES)

    assert [one.name for one in METRICS if one.name not in queries] == []


def test_every_event_and_reason_of_a_rule_is_in_the_code() -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    for rule in RULES:
        for events in re.findall(r'event=~?"([^"]*)"', rule["expr"]):
            for event in events.split("|"):
                assert f'"{event}"' in source, event


@pytest.mark.needs("promtool")
def test_prometheus_itself_accepts_the_rules() -> None:
    checked = subprocess.run(
        ["promtool", "check", "rules", str(ROOT / "deploy/prometheus/alerts.yml")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "10 rules found" in checked.stdout


@pytest.mark.needs("promtool")
def test_prometheus_itself_accepts_a_scrape() -> None:
    metrics = Metrics()
    metrics.add("doorward_requests_total", "/mcp", "200")
    metrics.observe("doorward_store_seconds", 0.1, "read")
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=metrics.exposition(),
        capture_output=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_alarm_has_its_place_in_the_run_book() -> None:
    assert len(RULES) == 10
    for rule in RULES:
        assert f"### {rule['alert']}\n" in PAGE, rule["alert"]
        assert rule["annotations"]["summary"].endswith(".")
