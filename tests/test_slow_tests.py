"""The list of slow tests names tests that exist, and not much of the whole."""

import re

from tests.conftest import ROOT, SLOW_TESTS


def test_every_slow_test_exists() -> None:
    missing = []
    for one in SLOW_TESTS:
        file, *names = one.split("::")
        path = ROOT / file
        text = path.read_text("utf-8") if path.exists() else ""
        if not re.search(rf"def {names[-1]}\(", text):
            missing.append(one)

    assert missing == []


def test_the_list_is_sorted_and_has_each_test_once() -> None:
    lines = (ROOT / "tests" / "slow_tests.txt").read_text("utf-8").split()

    assert lines == sorted(set(lines))
