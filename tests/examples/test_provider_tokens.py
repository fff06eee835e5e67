"""The example with provider tokens: sign-in at Google, an account at GitHub, a call of its API."""

import importlib
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from doorward.net import FetchFailed, FetchRequest, FetchResponse
from tests.authserver.browser import Browser, form_with
from tests.authserver.upstream.openid_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    OpenIdProvider,
    answered,
)
from tests.embedded.test_guard_with_sign_in import Place
from tests.embedded.test_provider_tokens import message_of
from tests.pages.browser import served

LINK = re.compile(r"http://localhost:8000/connect\?link=[A-Za-z0-9_-]{43}")


class Providers:
    """Google, and the three addresses of GitHub that a connection needs."""

    def __init__(self, google: OpenIdProvider) -> None:
        self.google = google
        self.codes: list[str] = []

    async def fetch(self, url: str, *, accept: str = "", limit: int = 0) -> FetchResponse:
        return await self.send(url, FetchRequest())

    async def send(self, url: str, request: FetchRequest, *, limit: int = 0) -> FetchResponse:
        if url.startswith(self.google.issuer):
            return await self.google.send(url, request)
        if url == "https://github.com/login/oauth/access_token":
            self.codes += parse_qs(request.body.decode())["code"]
            token = {"access_token": "gho_of_octocat", "token_type": "bearer", "scope": "repo"}
            return answered(token)
        if url == "https://api.github.com/user":
            return answered({"id": 583231, "login": "octocat"})
        if url == "https://api.github.com/user/emails":
            return answered([])
        raise FetchFailed(f"nobody at {url}")

    async def aclose(self) -> None:
        """Close nothing."""


async def _repositories(request: Request) -> Response:
    if request.headers["authorization"] != "Bearer gho_of_octocat":
        return Response("whose token is this?", 401)
    return JSONResponse([{"full_name": "octocat/Hello-World"}])


async def _call(http: httpx2.AsyncClient, token: str) -> dict[str, Any]:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"name": "my_repositories", "arguments": {}, "_meta": meta}
    answer = await http.post(
        "/mcp",
        json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params},
        headers={
            "authorization": f"Bearer {token}",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": "2026-07-28",
            "mcp-method": "tools/call",
            "mcp-name": "my_repositories",
        },
    )
    found: dict[str, Any] = message_of(answer)["result"]
    return found


async def test_the_example_calls_the_api_as_the_user_who_connected_an_account(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = {"CLIENT_ID": CLIENT_ID, "CLIENT_SECRET": CLIENT_SECRET}
    settings |= {"GITHUB_ID": "Iv1.1", "GITHUB_SECRET": "a-secret", "ALLOWED_DOMAIN": "example.com"}
    settings["DATA"] = str(tmp_path / "data")
    google = OpenIdProvider(time.time, issuer="https://accounts.google.com")
    google.user |= {"hd": "example.com", "email": "jane@example.com", "email_verified": True}
    providers = Providers(google)
    with served(Starlette(routes=[Route("/user/repos", _repositories)])) as api:
        for name, value in {**settings, "GITHUB_API": api}.items():
            monkeypatch.setenv(name, value)
        example = importlib.reload(importlib.import_module("examples.provider_tokens"))
        server = example.guard.authorization_server
        server._options["provider_fetcher"] = providers
        transport = httpx2.ASGITransport(app=example.app)
        browser = Browser(example.app, "http://localhost:8000")
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://localhost:8000"
        ) as http:
            place = Place(http, 8000, google)
            token = await place.token(browser)
            asked = await _call(http, token)
            link = LINK.search(asked["content"][0]["text"])
            assert link is not None, asked
            page = await browser.open(link[0])
            redirect = await browser.submit(form_with(page.text, "decision"), decision="connect")
            at_github = urlsplit(redirect.headers["location"])
            state = parse_qs(at_github.query)["state"][0]
            back = urlencode({"code": "a-code", "state": state})
            done = await browser.open(f"http://localhost:8000/callback/github?{back}")
            answer = await _call(http, token)
        await browser.http.aclose()
        await server.aclose()

    assert asked["isError"] is True
    assert at_github.netloc == "github.com"
    assert "repo" in parse_qs(at_github.query)["scope"][0].split()
    assert "is connected" in done.text
    assert answer["content"][0]["text"] == "octocat/Hello-World"
