"""The callback takes one answer, of one provider, in one browser."""

import json
from typing import Any

import httpx2
import pytest

from doorward.authserver.settings.admission import Allow
from doorward.authserver.settings.lifetimes import Limits
from doorward.net import FetchFailed, FetchRequest, FetchResponse
from tests.authserver.browser import Browser, answer_in, form_with
from tests.authserver.steps import is_sign_in
from tests.authserver.upstream.conftest import Bridge, StartBridge, identity_provider
from tests.authserver.upstream.openid_provider import answered
from tests.ledger import proves


async def at_the_provider(bridge: Bridge, browser: Browser, **changes: Any) -> str:
    """Go to the provider, and return the address of its redirect to it."""
    client = (await bridge.harness.register())["client_id"]
    redirect = await bridge.to_provider(browser, client, **changes)
    return str(redirect.headers["location"])


def token_requests(bridge: Bridge) -> int:
    return sum(path == "/token" for path, _ in bridge.provider.requests)


def is_refused_form(page: httpx2.Response) -> bool:
    return page.status_code == 403 and "form-refused" in page.text


@proves("S39", "accepts", "provider state is used once")
@proves("S39", "refuses", "provider state is used once")
async def test_a_state_is_taken_once_and_before_the_provider_is_asked(bridge: Bridge) -> None:
    browser = bridge.harness.browser()
    callback = bridge.provider.callback(await at_the_provider(bridge, browser))

    first = await browser.open(callback)
    second = await browser.open(callback)

    assert "code" in answer_in(first.headers["location"])
    assert is_refused_form(second)
    assert token_requests(bridge) == 1


@proves("S39", "accepts", "provider state is used once")
async def test_a_sign_in_whose_process_died_begins_again_in_its_own_browser(
    bridge: Bridge,
) -> None:
    browser, other = bridge.harness.browser(), bridge.harness.browser()
    callback = bridge.provider.callback(await at_the_provider(bridge, browser))
    await at_the_provider(bridge, other)
    bridge.provider.broken = RuntimeError("what the process died of")
    await browser.open(callback)

    elsewhere = await other.open(callback)
    page = await browser.open(callback)
    asked = await browser.submit(form_with(page.text, "transaction"))
    redirect = await browser.decide(asked)
    answer = await browser.open(bridge.provider.callback(redirect.headers["location"]))

    assert is_refused_form(elsewhere)
    assert page.status_code == 403
    assert "interrupted" in page.text
    # The code was sent to the provider once; this is the one of the second sign-in.
    assert token_requests(bridge) == 2
    assert "code" in answer_in(answer.headers["location"])


@pytest.mark.parametrize("state", [None, "", "invented", "x" * 43])
async def test_a_state_that_was_never_given_out_causes_no_request(
    bridge: Bridge, state: str | None
) -> None:
    browser = bridge.harness.browser()
    callback = bridge.provider.callback(await at_the_provider(bridge, browser), state=state)

    assert is_refused_form(await browser.open(callback))
    assert token_requests(bridge) == 0


@proves("S39", "refuses", "provider state is used once")
async def test_a_state_is_over_after_ten_minutes(bridge: Bridge, clock: Any) -> None:
    browser = bridge.harness.browser()
    callback = bridge.provider.callback(await at_the_provider(bridge, browser))
    clock.advance(600)

    assert is_refused_form(await browser.open(callback))
    assert token_requests(bridge) == 0


@proves("S30", "refuses", "one browser per flow")
@proves("S202", "refuses", "callback bound to browser")
async def test_a_sign_in_that_began_in_one_browser_does_not_end_in_another(
    bridge: Bridge,
) -> None:
    attacker, victim = bridge.harness.browser(), bridge.harness.browser()
    url = await at_the_provider(bridge, attacker)
    # The victim opens the address that the attacker was sent to, and comes back signed in.
    callback = bridge.provider.callback(url)

    assert is_refused_form(await victim.open(callback))
    # Not even a victim who is in the middle of a sign-in of their own.
    await at_the_provider(bridge, victim)
    assert is_refused_form(await victim.open(callback))
    assert token_requests(bridge) == 0


@proves("S202", "accepts", "callback bound to browser")
async def test_a_second_tab_with_the_same_page_stays_valid(bridge: Bridge) -> None:
    harness, browser = bridge.harness, bridge.harness.browser()
    client = (await harness.register())["client_id"]
    first = await browser.open(harness.authorize_url(client))
    await browser.open(harness.authorize_url(client))

    redirect = await browser.decide(first)
    back = await browser.open(bridge.provider.callback(redirect.headers["location"]))

    assert "code" in answer_in(back.headers["location"])


@proves("S202", "refuses", "callback bound to browser")
async def test_a_browser_without_cookies_never_reaches_the_provider(bridge: Bridge) -> None:
    harness = bridge.harness
    client = (await harness.register())["client_id"]
    page = await harness.browser().open(harness.authorize_url(client))

    answer = await harness.browser().decide(page)

    assert is_refused_form(answer)
    assert bridge.provider.requests == []


@proves("S44", "accepts", "no code across providers")
@proves("S44", "refuses", "no code across providers")
@proves("S203", "refuses", "callback per provider")
async def test_an_answer_counts_at_its_own_providers_callback_alone(
    start_bridge: StartBridge,
) -> None:
    bridge = await start_bridge(identity_provider(), identity_provider(name="other"))
    harness, browser = bridge.harness, bridge.harness.browser()
    client = (await harness.register())["client_id"]
    page = await browser.open(harness.authorize_url(client))
    asked = await browser.submit(form_with(page.text, "transaction"))
    redirect = await browser.decide(asked)
    callback = bridge.provider.callback(redirect.headers["location"])

    crossed = await browser.open(callback.replace("/callback/sso", "/callback/other"))
    unknown = await browser.open(callback.replace("/callback/sso", "/callback/third"))

    assert is_refused_form(crossed)
    assert is_refused_form(unknown)
    assert token_requests(bridge) == 0
    assert "code" in answer_in((await browser.open(callback)).headers["location"])


@proves("S203", "refuses", "callback per provider")
async def test_a_disabled_provider_has_no_callback_and_no_button(
    start_bridge: StartBridge,
) -> None:
    bridge = await start_bridge(
        identity_provider(), identity_provider(name="old", title="Old", disabled=True)
    )
    harness, browser = bridge.harness, bridge.harness.browser()
    client = (await harness.register())["client_id"]
    page = await browser.open(harness.authorize_url(client))

    assert "/sign-in/old" not in page.text
    form = form_with(page.text, "decision")
    form.action = harness.url("/sign-in/old")
    assert is_refused_form(await browser.submit(form, decision="allow"))


@pytest.mark.parametrize(
    ("announced", "iss", "admitted"),
    [
        (True, "https://login.example", True),
        (False, None, True),
        (False, "https://login.example", True),
        (True, None, False),
        (True, "https://login.example/", False),
        (False, "https://evil.example", False),
    ],
)
@proves("S203", "accepts", "callback per provider")
@proves("S203", "refuses", "callback per provider")
async def test_iss_of_the_answer_must_be_the_issuer_and_present_if_announced(
    bridge: Bridge, announced: bool, iss: str | None, admitted: bool
) -> None:
    name = "authorization_response_iss_parameter_supported"
    bridge.provider.metadata[name] = announced
    browser = bridge.harness.browser()
    callback = bridge.provider.callback(await at_the_provider(bridge, browser), iss=iss)

    answer = await browser.open(callback)

    assert ("code" in answer_in(answer.headers.get("location", "?code="))) is admitted or (
        answer.status_code == 502
    )
    assert (answer.status_code == 502) is not admitted
    assert (token_requests(bridge) == 1) is admitted


@pytest.mark.parametrize("error", ["access_denied", "login_required", "consent_required"])
@proves("S41", "accepts", "provider errors are not reflected")
@proves("S41", "refuses", "provider errors are not reflected")
async def test_a_user_whom_the_provider_refuses_goes_back_to_the_client(
    bridge: Bridge, error: str
) -> None:
    browser = bridge.harness.browser()
    url = await at_the_provider(bridge, browser)
    callback = bridge.provider.callback(
        url, code=None, error=error, error_description="<script>Call 555-0100</script>"
    )

    answer = answer_in((await browser.open(callback)).headers["location"])

    assert answer["error"] == "access_denied"
    assert answer["error_description"] == "The identity provider did not sign you in."
    assert answer["iss"] == bridge.harness.issuer
    assert answer["state"] == "st&te ü"


@pytest.mark.parametrize("error", ["invalid_scope", "unauthorized_client", "<b>x</b>", "a" * 4000])
async def test_a_misconfiguration_is_a_page_that_names_it_and_reflects_nothing(
    bridge: Bridge, error: str
) -> None:
    browser = bridge.harness.browser()
    url = await at_the_provider(bridge, browser)
    callback = bridge.provider.callback(url, code=None, error=error, error_description="555-0100")

    page = await browser.open(callback)

    assert page.status_code == 502
    assert "provider-misconfigured" in page.text
    assert error not in page.text
    assert "555-0100" not in page.text


async def test_a_wrong_client_secret_is_a_page_with_a_reason_and_an_id(
    start_bridge: StartBridge,
) -> None:
    bridge = await start_bridge(identity_provider(client_secret="wrong-" * 6))
    browser = bridge.harness.browser()

    page = await browser.open(bridge.provider.callback(await at_the_provider(bridge, browser)))

    assert page.status_code == 502
    assert "provider-misconfigured" in page.text
    assert "who?" not in page.text
    assert "wrong-" not in page.text
    failed = next(one for one in bridge.harness.events if one.kind == "provider-sign-in.failed")
    assert failed.facts["detail"] == "sso: invalid_client, status 401"


@pytest.mark.parametrize(
    "fault",
    [
        FetchFailed("login.example took longer than 5 s"),
        FetchResponse(200, {"content-type": "text/html"}, b"<html>please wait</html>", None),
        FetchResponse(400, {"content-type": "text/html"}, b"<html>blocked</html>", None),
        answered({"error": "server_error"}, 500),
        answered({"error": "invalid_grant"}, 503),
        answered({"error": "temporarily_unavailable"}, 400),
        answered({"message": "Too many requests"}, 429),
    ],
    ids=["timeout", "html", "html 400", "500", "503", "busy", "429"],
)
async def test_an_outage_of_the_provider_loses_nothing(
    bridge: Bridge, fault: FetchResponse | Exception
) -> None:
    browser = bridge.harness.browser()
    callback = bridge.provider.callback(await at_the_provider(bridge, browser))
    bridge.provider.broken = fault

    page = await browser.open(callback)

    assert page.status_code == 503
    assert page.headers["retry-after"] == "5"
    assert is_sign_in(page) or "Continue with Example SSO" in page.text
    # The same transaction goes on once the provider is back.
    asked = await browser.submit(form_with(page.text, "transaction"))
    redirect = await browser.decide(asked)
    answer = await browser.open(bridge.provider.callback(redirect.headers["location"]))
    assert "code" in answer_in(answer.headers["location"])


async def test_a_provider_that_is_down_before_the_redirect_loses_nothing(bridge: Bridge) -> None:
    harness, browser, send = bridge.harness, bridge.harness.browser(), bridge.provider.send
    client = (await harness.register())["client_id"]
    page = await browser.open(harness.authorize_url(client))

    async def down(url: str, request: FetchRequest, *, limit: int = 0) -> FetchResponse:
        raise FetchFailed("connection refused")

    bridge.provider.send = down  # type: ignore[method-assign]
    unavailable = await browser.decide(page)
    bridge.provider.send = send  # type: ignore[method-assign]
    asked = await browser.submit(form_with(unavailable.text, "transaction"))
    redirect = await browser.decide(asked)

    assert unavailable.status_code == 503
    assert unavailable.headers["retry-after"] == "5"
    assert redirect.headers["location"].startswith(bridge.provider.base)


async def test_a_user_who_may_not_enter_can_return_to_the_application(
    start_bridge: StartBridge,
) -> None:
    bridge = await start_bridge(identity_provider(allow=Allow(domains={"example.com"})))
    harness, browser = bridge.harness, bridge.harness.browser()
    page = await bridge.sign_in(browser, (await harness.register())["client_id"])

    answer = await browser.decide(page, "deny")

    assert page.status_code == 403
    assert answer_in(answer.headers["location"])["error"] == "access_denied"
    assert answer_in(answer.headers["location"])["state"] == "st&te ü"


async def test_the_database_holds_no_token_of_the_provider_in_plain_text(
    bridge: Bridge,
) -> None:
    browser = bridge.harness.browser()
    await browser.open(bridge.provider.callback(await at_the_provider(bridge, browser)))

    store = bridge.harness.server.services.store
    async with store.reading() as connection:
        rows = (await connection.exec_driver_sql("SELECT * FROM provider_sessions")).all()
        logins = (await connection.exec_driver_sql("SELECT * FROM provider_logins")).all()
    assert len(rows) == 1
    assert len(logins) == 1
    assert "provider-access" not in repr(rows)
    assert bridge.provider.authorizations[0]["nonce"] not in repr(logins)


async def test_sign_ins_that_begin_are_limited_by_address(start_bridge: StartBridge) -> None:
    bridge = await start_bridge(limits=Limits(authorizations_per_address="2/minute"))
    harness, browser = bridge.harness, bridge.harness.browser()
    client = (await harness.register())["client_id"]
    page = await browser.open(harness.authorize_url(client))

    answers = [await browser.decide(page) for _ in range(3)]

    assert [one.status_code for one in answers] == [303, 303, 429]
    assert int(answers[2].headers["retry-after"]) > 0


async def test_a_token_response_counts_by_its_body_whatever_it_is_called(bridge: Bridge) -> None:
    harness, browser = bridge.harness, bridge.harness.browser()
    client = (await harness.register())["client_id"]
    redirect = await bridge.to_provider(browser, client)
    callback = bridge.provider.callback(redirect.headers["location"])
    tokens = bridge.provider._tokens(bridge.provider.authorizations[0]["nonce"])
    bridge.provider.broken = FetchResponse(
        200, {"content-type": "text/plain"}, json.dumps(tokens).encode(), None
    )

    back = await browser.open(callback)

    assert "code" in answer_in(back.headers["location"])
