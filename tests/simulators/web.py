"""Simulators on a real port: each at an address of its own, or all of them as the Internet."""

import html
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from doorward.net import Fetcher, FetchRequest, FetchResponse
from tests.simulators.facts import origin_of
from tests.simulators.simulator import ErrorPage, Simulator, leads_back

PASSWORD = "what every simulated person types"
_COOKIE = "signed_in_at"

_PAGE = """<!doctype html><html lang="en"><title>Sign in · {name}</title><h1>{name}</h1>
<form method="post" action="{action}"><label>Account <input name="username"></label>
<label>Password <input type="password" name="password"></label><button type="submit">Sign in</button></form>"""


class SimulatedInternet:
    """
    Simulators by the hosts of their URLs.

    A request names the host in its ``Host`` header, as over TLS, or as the first part of its path:
    ``/accounts.google.com/o/oauth2/v2/auth``. A simulator that was made with ``at`` is found by the
    ``Host`` header as well.
    """

    def __init__(self, simulators: Iterable[Simulator]) -> None:
        self.simulators = {one.facts.name: one for one in simulators}
        self._hosts: dict[str, list[Simulator]] = {}
        for one in self.simulators.values():
            for origin in one.facts.origins:
                self._hosts.setdefault(urlsplit(origin).netloc, []).append(one)
        methods = ["GET", "POST", "DELETE"]
        self.app = Starlette(routes=[Route("/{path:path}", self._answer, methods=methods)])

    async def _answer(self, request: Request) -> Response:
        host, path = request.headers.get("host", ""), request.url.path
        if host not in self._hosts:
            host, _, path = path.lstrip("/").partition("/")
            path = "/" + path
        body = await request.body()
        fields = {**request.query_params, **dict(parse_qsl(body.decode()))}
        shown = request.headers.get("authorization")
        # A browser leaves the default port out, also where a provider's own URLs have it.
        for name in (host, f"{host}:443"):
            # Two providers can share a host: the client and its token tell which one is meant.
            found = self._hosts.get(name, [])
            for one in [one for one in found if one.is_meant(fields, shown)] or found:
                url = f"{urlsplit(one.issuer).scheme}://{name}{path}"
                asked = f"{url}?{request.url.query}" if request.url.query else url
                if answer := await _answer_of(one, request, url, asked, body):
                    return answer
        return PlainTextResponse("nothing here", 404)


async def _answer_of(
    one: Simulator, request: Request, url: str, asked: str, body: bytes
) -> Response | None:
    if url == str(one.facts.metadata["authorization_endpoint"]).partition("?")[0]:
        if request.method == "POST":
            return _signed_in(one, asked, body)
        # Someone who is signed in there is not asked again, unless the client wants that.
        known = request.cookies.get(_COOKIE) == one.facts.name
        asks = {"login", "select_account"} & set(request.query_params.get("prompt", "").split())
        return _led_back(one, asked) if known and not asks else _page(one, asked)
    sent = FetchRequest(
        method=request.method,
        body=body,
        content_type=request.headers.get("content-type"),
        authorization=request.headers.get("authorization"),
    )
    response = await one.send(asked, sent)
    if response.status == 404 and b"Not Found" in response.body:
        return None
    return Response(response.body, response.status, dict(response.headers))


def _page(one: Simulator, asked: str) -> Response:
    try:
        one.check(asked)
    except ErrorPage as page:
        return HTMLResponse(f"<title>Error 400</title>{html.escape(str(page))}", 400)
    name = html.escape(one.facts.name)
    return HTMLResponse(_PAGE.format(name=name, action=html.escape(asked)))


def _signed_in(one: Simulator, asked: str, body: bytes) -> Response:
    typed = dict(parse_qsl(body.decode()))
    if typed.get("password") != PASSWORD:
        return HTMLResponse("<title>Wrong password</title>", 403)
    answer = _led_back(one, asked)
    answer.set_cookie(_COOKIE, one.facts.name)
    return answer


def _led_back(one: Simulator, asked: str) -> Response:
    try:
        answer = one.authorize(asked)
    except ErrorPage as page:
        return HTMLResponse(f"<title>Error 400</title>{html.escape(str(page))}", 400)
    return RedirectResponse(leads_back(one.authorizations[-1], answer), 302)


class FetcherOfTheInternet(Fetcher):
    """A fetcher that reaches all hosts at the port of a ``SimulatedInternet``."""

    def __init__(self, base: str) -> None:
        super().__init__(allow_private_hosts=frozenset({urlsplit(base).netloc}))
        self._base = base

    async def fetch(
        self, url: str, *, accept: str = "application/json", limit: int = 5120
    ) -> FetchResponse:
        """Return the response with status 200."""
        return await super().fetch(reached_at(self._base, url), accept=accept, limit=limit)

    async def send(self, url: str, request: FetchRequest, *, limit: int = 5120) -> FetchResponse:
        """Return the response with any status."""
        return await super().send(reached_at(self._base, url), request, limit=limit)


def reached_at(base: str, url: str) -> str:
    """Return where a URL of a simulated host is reached."""
    return f"{base}/{urlsplit(url).netloc}{url[len(origin_of(url)) :]}"
