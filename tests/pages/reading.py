"""A rendered page, read back as a browser would: its elements, their attributes, its text."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

from doorward.authserver.pages.pages import Page, render

VOID = frozenset({"input", "meta", "link", "br", "img"})


@dataclass
class Element:
    """One element, with all the text inside it."""

    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass
class Document:
    """All elements in order, and the text outside ``head``."""

    elements: list[Element] = field(default_factory=list)
    text: str = ""

    def all(self, tag: str) -> list[Element]:
        """Return the elements called ``tag``."""
        return [element for element in self.elements if element.tag == tag]

    def named(self, name: str) -> list[str]:
        """Return the values of the form fields called ``name``."""
        return [e.attributes["value"] for e in self.elements if e.attributes.get("name") == name]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.document = Document()
        self.open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        assert len(element.attributes) == len(attrs), f"an attribute twice: {attrs}"
        self.document.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data
        if not any(element.tag == "head" for element in self.open):
            self.document.text += data


def read(page: Page) -> Document:
    """Return ``page``, rendered and parsed; fails when its elements do not nest."""
    reader = _Reader()
    reader.feed(render(page).decode("utf-8"))
    reader.close()
    assert not reader.open, f"never closed: {[element.tag for element in reader.open]}"
    reader.document.text = " ".join(reader.document.text.split())
    return reader.document
