"""Over real HTTP: sign-in at one provider, a tool that needs another one, a link, and its API."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from doorward import Allow, GuardWithSignIn, Identity, McpServer, Policy, Rule
from doorward.authserver import IdentityProvider
from tests.authserver.harness import CALLBACK, VERIFIER, challenge_of
from tests.authserver.provider_tokens.code_host import CodeHost, owner_of
from tests.authserver.upstream.openid_provider import CLIENT_ID, CLIENT_SECRET, OpenIdProvider
from tests.e2e.form_browser import BrowserStuck, FormBrowser
from tests.e2e.openid_on_a_port import Provider
from tests.ledger import proves
from tests.net.http_server import listening
from tests.pages.browser import served

# mypy: disable-error-code="untyped-decorator"
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]
LINK = re.compile(r"http://localhost:\d+/connect\?link=[A-Za-z0-9_-]{43}")


class RunningProvider(Provider):
    """A provider on a port, which sends everybody back who signs in there."""

    def __init__(self, openid: OpenIdProvider) -> None:
        super().__init__()
        self.openid = openid
        self.app.router.routes[0] = Route("/authorize", self._signed_in)

    async def _signed_in(self, request: Request) -> Response:
        url = f"{self.openid.issuer}/authorize?{request.url.query}"
        return RedirectResponse(self.openid.callback(url), 302)


@contextmanager
def running(openid: OpenIdProvider) -> Iterator[OpenIdProvider]:
    """Serve a provider."""
    provider = RunningProvider(openid)
    with served(provider.app) as origin:
        openid.issuer = origin
        yield openid


def settings(name: str, provider: OpenIdProvider, **changes: Any) -> IdentityProvider:
    return IdentityProvider(
        name=name,
        issuer=provider.issuer,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        **changes,
    )


def tokens(url: str, browser: FormBrowser) -> str:
    """Register a client, sign in, and return an access token."""
    registered = httpx2.post(
        f"{url}/register",
        json={"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"},
        timeout=30,
    )
    client = registered.json()["client_id"]
    asked = {
        "response_type": "code",
        "client_id": client,
        "redirect_uri": CALLBACK,
        "scope": "mcp:tools",
        "resource": f"{url}/mcp",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
    }
    answer = browser.walk(f"{url}/authorize?{urlencode(asked)}").answer
    fields = {
        "grant_type": "authorization_code",
        "code": answer["code"],
        "client_id": client,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    return str(httpx2.post(f"{url}/token", data=fields, timeout=30).json()["access_token"])


def call(url: str, token: str) -> dict[str, Any]:
    """Call the tool in 2025-06-18, which has no URL-mode elicitation."""
    params: dict[str, Any] = {"name": "whoami_there", "arguments": {}}
    answer = httpx2.post(
        f"{url}/mcp",
        json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params},
        headers={
            "Authorization": f"Bearer {token}",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2025-06-18",
        },
        timeout=30,
    )
    found: dict[str, Any] = json.loads(answer.text)["result"]
    return found


def connect(browser: FormBrowser, link: str) -> str:
    """Open the link, confirm, and return the title of the page at the end."""
    browser._decision = "connect"
    with pytest.raises(BrowserStuck) as end:
        browser.walk(link)
    browser._decision = "allow"
    return str(end.value)


@proves("S209", "accepts", "token vault per user")
@proves("S209", "refuses", "token vault per user")
def test_a_tool_uses_the_api_of_a_second_provider_as_its_own_user_alone(tmp_path: Path) -> None:
    listener = listening()
    url = f"http://localhost:{listener.getsockname()[1]}"
    with running(OpenIdProvider(time.time)) as sign_in, running(CodeHost(time.time)) as code:
        server = McpServer("there", version="1.0")

        @server.tool(scopes={"mcp:tools"})
        async def whoami_there(user: Identity) -> str:
            token = await user.token_for("code")
            headers = {"Authorization": f"Bearer {token}"}
            async with httpx2.AsyncClient(timeout=30) as api:
                there = (await api.get(f"{code.issuer}/userinfo", headers=headers)).json()
            assert there["sub"] == owner_of(token)
            return str(there["sub"])

        guard = GuardWithSignIn(
            [
                settings("sso", sign_in, allow=Allow(everyone=True)),
                settings("code", code, connect_only=True),
            ],
            public_url=f"{url}/mcp",
            policy=Policy(base=Rule(scopes={"mcp:tools"}), rules=server.rules),
            data=tmp_path / "data",
        )
        app = guard.protect(server.in_front_of(FastAPI()))
        with served(app, listener):
            people: dict[str, tuple[FormBrowser, str]] = {}
            for name in ("jane", "mallory"):
                sign_in.user = {"sub": name, "name": name}
                browser = FormBrowser(name, "", delivers=False)
                people[name] = (browser, tokens(url, browser))
            (janes, token), (mallorys, other) = people["jane"], people["mallory"]

            asked = call(url, token)
            link = LINK.search(asked["content"][0]["text"])
            assert link is not None, asked
            # Mallory's own link, which Jane opens: it connects nothing, for nobody.
            trap = LINK.search(call(url, other)["content"][0]["text"])
            assert trap is not None
            code.user = {"sub": "octojane"}
            refused = connect(janes, trap[0])
            done = connect(janes, link[0])
            answers = [call(url, token), call(url, other)]
            mallorys.close()
            janes.close()

    assert "HTTP 403" in refused
    assert "Connected" in done
    assert answers[0]["content"][0]["text"] == "octojane"
    assert answers[1]["isError"] is True
    assert LINK.search(answers[1]["content"][0]["text"])
