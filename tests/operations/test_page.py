"""The page about operations names every metric and every setting as the code does."""

from pathlib import Path

import pytest

from doorward.config.reading import fields
from doorward.operations.metric_names import METRICS, MetricName

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")


@pytest.mark.parametrize("metric", METRICS, ids=lambda one: one.name)
def test_every_metric_is_on_the_page_with_its_labels(metric: MetricName) -> None:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    row = f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |"

    assert row.replace("|  |", "| |") in PAGE


def test_every_setting_is_on_the_page() -> None:
    for table in (fields.OPERATIONS, fields.LOG, fields.AUDIT):
        for setting in table.settings:
            assert f"{setting.name} =" in PAGE or f"`{setting.name}`" in PAGE, setting.name
