"""Take the picture of the page: ``python -m tests.operations.story.take_pictures``."""

from pathlib import Path

from doorward.operations.story.page import attempt_page
from tests.operations.story.hops import NOW, stopped_at_a_provider
from tests.pages.browser import chromium, new_page

IMAGE = Path(__file__).parents[3] / "docs" / "images" / "story.png"


def take_picture(file: Path = IMAGE) -> Path:
    """Draw an attempt that stopped before the process, and return the file."""
    page = attempt_page(stopped_at_a_provider(), NOW + 3000, "/story").decode()
    with chromium() as browser, new_page(browser, {"width": 900, "height": 900}) as watched:
        watched.page.set_content(page)
        watched.page.locator(".page").screenshot(path=file)
    return file


if __name__ == "__main__":
    print(take_picture())
