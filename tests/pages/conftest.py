"""One Chromium and one gallery for each module that asks for them."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.pages.browser import chromium, served
from tests.pages.gallery import gallery


# No wider than a module: while the synchronous driver lives, no other test can run an event loop.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give a headless Chromium."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """Give the origin at which every state of every page is served."""
    with served(gallery()) as address:
        yield address
