"""Revoking the last grant here revokes the provider's tokens as well."""

from typing import Any

import pytest

from doorward.net import FetchFailed
from tests.authserver.browser import Browser, answer_in
from tests.authserver.harness import Tokens
from tests.authserver.steps import is_consent
from tests.authserver.upstream.conftest import Bridge


async def signed_in(bridge: Bridge, browser: Browser) -> tuple[str, Tokens]:
    bridge.provider.metadata["revocation_endpoint"] = bridge.provider.base + "/revoke"
    harness = bridge.harness
    client = (await harness.register())["client_id"]
    back = await bridge.sign_in(browser, client)
    code = answer_in(back.headers["location"])["code"]
    return client, await harness.token(harness.code_fields(client, code))


async def revoke(bridge: Bridge, client: str, token: str) -> int:
    form = {"token": token, "client_id": client}
    answer = await bridge.harness.http.post(bridge.harness.url("/revoke"), data=form)
    await bridge.harness.server.services.token_revocation.aclose()
    return int(answer.status_code)


def revoked_at_the_provider(bridge: Bridge) -> list[str]:
    return [form["token"] for path, form in bridge.provider.requests if path == "/revoke"]


async def test_the_last_grant_takes_the_providers_refresh_token_with_it(bridge: Bridge) -> None:
    browser = bridge.harness.browser()
    client, tokens = await signed_in(bridge, browser)

    assert await revoke(bridge, client, tokens.refresh) == 200

    (token,) = revoked_at_the_provider(bridge)
    assert token.startswith("provider-refresh-")
    page = await browser.open(bridge.harness.authorize_url(client))
    assert is_consent(page)
    assert "Example SSO" in page.text


async def test_another_application_of_the_same_sign_in_keeps_it(bridge: Bridge) -> None:
    harness, browser = bridge.harness, bridge.harness.browser()
    client, tokens = await signed_in(bridge, browser)
    other = (await harness.register(client_name="Other"))["client_id"]
    page = await browser.open(harness.authorize_url(other))
    back = await browser.decide(page)
    code = answer_in(back.headers["location"])["code"]
    kept = await harness.token(harness.code_fields(other, code))

    await revoke(bridge, client, tokens.refresh)

    assert revoked_at_the_provider(bridge) == []
    assert (await harness.refresh(other, kept.refresh)).response.status_code == 200
    await revoke(bridge, other, kept.refresh)


@pytest.mark.parametrize("other_client", [True, False])
async def test_a_token_that_is_not_the_clients_revokes_nothing(
    bridge: Bridge, other_client: bool
) -> None:
    client, tokens = await signed_in(bridge, bridge.harness.browser())
    other = (await bridge.harness.register(client_name="Other"))["client_id"]

    status = await revoke(
        bridge, other if other_client else client, tokens.refresh if other_client else "invented"
    )

    assert status == 200
    assert revoked_at_the_provider(bridge) == []


async def test_a_provider_that_does_not_answer_holds_nobody_up(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, tokens = await signed_in(bridge, bridge.harness.browser())

    async def unreachable(*_: Any, **__: Any) -> Any:
        raise FetchFailed("login.example took longer than 5 s")

    monkeypatch.setattr(bridge.provider, "send", unreachable)

    assert await revoke(bridge, client, tokens.refresh) == 200
    monkeypatch.undo()
    refused = await bridge.harness.refresh(client, tokens.refresh)
    assert refused.body["error"] == "invalid_grant"
