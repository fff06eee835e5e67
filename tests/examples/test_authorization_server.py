"""The example with its own authorization server signs somebody in and serves them."""

from collections.abc import AsyncIterator
from types import ModuleType

import httpx2
import pytest

from tests.authserver.browser import Browser, answer_in
from tests.authserver.harness import CALLBACK, PASSWORD, VERIFIER, challenge_of
from tests.docs_site.test_examples import Load, call, load

__all__ = ["load"]


@pytest.fixture
async def example(load: Load) -> AsyncIterator[ModuleType]:
    """The example with its store open."""
    module = load("authorization_server", ALICE_PASSWORD=PASSWORD)
    async with module.web.router.lifespan_context(module.web):
        yield module


async def test_alice_signs_in_and_calls_the_tool(example: ModuleType) -> None:
    async with Browser(example.app, example.PUBLIC) as browser:
        said = {"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"}
        client = (await browser.http.post("/register", json=said)).json()["client_id"]
        asked = httpx2.QueryParams(
            response_type="code",
            client_id=client,
            redirect_uri=CALLBACK,
            code_challenge=challenge_of(VERIFIER),
            code_challenge_method="S256",
            resource=example.MCP,
        )
        led = await browser.go_through(f"/authorize?{asked}", "alice", PASSWORD)
        fields = {
            "grant_type": "authorization_code",
            "code": answer_in(led.headers["location"])["code"],
            "client_id": client,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
        }
        token = (await browser.http.post("/token", data=fields)).json()["access_token"]
        foreign = await browser.http.get("/jwks.json", headers={"Host": "evil.example"})

    answer = await call(example.app, "whoami", token)

    assert answer.status_code == 200, answer.text
    assert "You are " in answer.text
    assert foreign.status_code == 421
