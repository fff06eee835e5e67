"""Take the pictures of the README: ``python -m tests.pages.take_pictures``."""

from pathlib import Path

from tests.pages.browser import PHONE, chromium, new_page, served
from tests.pages.gallery import gallery

IMAGES = Path(__file__).parents[2] / "docs" / "images"


def take_pictures(folder: Path = IMAGES) -> list[Path]:
    """Draw the consent page for a desktop and the sign-in page for a phone, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    consent, sign_in = folder / "consent.png", folder / "sign-in-phone.png"
    with served(gallery()) as origin, chromium() as browser:
        with new_page(browser, {"width": 960, "height": 740}, scale=1.25) as watched:
            watched.page.goto(f"{origin}/state/consent")
            watched.page.screenshot(path=consent)
        with new_page(browser, PHONE, scale=2) as watched:
            watched.page.goto(f"{origin}/state/sign-in-demo")
            watched.page.wait_for_function("document.activeElement.id === 'username'")
            watched.page.screenshot(path=sign_in)
    return [consent, sign_in]


if __name__ == "__main__":
    for picture in take_pictures():
        print(f"{picture.name}: {picture.stat().st_size / 1000:.0f} kB")
