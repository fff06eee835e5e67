"""
What an operator enters wrongly is one sentence that names the setting, with a correlation id.

At the start where the server can know it, else on the page of whoever signs in. Nothing secret is
in it, and nothing that the provider wrote.
"""

from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from doorward.authserver.settings.admission import Allow
from tests.authserver.harness import AuthServerHarness
from tests.authserver.upstream.conftest import Bridge, StartBridge, identity_provider
from tests.authserver.upstream.openid_provider import answered

SECRET = "wrong-" * 6


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A mistake, and what the page and the log say about it."""

    sentence: str
    log: str
    status: int = 502
    provider: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


MISTAKES = {
    "client_secret": Mistake(
        settings={"client_secret": SECRET},
        sentence="does not accept the client_id or the client_secret",
        log="invalid_client",
    ),
    "redirect-uri": Mistake(
        provider={"broken": answered({"error": "redirect_uri_mismatch"}, 400)},
        sentence="does not accept the callback URL",
        log="redirect_uri_mismatch",
    ),
    "client_id": Mistake(
        provider={"broken": answered({"error": "unauthorized_client"}, 400)},
        sentence="does not accept the client_id of this server",
        log="unauthorized_client",
    ),
    "scopes": Mistake(
        provider={"broken": answered({"error": "invalid_scope"}, 400)},
        sentence="does not accept the provider_scopes",
        log="invalid_scope",
    ),
    "clock-behind": Mistake(
        provider={"changed": {"iat": 1_900_000_000 * 2, "exp": 1_900_000_000 * 3}},
        sentence="The clocks of this server and of the identity provider differ.",
        log="compare the clocks",
    ),
    "clock-ahead": Mistake(
        provider={"changed": {"iat": 1, "exp": 301}},
        sentence="The clocks of this server and of the identity provider differ.",
        log="exp=301",
    ),
    "subject": Mistake(
        provider={"changed": {"sub": ["a", "list"]}},
        sentence="could not be verified",
        log="sub is",
    ),
    "groups": Mistake(
        settings={"allow": Allow(groups={"staff"})},
        provider={"user": {"sub": "1", "name": "Jane", "groups": "staff"}},
        sentence="may not sign in here.",
        log="of another type: groups",
        status=403,
    ),
    "email": Mistake(
        settings={"allow": Allow(domains={"example.com"})},
        provider={"user": {"sub": "1", "name": "Jane", "email": ["jane@example.com"]}},
        sentence="may not sign in here.",
        log="of another type: email",
        status=403,
    ),
    "email_verified": Mistake(
        settings={"allow": Allow(domains={"example.com"})},
        provider={
            "user": {
                "sub": "1", "name": "Jane", "email": "jane@example.com", "email_verified": "true",
            },
        },
        sentence="may not sign in here.",
        log="of another type: email_verified",
        status=403,
    ),
}  # fmt: skip


def failure(harness: AuthServerHarness) -> Any:
    return next(one for one in harness.events if one.kind == "provider-sign-in.failed")


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
async def test_a_mistake_is_a_sentence_on_the_page_and_a_line_in_the_log(
    start_bridge: StartBridge, mistake: Mistake
) -> None:
    bridge: Bridge = await start_bridge(identity_provider(**mistake.settings))
    for name, value in mistake.provider.items():
        setattr(bridge.provider, name, value)
    harness = bridge.harness

    page = await bridge.sign_in(harness.browser(), (await harness.register())["client_id"])

    assert page.status_code == mistake.status
    assert mistake.sentence in page.text
    event = failure(harness)
    assert mistake.log in event.facts["detail"]
    assert event.correlation_id in page.text
    for secret in (SECRET, "who?", "555-0100"):
        assert secret not in page.text + event.facts["detail"]


async def test_metadata_of_another_issuer_is_told_at_the_start_and_on_the_page(
    bridge: Bridge,
) -> None:
    bridge.provider.metadata["issuer"] = "https://login.example/"
    harness, browser = bridge.harness, bridge.harness.browser()
    client = (await harness.register())["client_id"]

    await harness.server.check_providers()
    page = await browser.decide(await browser.open(harness.authorize_url(client)))

    assert page.status_code == 502
    assert "names another issuer than the setting issuer" in page.text
    started = next(one for one in harness.events if one.kind == "provider.failed")
    assert started.reason == "provider-misconfigured"
    assert "https://login.example/" in started.facts["detail"]
    refused = next(one for one in harness.events if one.kind == "provider-sign-in.failed")
    assert refused.reason == "provider-misconfigured"
    assert refused.correlation_id in page.text


async def test_metadata_of_another_issuer_ends_no_session(
    start_bridge: StartBridge, clock: Any
) -> None:
    bridge: Bridge = await start_bridge()
    harness, browser = bridge.harness, bridge.harness.browser()
    client = (await harness.register())["client_id"]
    back = await bridge.sign_in(browser, client)
    code = httpx2.URL(back.headers["location"]).params["code"]
    tokens = await harness.token(harness.code_fields(client, code))
    clock.advance(3601)
    bridge.provider.metadata["issuer"] = "https://another.example"

    unavailable = await harness.refresh(client, tokens.refresh)
    bridge.provider.metadata.clear()
    again = await harness.refresh(client, tokens.refresh)

    assert unavailable.response.status_code == 503
    assert unavailable.body["error"] == "temporarily_unavailable"
    assert again.response.status_code == 200


async def test_a_host_that_is_not_the_public_one_is_told_with_the_setting(bridge: Bridge) -> None:
    harness = bridge.harness
    answer = await harness.http.get(
        harness.url("/authorize"),
        headers={"Host": "other.example", "Accept": "text/html"},
    )

    assert answer.status_code == 421
    assert "allowed_hosts" in answer.text
    refused = next(one for one in harness.events if one.kind == "request.refused")
    assert refused.correlation_id in answer.text


async def test_the_page_of_a_provider_that_is_down_has_the_id_of_the_log(bridge: Bridge) -> None:
    harness = bridge.harness
    bridge.provider.broken = answered({"error": "server_error"}, 500)

    page = await bridge.sign_in(harness.browser(), (await harness.register())["client_id"])

    assert page.status_code == 503
    assert failure(harness).correlation_id in page.text
    assert 'name="transaction"' in page.text
