"""A browser without windows: cookies, redirects and forms, against an ASGI application in-process."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2

FORM = "application/x-www-form-urlencoded"


@dataclass
class Form:
    """One form of a page: where it goes, its hidden and visible fields, its buttons."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


# The parser takes longer over a whole page than the server does.
_TAG = re.compile(r"""<(?:form|input|button|a)\b(?:[^>"']|"[^"]*"|'[^']*')*>""")


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(found.get("action", ""), found.get("method", "get").lower()))
        elif tag == "input" and self.forms and "name" in found:
            self.forms[-1].fields[found["name"]] = found.get("value", "")
        elif tag == "button" and self.forms and "name" in found:
            self.forms[-1].buttons.append((found["name"], found.get("value", "")))
        elif tag == "a" and "href" in found:
            self.links.append(found["href"])


def forms_of(html: str) -> list[Form]:
    """Return the forms of a page, in order."""
    return _parsed(html).forms


def links_of(html: str) -> list[str]:
    """Return the targets of the links of a page, in order."""
    return _parsed(html).links


def _parsed(html: str) -> _Forms:
    parser = _Forms()
    parser.feed("".join(_TAG.findall(html)))
    return parser


def form_with(html: str, name: str) -> Form:
    """Return the form that has a field or a button of that name."""
    return next(
        form
        for form in forms_of(html)
        if name in form.fields or any(button == name for button, _ in form.buttons)
    )


def answer_in(location: str) -> dict[str, str]:
    """Return the parameters of a redirect to a client, each of which must be there once."""
    values = parse_qs(urlsplit(location).query, strict_parsing=True, keep_blank_values=True)
    assert all(len(value) == 1 for value in values.values()), location
    return {name: value[0] for name, value in values.items()}


class Browser:
    """One person's browser, with its own cookie jar."""

    def __init__(self, app: Any, origin: str, peer: str = "127.0.0.1") -> None:
        self.origin = origin
        self.http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app, client=(peer, 40000)),
            base_url=origin,
            follow_redirects=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.http.aclose()

    async def open(self, url: str) -> httpx2.Response:
        """Open an address and follow redirects for as long as they stay on this server."""
        return await self._settle(await self.http.get(url))

    async def submit(self, form: Form, **values: str) -> httpx2.Response:
        """Send a form with these values, and follow redirects that stay on this server."""
        action = urljoin(self.origin, form.action)
        return await self._settle(await self.http.post(action, data={**form.fields, **values}))

    async def sign_in(self, page: httpx2.Response, username: str, password: str) -> httpx2.Response:
        """Fill in the sign-in form of ``page``."""
        form = form_with(page.text, "password")
        return await self.submit(form, username=username, password=password)

    async def decide(self, page: httpx2.Response, decision: str = "allow") -> httpx2.Response:
        """Answer the consent form of ``page``."""
        return await self.submit(form_with(page.text, "decision"), decision=decision)

    async def go_through(self, url: str, username: str, password: str) -> httpx2.Response:
        """Sign in and allow wherever that is asked; return what leads away from this server."""
        page = await self.open(url)
        if page.status_code == 200 and 'name="password"' in page.text:
            page = await self.sign_in(page, username, password)
        if page.status_code == 200 and 'name="decision"' in page.text:
            page = await self.decide(page)
        return page

    async def _settle(self, response: httpx2.Response) -> httpx2.Response:
        while response.is_redirect:
            target = urljoin(str(response.url), response.headers["location"])
            if not target.startswith(self.origin + "/") or "code=" in target:
                return response
            response = await self.http.get(target)
        return response
