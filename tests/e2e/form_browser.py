"""A browser without script: it follows redirects, keeps cookies, fills in forms and submits them."""

import time
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2

from doorward.testing.html_forms import Form, Page, read_page

MOST_STEPS = 20
REDIRECTS = (302, 303)
WAIT_FOR_CALLBACK = 20.0


class BrowserStuck(Exception):
    """The walk ended where no user could go on. The text holds no code, state or password."""


@dataclass
class Walk:
    """What the user saw: the kinds of page in order, and the parameters that came back."""

    pages: list[str] = field(default_factory=list)
    answer: dict[str, str] = field(default_factory=dict)


class FormBrowser:
    """
    One user at one browser.

    Cookies survive from walk to walk, as in a real one. A cookie that is ``Secure`` travels over
    http to loopback, as Chromium and Firefox do. ``Origin: null`` goes out from pages with
    ``Referrer-Policy: no-referrer``, because that is what real browsers send from them. With
    ``delivers`` off, the redirect URI is not asked for: whoever holds the walk has its answer.
    Where identity providers are offered, ``provider`` is chosen. ``internet`` is where all https hosts
    are reached: ``https://a.example/b`` at ``<internet>/a.example/b``.
    """

    def __init__(
        self,
        username: str,
        password: str,
        *,
        decision: str = "allow",
        delivers: bool = True,
        provider: str | None = None,
        internet: str | None = None,
    ) -> None:
        self.username = username
        self.walks: list[Walk] = []
        self._password = password
        self._decision = decision
        self._delivers = delivers
        self._provider = provider
        self._internet = internet
        self._cookies: dict[str, dict[str, str]] = {}
        self._client = httpx2.Client(follow_redirects=False, trust_env=False, timeout=20)

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def walk(self, url: str) -> Walk:
        """
        Go where the authorization URL leads, until the client's redirect URI has answered.

        Raises:
            BrowserStuck: a page without a form to go on with, too many steps, or no callback.
        """
        seen = Walk()
        self.walks.append(seen)
        callback = _one(url, "redirect_uri")
        response = self._send("GET", url)
        for _ in range(MOST_STEPS):
            if response.status_code in REDIRECTS:
                target = urljoin(str(response.url), response.headers["location"])
                if callback and _without_query(target) == _without_query(callback):
                    seen.answer = {key: one[0] for key, one in parse_qs(_query(target)).items()}
                    if self._delivers:
                        self._deliver(target)
                    return seen
                response = self._send("GET", target)
            else:
                response = self._fill(response, seen)
        raise BrowserStuck(f"still going after {MOST_STEPS} steps; pages: {seen.pages}")

    def _fill(self, response: httpx2.Response, seen: Walk) -> httpx2.Response:
        page = read_page(response.text)
        form, kind, values = self._choose(page, response.status_code)
        # The same page twice means that it was not content with what it got.
        if kind == "sign-in" and kind in seen.pages:
            raise BrowserStuck(f"{self.username} was asked to sign in twice ({page.title!r})")
        seen.pages.append(kind)
        no_referrer = "no-referrer" in response.headers.get("referrer-policy", "")
        target = urljoin(str(response.url), form.action)
        return self._send(
            form.method.upper(),
            target,
            data=values,
            headers={
                "Origin": "null" if no_referrer else _origin(str(response.url)),
                "Sec-Fetch-Site": "same-origin",
            },
        )

    def _choose(self, page: Page, status: int) -> tuple[Form, str, dict[str, str]]:
        for form in page.forms:
            if form.button("decision", self._decision):
                return form, "consent", {**form.fields, "decision": self._decision}
            # Keycloak asks on one page, with a button for each answer.
            if self._decision == "allow" and form.button("accept", ""):
                return form, "consent", {**form.fields, "accept": ""}
            if password := form.field_of_type("password"):
                name = form.field_of_type("text") or "username"
                typed = {name: self.username, password: self._password}
                return form, "sign-in", {**form.fields, **typed}
            # Node oidc-provider asks for consent with one button, and none to say no.
            if self._decision == "allow" and form.fields.get("prompt") == "consent":
                return form, "consent", form.fields
            if self._provider is not None and form.action.endswith(f"/sign-in/{self._provider}"):
                return form, "provider", form.fields
        raise BrowserStuck(f"HTTP {status}, a page without a way on: {page.title!r}")

    def _deliver(self, target: str) -> None:
        # A client may open its listener a moment after it opened the browser.
        deadline = time.monotonic() + WAIT_FOR_CALLBACK
        while True:
            try:
                self._client.get(target, headers={"Sec-Fetch-Mode": "navigate"})
            except httpx2.ConnectError:
                if time.monotonic() > deadline:
                    raise BrowserStuck("nobody listens at the redirect URI") from None
                time.sleep(0.05)
            else:
                return

    def _send(
        self,
        method: str,
        url: str,
        data: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx2.Response:
        jar = self._cookies.setdefault(urlsplit(url).hostname or "", {})
        sent = {
            "Accept": "text/html,application/xhtml+xml",
            "Sec-Fetch-Site": "none",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
            **(headers or {}),
        }
        if jar:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        response = self._client.request(method, self._reached_at(url), data=data, headers=sent)
        # The library's own jar would hold back Secure cookies on http loopback; ours is the jar.
        self._client.cookies.clear()
        for line in response.headers.get_list("set-cookie"):
            _keep(jar, line)
        return response

    def _reached_at(self, url: str) -> str:
        if self._internet is None or not url.startswith("https://"):
            return url
        return f"{self._internet}/{url.removeprefix('https://')}"


def _keep(jar: dict[str, str], line: str) -> None:
    pair, *attributes = (part.strip() for part in line.split(";"))
    name, _, value = pair.partition("=")
    if "max-age=0" in (attribute.lower() for attribute in attributes):
        jar.pop(name, None)
    else:
        jar[name] = value


def _one(url: str, parameter: str) -> str | None:
    return next(iter(parse_qs(_query(url)).get(parameter, [])), None)


def _query(url: str) -> str:
    return urlsplit(url).query


def _without_query(url: str) -> str:
    return url.partition("?")[0]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
