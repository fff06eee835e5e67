"""No test hides behind a missing part of the machine: on CI it fails, on a laptop it says why."""

import re
from collections.abc import Callable

import pytest

from tests import conftest

Missing = Callable[[str, bool], tuple[str, str]]
EVERY = sorted(conftest.PARTS)


@pytest.fixture
def missing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Missing:
    """Return what sets up a test that needs a part which is not there, and says how that ends."""

    def set_up(part: str, on_ci: bool) -> tuple[str, str]:
        item = request.node
        monkeypatch.setattr(conftest, "ON_CI", on_ci)
        monkeypatch.setitem(conftest.PARTS, part, (lambda: None, f"no {part} here"))
        item.add_marker(pytest.mark.needs(part))
        # Caught both: what is raised to skip a test would skip the one that looks.
        try:
            conftest.pytest_runtest_setup(item)
        except pytest.skip.Exception as skipped:
            return "skipped", str(skipped)
        except pytest.fail.Exception as failed:
            return "failed", str(failed)
        return "ran", ""

    return set_up


@pytest.mark.parametrize("part", [one for one in EVERY if one not in conftest.NOT_DEMANDED])
def test_what_every_ci_can_have_fails_there_when_it_is_missing(missing: Missing, part: str) -> None:
    assert missing(part, True) == ("failed", f"needs {part}: no {part} here")


@pytest.mark.parametrize("part", sorted(conftest.NOT_DEMANDED))
def test_a_part_that_no_test_of_a_landing_needs_may_be_missing_on_ci(
    missing: Missing, part: str
) -> None:
    assert missing(part, True) == ("skipped", f"needs {part}: no {part} here")


def test_few_parts_may_be_missing_on_ci() -> None:
    assert {"go", "hydra"} == conftest.NOT_DEMANDED


@pytest.mark.parametrize("part", EVERY)
def test_on_a_laptop_a_missing_part_is_said(missing: Missing, part: str) -> None:
    assert missing(part, False) == ("skipped", f"needs {part}: no {part} here")


def test_a_part_that_is_there_is_no_reason_to_skip(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(conftest.PARTS, "uv", (lambda: "/bin/uv", "never said"))
    request.node.add_marker(pytest.mark.needs("uv"))

    conftest.pytest_runtest_setup(request.node)


def test_nothing_else_skips_a_test_on_the_machines_account() -> None:
    ways = re.compile(r"importorskip|mark\.skip|skipif|unittest\.skip")
    own = {"test_missing_parts.py"}
    files = [one for one in conftest.ROOT.glob("tests/**/*.py") if one.name not in own]

    assert len(files) > 100
    assert not [one for one in files if ways.search(one.read_text("utf-8"))]
