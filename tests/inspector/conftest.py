"""One Chromium for each module; for each test an Inspector that holds no tokens, and a fresh profile."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.inspector.running_inspector import RunningInspector
from tests.inspector.session import Session, browsing, session


@pytest.fixture
def inspector(tmp_path: Path) -> Iterator[RunningInspector]:
    """Run the Inspector. Its tokens are in its backend, so whoever shares one is signed in there."""
    with RunningInspector(tmp_path) as running:
        yield running


# No wider than a module: while the synchronous driver lives, no other test can run an event loop.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give a headless Chromium that knows no other machine."""
    with browsing() as running:
        yield running


@pytest.fixture
def person(browser: Browser, inspector: RunningInspector) -> Iterator[Session]:
    """Give somebody who sits down at the Inspector with a browser that has no history."""
    with session(browser, inspector) as sitting:
        yield sitting
