"""A refresh here asks the provider when that is due, once, and tells a refusal from an outage."""

import asyncio
from typing import Any

import pytest

from doorward.authserver.settings.admission import Allow
from doorward.authserver.upstream.sessions import shared_checks
from doorward.net import FetchFailed, FetchRequest, FetchResponse
from tests.authserver.browser import Browser, answer_in
from tests.authserver.harness import Tokens, claims_of
from tests.authserver.steps import is_consent
from tests.authserver.upstream.conftest import Bridge, StartBridge, identity_provider
from tests.authserver.upstream.openid_provider import OpenIdProvider, answered
from tests.ledger import proves

HOUR = 3600


async def signed_in(bridge: Bridge, browser: Browser | None = None) -> tuple[str, Tokens]:
    """Return a client and its first tokens."""
    harness = bridge.harness
    client = (await harness.register())["client_id"]
    back = await bridge.sign_in(browser or harness.browser(), client)
    code = answer_in(back.headers["location"])["code"]
    return client, await harness.token(harness.code_fields(client, code))


def refreshes(provider: OpenIdProvider) -> list[str]:
    """Return the refresh tokens that the provider was sent."""
    return [
        form["refresh_token"]
        for path, form in provider.requests
        if path == "/token" and form.get("grant_type") == "refresh_token"
    ]


async def test_the_provider_is_not_asked_before_its_token_is_over(
    bridge: Bridge, clock: Any
) -> None:
    client, tokens = await signed_in(bridge)
    clock.advance(600)

    again = await bridge.harness.refresh(client, tokens.refresh)

    assert again.response.status_code == 200
    assert refreshes(bridge.provider) == []


async def test_a_due_check_refreshes_at_the_provider_with_the_newest_token(
    bridge: Bridge, clock: Any
) -> None:
    client, tokens = await signed_in(bridge)
    for _ in range(2):
        clock.advance(HOUR)
        tokens = await bridge.harness.refresh(client, tokens.refresh)
        assert tokens.response.status_code == 200

    first, second = refreshes(bridge.provider)
    assert first != second


@pytest.mark.parametrize(
    "answer",
    [
        answered({"error": "invalid_grant"}, 400),
        answered({"error": "invalid_grant"}, 403),
        answered({"error": "bad_refresh_token"}, 200),
        answered({"error": "interaction_required"}, 400),
    ],
)
@proves("S49", "refuses", "a failed provider refresh ends the grant")
async def test_a_provider_that_says_no_ends_grant_and_browser_session(
    bridge: Bridge, clock: Any, answer: FetchResponse
) -> None:
    harness, browser = bridge.harness, bridge.harness.browser()
    client, tokens = await signed_in(bridge, browser)
    clock.advance(HOUR)
    bridge.provider.broken = answer

    refused = await harness.refresh(client, tokens.refresh)
    later = await harness.refresh(client, tokens.refresh)

    assert refused.response.status_code == 400
    assert refused.body["error"] == "invalid_grant"
    assert later.body["error"] == "invalid_grant"
    assert len(refreshes(bridge.provider)) == 1
    # The next authorization begins with the provider, not with the session of before.
    page = await browser.open(harness.authorize_url(client))
    assert "Example SSO" in page.text
    assert is_consent(page)


@proves("S49", "accepts", "a failed provider refresh ends the grant")
async def test_the_session_goes_on_when_the_provider_says_yes(bridge: Bridge, clock: Any) -> None:
    client, tokens = await signed_in(bridge)
    clock.advance(HOUR)

    again = await bridge.harness.refresh(client, tokens.refresh)

    assert set(again.body["scope"].split()) == {"mcp:read", "mcp:tools"}


@pytest.mark.parametrize(
    "fault",
    [
        FetchFailed("login.example took longer than 5 s"),
        FetchResponse(200, {"content-type": "text/html"}, b"<html>please wait</html>", None),
        FetchResponse(403, {"content-type": "text/html"}, b"<html>blocked</html>", None),
        answered({"error": "server_error"}, 500),
        answered({"error": "invalid_grant"}, 502),
        answered({"error": "temporarily_unavailable"}, 400),
        answered({"error": "invalid_client", "error_description": "555-0100"}, 401),
        answered({"error": "unauthorized_client"}, 400),
        answered({"access_token": None}),
    ],
    ids=["timeout", "html", "403", "500", "502", "busy", "client", "unauthorized", "empty"],
)
@proves("S198", "accepts", "faults are 503")
@proves("S198", "refuses", "faults are 503")
async def test_a_fault_of_the_provider_is_503_and_the_session_lives(
    bridge: Bridge, clock: Any, fault: FetchResponse | Exception
) -> None:
    client, tokens = await signed_in(bridge)
    clock.advance(HOUR)
    bridge.provider.broken = fault

    unavailable = await bridge.harness.refresh(client, tokens.refresh)
    again = await bridge.harness.refresh(client, tokens.refresh)

    assert unavailable.response.status_code == 503
    assert unavailable.body["error"] == "temporarily_unavailable"
    assert int(unavailable.response.headers["retry-after"]) > 0
    assert "555-0100" not in unavailable.response.text
    assert again.response.status_code == 200


@proves("S198", "refuses", "faults are 503")
async def test_a_store_that_is_gone_is_503_as_well(bridge: Bridge, clock: Any) -> None:
    client, tokens = await signed_in(bridge)
    clock.advance(HOUR)

    async with bridge.harness.broken_store():
        unavailable = await bridge.harness.refresh(client, tokens.refresh)
    again = await bridge.harness.refresh(client, tokens.refresh)

    assert unavailable.response.status_code == 503
    assert unavailable.body["error"] == "temporarily_unavailable"
    assert again.response.status_code == 200


@pytest.mark.slow
@proves("S199", "accepts", "one provider refresh")
@proves("S199", "refuses", "one provider refresh")
async def test_many_clients_of_one_session_refresh_once_at_the_provider(
    bridge: Bridge, clock: Any
) -> None:
    harness, browser = bridge.harness, bridge.harness.browser()
    first, tokens = await signed_in(bridge, browser)
    grants = [(first, tokens)]
    for number in range(9):
        client = (await harness.register(client_name=f"Client {number}"))["client_id"]
        page = await browser.open(harness.authorize_url(client))
        back = await browser.decide(page)
        code = answer_in(back.headers["location"])["code"]
        grants.append((client, await harness.token(harness.code_fields(client, code))))
    clock.advance(HOUR)

    answers = await asyncio.gather(
        *(harness.refresh(client, tokens.refresh) for client, tokens in grants)
    )

    assert [one.response.status_code for one in answers] == [200] * 10
    assert len(refreshes(bridge.provider)) == 1


@pytest.mark.slow
@proves("S199", "accepts", "one provider refresh")
async def test_a_second_process_waits_for_the_answer_of_the_first(
    start_bridge: StartBridge, clock: Any, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Fifty requests on a busy machine may take longer than a provider may.
    monkeypatch.setattr(shared_checks, "DEADLINE", 60.0)
    shared = {"database_url": database_url, "secret": "x9Kd-83hsk20aPqlsmV7-zzTTbnw45-pQm"}
    first = await start_bridge(**shared)
    second = await start_bridge(**shared)
    client, tokens = await signed_in(first)
    clock.advance(HOUR)

    answers = await asyncio.gather(
        *(bridge.harness.refresh(client, tokens.refresh) for bridge in (first, second) * 25)
    )

    assert {one.response.status_code for one in answers} == {200}
    assert len({one.refresh for one in answers}) == 1
    assert len(refreshes(first.provider)) + len(refreshes(second.provider)) == 1


async def test_a_claim_of_a_process_that_died_ends_by_itself(bridge: Bridge, clock: Any) -> None:
    client, tokens = await signed_in(bridge)
    clock.advance(HOUR)
    store = bridge.harness.server.services.store
    async with store.engine.begin() as connection:
        await connection.exec_driver_sql(
            f"UPDATE provider_sessions SET refreshing_until = {clock() + 15}"
        )
    clock.advance(15)

    assert (await bridge.harness.refresh(client, tokens.refresh)).response.status_code == 200


@proves("S199", "accepts", "one provider refresh")
async def test_the_providers_new_token_is_kept_although_the_client_went_away(
    bridge: Bridge, clock: Any
) -> None:
    client, tokens = await signed_in(bridge)
    clock.advance(HOUR)
    harness = bridge.harness
    answering = asyncio.Event()
    send = bridge.provider.send

    async def slow(url: str, request: Any, *, limit: int = 0) -> FetchResponse:
        answer = await send(url, request, limit=limit)
        if url.endswith("/token"):
            answering.set()
            await asyncio.sleep(0)
        return answer

    bridge.provider.send = slow  # type: ignore[method-assign]
    left = asyncio.create_task(harness.refresh(client, tokens.refresh))
    await answering.wait()
    left.cancel()
    await asyncio.gather(left, return_exceptions=True)
    await harness.server.services.session_checks.aclose()

    again = await harness.refresh(client, tokens.refresh)
    clock.advance(HOUR)
    later = await harness.refresh(client, again.refresh)

    assert later.response.status_code == 200
    first, second = refreshes(bridge.provider)
    assert first != second


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let requests wait for a provider for a moment only."""
    monkeypatch.setattr(shared_checks, "DEADLINE", 0.05)


def held(provider: OpenIdProvider) -> asyncio.Event:
    """Let the provider rotate the next refresh token, and keep its answer until the event is set."""
    answered, send = asyncio.Event(), provider.send

    async def late(url: str, request: FetchRequest, *, limit: int = 0) -> FetchResponse:
        answer = await send(url, request, limit=limit)
        if b"grant_type=refresh_token" in request.body:
            await answered.wait()
        return answer

    provider.send = late  # type: ignore[method-assign]
    return answered


@pytest.mark.usefixtures("impatient")
@proves("S198", "accepts", "faults are 503")
async def test_a_refresh_token_that_comes_late_is_kept(bridge: Bridge, clock: Any) -> None:
    client, tokens = await signed_in(bridge)
    clock.advance(HOUR)
    answered = held(bridge.provider)

    unavailable = [await bridge.harness.refresh(client, tokens.refresh) for _ in range(2)]
    # Longer than a claim whose process has died.
    clock.advance(16)
    unavailable.append(await bridge.harness.refresh(client, tokens.refresh))
    (checking,) = bridge.harness.server.services.session_checks._in_flight.values()
    answered.set()
    await checking
    again = await bridge.harness.refresh(client, tokens.refresh)

    assert [one.response.status_code for one in unavailable] == [503] * 3
    assert again.response.status_code == 200
    # The old one is spent: it was sent once.
    assert len(refreshes(bridge.provider)) == 1


@pytest.mark.usefixtures("impatient")
async def test_a_server_that_stops_does_not_wait_for_a_provider_for_ever(
    bridge: Bridge, clock: Any
) -> None:
    client, tokens = await signed_in(bridge)
    clock.advance(HOUR)
    held(bridge.provider)
    await bridge.harness.refresh(client, tokens.refresh)

    checks = bridge.harness.server.services.session_checks
    await checks.aclose()

    assert checks._in_flight == {}


@pytest.mark.parametrize(
    ("before", "after"),
    [({"groups": ["staff"]}, {"groups": ["visitors"]}), ({"groups": ["staff"]}, {"groups": None})],
)
@proves("S204", "refuses", "admission by claims")
async def test_who_left_the_group_loses_access_at_the_next_check(
    start_bridge: StartBridge, clock: Any, before: dict[str, Any], after: dict[str, Any]
) -> None:
    bridge = await start_bridge(identity_provider(allow=Allow(groups={"staff"})))
    bridge.provider.user |= before
    client, tokens = await signed_in(bridge)
    clock.advance(HOUR)
    bridge.provider.user |= after

    refused = await bridge.harness.refresh(client, tokens.refresh)

    assert refused.response.status_code == 400
    assert refused.body["error"] == "invalid_grant"


async def test_a_role_that_changed_at_the_provider_is_in_the_next_token(
    start_bridge: StartBridge, clock: Any
) -> None:
    bridge = await start_bridge(identity_provider(group_roles={"boss": ("chief",)}))
    bridge.provider.user["groups"] = ["staff"]
    client, tokens = await signed_in(bridge)
    clock.advance(HOUR)
    bridge.provider.user["groups"] = ["boss"]

    again = await bridge.harness.refresh(client, tokens.refresh)

    assert claims_of(tokens.access)["roles"] == []
    assert claims_of(again.access)["roles"] == ["chief"]


async def test_refreshed_tokens_of_another_account_change_nothing(
    bridge: Bridge, clock: Any
) -> None:
    client, tokens = await signed_in(bridge)
    clock.advance(HOUR)
    bridge.provider.changed = {"sub": "somebody-else"}

    answer = await bridge.harness.refresh(client, tokens.refresh)

    assert answer.response.status_code == 503


async def restarted(bridge: Bridge, start: StartBridge, *providers: Any, **changes: Any) -> Bridge:
    """Start another server on the same database with other settings."""
    settings = bridge.harness.server.settings
    shared = {"database_url": settings.database_url, "secret": settings.secret}
    again: Bridge = await start(*providers, **{**shared, **changes})
    again.provider.user = bridge.provider.user
    return again


@pytest.mark.parametrize(
    "changes",
    [
        {"disabled": True},
        {"client_id": "another-client"},
        {"issuer": "https://other.example"},
        {"name": "renamed"},
    ],
)
@proves("S203", "refuses", "callback per provider")
async def test_tokens_of_another_issuer_client_or_provider_are_void(
    start_bridge: StartBridge, clock: Any, database_url: str, changes: dict[str, Any]
) -> None:
    before = await start_bridge(
        database_url=database_url, secret="Zq3-pWm8sK41-ddLxv0-ynB62-tRc95-oo7"
    )
    client, tokens = await signed_in(before)
    after = await restarted(before, start_bridge, identity_provider(**changes), own_users=True)
    clock.advance(HOUR)

    refused = await after.harness.refresh(client, tokens.refresh)

    assert refused.body["error"] == "invalid_grant"
    assert refreshes(after.provider) == []
