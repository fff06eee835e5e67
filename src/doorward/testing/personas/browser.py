"""A browser without a window: it follows redirects, keeps cookies, and fills in the forms of a sign-in."""

from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2

from doorward.testing.html_forms import Form, Page, read_page
from doorward.testing.personas.hops import Exchange
from doorward.testing.personas.http import plain

_MOST_STEPS = 20
_SAYS_YES = ("allow", "accept", "approve", "authorize", "consent", "yes")
# As a browser: also of a page on plain http of this machine.
_SECURE_ANYWHERE = DefaultCookiePolicy(secure_protocols=("https", "wss", "http"))


class BrowserStopped(Exception):
    """The user cannot go on: ``problem`` says where and why."""

    def __init__(self, problem: str, *, before_sign_in: bool) -> None:
        super().__init__(problem)
        self.problem = problem
        self.before_sign_in = before_sign_in


@dataclass
class Browser:
    """
    The browser of one user, who signs in with a password and allows what is asked.

    ``record`` gets every exchange, ``on_page`` is called when the first page has come.
    """

    transport: httpx2.AsyncBaseTransport
    username: str
    password: str = field(repr=False)
    record: Callable[[Exchange], None]
    on_page: Callable[[], None]

    async def go(self, url: str, redirect_uri: str) -> dict[str, str]:
        """
        Return the parameters with which the browser comes back to ``redirect_uri``.

        Raises:
            BrowserStopped: it does not come back.
        """
        async with httpx2.AsyncClient(
            transport=self.transport, trust_env=False, cookies=CookieJar(_SECURE_ANYWHERE)
        ) as http:
            response = await self._send(http, "GET", url, {}, {})
            signed_in = pages = False
            for _ in range(_MOST_STEPS):
                back = _answer_to(response, redirect_uri)
                if back is not None:
                    return back
                if response.is_redirect:
                    target = urljoin(str(response.url), response.headers["location"])
                    response = await self._send(http, "GET", target, {}, {})
                    continue
                page = read_page(response.text)
                step = None if response.status_code >= 500 else self._step(page)
                if step is None or (signed_in and step[0] == "sign-in"):
                    raise BrowserStopped(
                        self._problem(response, page, again=step is not None),
                        before_sign_in=not pages,
                    )
                if not pages:
                    pages = True
                    self.on_page()
                signed_in = signed_in or step[0] == "sign-in"
                response = await self._submit(http, response, *step[1:])
        raise BrowserStopped(f"it is still going after {_MOST_STEPS} steps", before_sign_in=False)

    def _step(self, page: Page) -> tuple[str, Form, dict[str, str]] | None:
        """Return what the user does on a page: its kind, the form, and what is sent."""
        for form in page.forms:
            password = form.field_of_type("password")
            if password is not None:
                name = form.field_of_type("text") or form.field_of_type("email") or "username"
                return "sign-in", form, {name: self.username, password: self.password}
            for button in form.buttons:
                if button.name and button.value.lower() in _SAYS_YES:
                    return "consent", form, {button.name: button.value}
        return None

    def _problem(self, response: httpx2.Response, page: Page, *, again: bool) -> str:
        where = f"{plain(str(response.url))} answered {response.status_code}"
        if again:
            return f"{where} and asks {self.username!r} to sign in again ({page.title!r})"
        return f"{where}, a page without a way on ({page.title!r})"

    async def _submit(
        self, http: httpx2.AsyncClient, response: httpx2.Response, form: Form, given: dict[str, str]
    ) -> httpx2.Response:
        target = urljoin(str(response.url), form.action)
        hides = "no-referrer" in response.headers.get("referrer-policy", "")
        parts = urlsplit(str(response.url))
        headers = {"Origin": "null" if hides else f"{parts.scheme}://{parts.netloc}"}
        headers["Sec-Fetch-Site"] = "same-origin"
        return await self._send(
            http, form.method.upper(), target, {**form.fields, **given}, headers
        )

    async def _send(
        self,
        http: httpx2.AsyncClient,
        method: str,
        url: str,
        data: dict[str, str],
        headers: dict[str, str],
    ) -> httpx2.Response:
        sent = {
            "Accept": "text/html,application/xhtml+xml",
            "User-Agent": "Mozilla/5.0",
            "Sec-Fetch-Site": "none",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
            **headers,
        }
        try:
            response = await http.request(method, url, headers=sent, data=data or None)
        except httpx2.TransportError as error:
            raise BrowserStopped(
                f"{plain(url)} has no answer: {error}", before_sign_in=True
            ) from None
        self.record(Exchange(method, plain(str(response.url)), response.status_code))
        return response


def _answer_to(response: httpx2.Response, redirect_uri: str) -> dict[str, str] | None:
    """Return the parameters of a redirect, or of a link on a page, to ``redirect_uri``."""
    targets = [response.headers.get("location", "")]
    # An application's own scheme is opened by a link on a page.
    if response.status_code == 200 and not redirect_uri.startswith("http"):
        targets += read_page(response.text).links
    for target in targets:
        place, _, query = target.partition("?")
        if place == redirect_uri:
            return {name: values[0] for name, values in parse_qs(query).items()}
    return None
