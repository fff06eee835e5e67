"""The site as `make docs` builds it, read from the disk and in Chromium."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from docs.making.command import build_site
from playwright.sync_api import Browser
from starlette.staticfiles import StaticFiles

from tests.pages.browser import chromium, served


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a site that was built now."""
    folder = tmp_path_factory.mktemp("site")
    build_site(folder)
    return folder


@pytest.fixture(scope="session")
def pages(site: Path) -> list[Path]:
    """Give the pages of the site but those that only show a file of the repository."""
    found = [page.relative_to(site) for page in sorted(site.rglob("*.html"))]
    return [page for page in found if page.parts[0] != "code" and page.name != "404.html"]


# No wider than a module: while the synchronous driver lives, no other test can run an event loop.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give a headless Chromium."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def origin(site: Path) -> Iterator[str]:
    """Give the origin at which the site is served."""
    with served(StaticFiles(directory=site, html=True)) as address:
        yield address
