"""The server behind ``doorward serve`` gets the key that its caller pasted, and nobody else's."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from doorward.config import load
from doorward.config.service.running import RunningConfiguration, Service
from doorward.errors import ConfigurationError
from tests.authserver.browser import form_with
from tests.authserver.harness import PASSWORD, AuthServerHarness
from tests.ledger import proves
from tests.net.tls_server import Answer, Place, ok, saying, serving

ISSUER, MCP = "http://localhost:9000", "http://localhost:8000/mcp"
KEY = "lin_api_k3yk3yk3y"
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "issues"}}
PONG = b'{"jsonrpc":"2.0","id":1,"result":{"content":[]}}'
FILE = """
[authorization_server]
issuer = "{issuer}"

[[mcp_servers]]
resource = "{mcp}"
upstream = "http://127.0.0.1:{port}/inside"
scopes = {{ "mcp:read" = "Read your issues" }}
policy = {{ unknown = "base" }}

[mcp_servers.upstream_credentials]
header = "X-Api-Key"
pasted_key = {{ title = "Linear", pattern = "^lin_api_[a-z0-9]+$" }}
"""


class _Served:
    """The service, the server behind it, and a user with an application."""

    def __init__(self, app: Service, harness: AuthServerHarness, behind: Place) -> None:
        self._app = app
        self.harness = harness
        self.behind = behind

    async def caller(self, user: str = "alice") -> str:
        client = (await self.harness.register())["client_id"]
        return (await self.harness.tokens(client, user=user, scope="mcp:read")).access

    async def call(self, token: str) -> httpx2.Response:
        transport = httpx2.ASGITransport(app=self._app)
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2025-11-25",
            "X-Api-Key": "claimed by the caller",
        }
        async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
            return await client.post(MCP, headers=headers, json=CALL)

    async def paste(self, link: str, key: str = KEY, user: str = "alice") -> httpx2.Response:
        browser = self.harness.browser()
        page = await browser.sign_in(await browser.open(link), user, PASSWORD)
        form = form_with(page.text, "key")
        return await browser.submit(form, decision="connect", key=key)

    def keys(self) -> list[str]:
        """Return what the server behind got in the header of the key."""
        lines = [line for one in self.behind.requests for line in one.split("\r\n")]
        return [line[11:] for line in lines if line.lower().startswith("x-api-key:")]


def link_in(answer: httpx2.Response) -> str:
    """Return the link in the sentence that the user reads."""
    result = answer.json()["result"]
    assert result["isError"] is True
    text: str = result["content"][0]["text"]
    return next(word for word in text.split() if word.startswith(ISSUER))


@asynccontextmanager
async def _serving(folder: Path, answer: Answer) -> AsyncIterator[_Served]:
    async with serving(answer, None) as behind:
        file = folder / "doorward.toml"
        file.write_text(FILE.format(issuer=ISSUER, mcp=MCP, port=behind.port))
        running = RunningConfiguration(load(file))
        await running.start()
        assert running.authserver is not None
        harness = AuthServerHarness(running.authserver.server, time.time, [], ISSUER, MCP)
        for user in ("alice", "bob"):
            await harness.add_user(user)
        service = Service(running)
        try:
            yield _Served(service, harness, behind)
        finally:
            for browser in harness._browsers:
                await browser.http.aclose()
            await service.aclose()


@proves("S217", "accepts", "no inbound token to backends")
async def test_each_caller_pastes_a_key_once_and_it_is_sent_with_their_calls_alone(
    tmp_path: Path,
) -> None:
    said = saying(ok(PONG, "Content-Type: application/json"))
    async with _serving(tmp_path, said) as served:
        alice, bob = await served.caller(), await served.caller("bob")
        first = await served.call(alice)
        assert served.behind.requests == []
        await served.paste(link_in(first))
        answers = [await served.call(alice) for _ in range(2)]
        other = await served.call(bob)

    assert "needs your key for Linear" in first.text
    assert [one.status_code for one in answers] == [200, 200]
    assert served.keys() == [KEY, KEY]
    assert link_in(other)
    assert not any(alice in one for one in served.behind.requests)


@proves("S217", "refuses", "no inbound token to backends")
@pytest.mark.parametrize(
    "refusal",
    [
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
async def test_a_refused_key_leads_to_the_page_for_a_new_one(
    tmp_path: Path, refusal: bytes
) -> None:
    async with _serving(tmp_path, saying(refusal)) as served:
        alice = await served.caller()
        await served.paste(link_in(await served.call(alice)))
        refused = await served.call(alice)
        page = await served.paste(link_in(refused), key="lin_api_new")
        await served.call(alice)

    assert "Linear does not accept your key" in refused.text
    assert KEY not in refused.text
    assert "www-authenticate" not in refused.headers
    assert "Your key is kept" in page.text
    assert served.keys() == [KEY, "lin_api_new"]


@proves("S158", "refuses", "no credentials to other origins")
async def test_a_redirect_of_the_server_does_not_carry_the_key_elsewhere(tmp_path: Path) -> None:
    async with serving(saying(ok(PONG, "Content-Type: application/json")), None) as other:
        moved = (
            f"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:{other.port}/\r\n"
            "Content-Length: 0\r\n\r\n"
        )
        async with _serving(tmp_path, saying(moved.encode())) as served:
            alice = await served.caller()
            await served.paste(link_in(await served.call(alice)))
            answer = await served.call(alice)

    assert answer.status_code == 502
    assert served.keys() == [KEY]
    assert other.requests == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (('header = "X-Api-Key"', 'provider_token = "github"'), "two-upstream-credentials"),
        (("^lin_api_[a-z0-9]+$", "lin_api"), "argument-schema"),
        (('title = "Linear"', 'title = ""'), "empty-setting"),
        ((f'[authorization_server]\nissuer = "{ISSUER}"', ""), "pasted-key-without-server"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, change: tuple[str, str], reason: str
) -> None:
    file = tmp_path / "doorward.toml"
    text = FILE.format(issuer=ISSUER, mcp=MCP, port=9)
    if reason == "pasted-key-without-server":
        text = text.replace("policy = ", 'issuer = "https://login.example"\npolicy = ')
    file.write_text(text.replace(*change))

    with pytest.raises(ConfigurationError) as refused:
        load(file)

    assert refused.value.reason == reason
