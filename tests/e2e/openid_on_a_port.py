"""An OpenID provider on a port of this machine, at which Jane signs in without being asked."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from doorward.net import FetchFailed, FetchRequest
from tests.authserver.upstream.openid_provider import OpenIdProvider
from tests.pages.browser import served


class Provider:
    """The provider, which knows one redirect URI."""

    def __init__(self) -> None:
        self.openid = OpenIdProvider(time.time)
        self.openid.user |= {
            "email": "jane@example.com",
            "email_verified": True,
            "groups": ["staff"],
        }
        self.redirect_uri = ""
        self.app = Starlette(
            routes=[
                Route("/authorize", self._authorize),
                Route("/{rest:path}", self._answer, methods=["GET", "POST"]),
            ]
        )

    async def _authorize(self, request: Request) -> Response:
        asked = request.query_params
        if asked["redirect_uri"] != self.redirect_uri:
            return PlainTextResponse("Unknown redirect URI", 400)
        if asked.get("prompt") == "none":
            query = urlencode({"error": "login_required", "state": asked["state"]})
            return RedirectResponse(f"{self.redirect_uri}?{query}", 302)
        url = f"{self.openid.issuer}/authorize?{request.url.query}"
        return RedirectResponse(self.openid.callback(url), 302)

    async def _answer(self, request: Request) -> Response:
        sent = FetchRequest(
            method=request.method,
            body=await request.body(),
            authorization=request.headers.get("authorization"),
        )
        try:
            answer = await self.openid.send(self.openid.issuer + request.url.path, sent)
        except FetchFailed:
            return PlainTextResponse("Nothing here", 404)
        return Response(answer.body, answer.status, dict(answer.headers))


@contextmanager
def running_provider() -> Iterator[Provider]:
    """Give a running provider."""
    one = Provider()
    with served(one.app) as origin:
        one.openid.issuer = origin
        yield one
