"""Read a page of the site as a browser would: where it leads, what it loads, what can be led to."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path


@dataclass
class Read(HTMLParser):
    """What one page says: its links, what a browser fetches for it by itself, and its anchors."""

    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    anchors: list[str] = field(default_factory=list)
    images_without_words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the element leads to, loads, or is named."""
        has = {name: value or "" for name, value in attrs}
        if "id" in has:
            self.anchors.append(has["id"])
        if tag == "a" and "href" in has:
            self.links.append(has["href"])
        if tag == "link" and has.get("rel") in {"stylesheet", "icon", "preload", "preconnect"}:
            self.loads.append(has["href"])
        if tag in {"script", "img", "iframe"} and "src" in has:
            self.loads.append(has["src"])
        if tag == "img" and not has.get("alt"):
            self.images_without_words.append(has.get("src", ""))


def read(page: Path) -> Read:
    """Return what the page says."""
    reader = Read()
    reader.feed(page.read_text("utf-8"))
    return reader
