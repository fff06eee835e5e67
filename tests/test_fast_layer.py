"""The processes of the fast layer run every test file, and each file once."""

from types import SimpleNamespace
from typing import Any

from tests.conftest import ROOT, pytest_ignore_collect
from tests.fast_layer import SHARES


def _ignored(path: str, share: str | None) -> bool:
    config: Any = SimpleNamespace(getoption=lambda _name: share)
    return pytest_ignore_collect(ROOT / path, config) is True


def test_each_test_file_is_in_one_share() -> None:
    files = [f"tests/{room}/test_{subject}.py" for room in "abcdefgh" for subject in "ijklmnop"]
    shares = [f"{number + 1}/{SHARES}" for number in range(SHARES)]

    counts = [sum(not _ignored(file, share) for share in shares) for file in files]

    assert set(counts) == {1}
    assert all(not _ignored(file, None) for file in files)


def test_what_is_no_test_file_is_in_every_share() -> None:
    assert not _ignored("tests/conftest.py", "1/2")
    assert not _ignored("tests/conftest.py", "2/2")
