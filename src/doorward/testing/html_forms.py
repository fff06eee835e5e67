"""The forms and links of an HTML page, as a browser without script sees them."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Button:
    """A control that submits its form; its name and value travel only when it is the one pressed."""

    name: str | None
    value: str


@dataclass
class Form:
    """One form: where it goes, the fields that travel, and the buttons that can send it."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    buttons: list[Button] = field(default_factory=list)

    def field_of_type(self, kind: str) -> str | None:
        """Return the name of the first field of that input type, or ``None``."""
        return next((name for name, its in self.types.items() if its == kind), None)

    def button(self, name: str, value: str) -> Button | None:
        """Return the button of that name and value, or ``None``."""
        return next((b for b in self.buttons if (b.name, b.value) == (name, value)), None)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.title = ""
        self._open: Form | None = None
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = Form(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._open)
        elif tag == "title":
            self._in_title = True
        elif tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif self._open is not None and "disabled" not in given:
            self._control(self._open, tag, given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag == "title":
            self._in_title = False

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data

    @staticmethod
    def _control(form: Form, tag: str, given: dict[str, str]) -> None:
        kind = given.get("type", "submit" if tag == "button" else "text").lower()
        name, value = given.get("name"), given.get("value", "")
        if tag in ("button", "input") and kind in ("submit", "image"):
            form.buttons.append(Button(name, value))
        elif tag == "input" and name and kind not in ("button", "reset"):
            if kind not in ("checkbox", "radio") or "checked" in given:
                form.fields[name] = value
            form.types[name] = kind


@dataclass(frozen=True)
class Page:
    """What a page says in its title, its forms, and the targets of its links."""

    title: str
    forms: tuple[Form, ...]
    links: tuple[str, ...] = ()


def read_page(html: str) -> Page:
    """Return the title, the forms and the links of a page."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return Page(" ".join(reader.title.split()), tuple(reader.forms), tuple(reader.links))
