"""Sign-in, consent and what is remembered: nobody is spoken for who did not say so."""

from typing import Any

import httpx2
import pytest

from doorward.authserver.settings import Resource
from tests.authserver.browser import Browser, answer_in, form_with, forms_of, links_of
from tests.authserver.conftest import Opening, StoppedClock
from tests.authserver.world import PASSWORD, RESOURCE, SCOPES, World, challenge_of
from tests.ledger import proves

OTHER_CHALLENGE = challenge_of("another-verifier-that-is-long-enough-to-be-one")


async def consent_page(world: World, browser: Browser, client_id: str, **changes: Any) -> Any:
    page = await browser.open(world.authorize_url(client_id, **changes))
    return await browser.sign_in(page, "alice", PASSWORD)


def is_consent(page: httpx2.Response) -> bool:
    return page.status_code == 200 and 'name="decision"' in page.text


def is_sign_in(page: httpx2.Response) -> bool:
    return page.status_code == 200 and 'name="password"' in page.text


@proves("S29", "refuses")
async def test_a_new_client_is_shown_to_somebody_who_is_already_signed_in(world: World) -> None:
    browser = world.browser()
    first, second = await world.register(), await world.register(client_name="Second")
    await browser.go_through(world.authorize_url(first["client_id"]), "alice", PASSWORD)

    page = await browser.open(world.authorize_url(second["client_id"]))

    assert is_consent(page)
    assert "Second" in page.text


@proves("S29", "accepts")
@proves("S33", "accepts")
async def test_a_known_client_that_asks_for_no_more_is_answered_at_once(world: World) -> None:
    browser = world.browser()
    client = await world.register()
    await browser.go_through(world.authorize_url(client["client_id"]), "alice", PASSWORD)

    for changes in ({}, {"scope": "mcp:read"}, {"redirect_uri": "http://127.0.0.1:5/callback"}):
        changes = {"code_challenge": challenge_of("z" * 43 + str(changes)), **changes}
        response = await browser.open(world.authorize_url(client["client_id"], **changes))
        assert response.status_code == 303
        assert "code" in answer_in(response.headers["location"])


@proves("S33", "refuses")
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"scope": "mcp:read mcp:tools"}, id="more-scopes"),
        pytest.param({"redirect_uri": "https://app.example/cb"}, id="another-address"),
        pytest.param({"resource": "http://localhost:9000/other"}, id="another-resource"),
        pytest.param({"prompt": "consent"}, id="the-client-asks-for-it"),
    ],
)
async def test_whatever_grows_is_asked_again(open_world: Opening, changes: dict[str, str]) -> None:
    other = Resource(uri="http://localhost:9000/other", scopes=SCOPES)
    world = await open_world(resources=(Resource(uri=RESOURCE, scopes=SCOPES), other))
    browser = world.browser()
    client = await world.register(
        redirect_uris=["http://127.0.0.1:41000/callback", "https://app.example/cb"]
    )
    url = world.authorize_url(client["client_id"], scope="mcp:read")
    await browser.go_through(url, "alice", PASSWORD)

    page = await browser.open(
        world.authorize_url(
            client["client_id"],
            **{"scope": "mcp:read", "code_challenge": OTHER_CHALLENGE, **changes},
        )
    )

    assert is_consent(page)


@proves("S33", "refuses")
async def test_one_users_consent_is_not_anothers(world: World) -> None:
    await world.add_user("bob")
    client = await world.register()
    await world.code(client["client_id"], user="alice")

    browser = world.browser()
    page = await browser.open(
        world.authorize_url(client["client_id"], code_challenge=OTHER_CHALLENGE)
    )

    assert is_consent(await browser.sign_in(page, "bob", PASSWORD))


@proves("S27", "refuses")
async def test_a_request_that_led_to_a_code_is_asked_about_when_it_comes_again(
    world: World,
) -> None:
    browser = world.browser()
    client = await world.register()
    url = world.authorize_url(client["client_id"])
    await browser.go_through(url, "alice", PASSWORD)

    assert is_consent(await browser.open(url))


@proves("S27", "accepts")
async def test_a_fresh_request_of_the_same_client_is_not(world: World) -> None:
    browser = world.browser()
    client = await world.register()
    await browser.go_through(world.authorize_url(client["client_id"]), "alice", PASSWORD)

    response = await browser.open(
        world.authorize_url(client["client_id"], code_challenge=OTHER_CHALLENGE)
    )

    assert "code" in answer_in(response.headers["location"])


@proves("S30", "refuses")
@proves("S31", "refuses")
@pytest.mark.parametrize("field", ["password", "decision"])
async def test_a_form_that_another_browser_was_given_is_refused(world: World, field: str) -> None:
    client = await world.register()
    attacker, victim = world.browser(), world.browser()
    # The victim is signed in; the attacker has a transaction of their own with a genuine token.
    await victim.go_through(world.authorize_url(client["client_id"]), "alice", PASSWORD)
    page = await attacker.open(world.authorize_url(client["client_id"]))
    if field == "decision":
        await world.add_user("mallory")
        page = await attacker.sign_in(page, "mallory", PASSWORD)
    form = form_with(page.text, field)

    response = await victim.submit(form, username="mallory", password=PASSWORD, decision="allow")

    assert response.status_code == 403
    assert "form-refused" in response.text
    assert "location" not in response.headers


@proves("S30", "accepts")
@proves("S31", "accepts")
async def test_the_browser_that_was_given_the_form_may_answer_it(world: World) -> None:
    client = await world.register()
    browser = world.browser()

    response = await browser.decide(await consent_page(world, browser, client["client_id"]))

    assert "code" in answer_in(response.headers["location"])


@proves("S30", "refuses")
async def test_a_consent_page_opened_in_another_browser_shows_nothing(world: World) -> None:
    client = await world.register()
    browser = world.browser()
    page = await consent_page(world, browser, client["client_id"])

    response = await world.browser().open(str(page.url))

    assert response.status_code == 403


@proves("S31", "refuses")
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:9001"},
    ],
)
async def test_a_form_sent_from_another_site_is_refused(
    world: World, headers: dict[str, str]
) -> None:
    client = await world.register()
    browser = world.browser()
    page = await consent_page(world, browser, client["client_id"])
    form = form_with(page.text, "decision")

    response = await browser.http.post(
        "/consent", data={**form.fields, "decision": "allow"}, headers=headers
    )

    assert response.status_code == 403


@proves("S31", "refuses")
@pytest.mark.parametrize("field", ["csrf", "transaction"])
@pytest.mark.parametrize("value", ["", "x", "0" * 64])
async def test_a_form_without_its_tokens_is_refused(world: World, field: str, value: str) -> None:
    client = await world.register()
    browser = world.browser()
    page = await consent_page(world, browser, client["client_id"])

    form = form_with(page.text, "decision")
    response = await browser.submit(form, decision="allow", **{field: value})

    assert response.status_code == 403


@proves("S32", "refuses")
async def test_no_cookie_from_before_the_approval_stands_for_it(world: World) -> None:
    client = await world.register()
    browser = world.browser()
    page = await consent_page(world, browser, client["client_id"])
    before = dict(browser.http.cookies)

    # Everything that the browser holds now, and the request once more: it is asked again.
    other = world.browser()
    other.http.cookies.update(before)
    again = await other.open(world.authorize_url(client["client_id"]))

    assert is_consent(page)
    assert is_consent(again)
    assert {name.rpartition("-")[0] for name in before} == {"doorward-browser", "doorward-session"}


@proves("S32", "accepts")
async def test_approval_is_kept_here_and_sets_no_cookie(world: World) -> None:
    client = await world.register()
    browser = world.browser()
    page = await consent_page(world, browser, client["client_id"])

    response = await browser.decide(page)

    assert "set-cookie" not in response.headers


@proves("S34", "accepts")
async def test_the_page_shows_who_asks_for_what_and_where_the_answer_goes(world: World) -> None:
    client = await world.register(client_name="Sail planner")
    page = await consent_page(world, world.browser(), client["client_id"])

    for shown in ("Sail planner", RESOURCE, "mcp:tools", SCOPES["mcp:tools"], "127.0.0.1:41000"):
        assert shown in page.text, shown
    assert "this computer" in page.text.lower()


@proves("S34", "refuses")
async def test_a_web_client_is_not_shown_as_one_on_this_computer(world: World) -> None:
    uri = "https://app.example/cb"
    client = await world.register(redirect_uris=[uri])

    page = await consent_page(world, world.browser(), client["client_id"], redirect_uri=uri)

    assert "app.example" in page.text
    assert "127.0.0.1" not in page.text


@proves("S35", "refuses")
@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '"onx=alert(1) x="', "evil\u202egnp.exe", "a\u200bb\nc"]
)
async def test_a_name_that_a_stranger_chose_cannot_become_part_of_the_page(
    world: World, name: str
) -> None:
    client = await world.register(client_name=name)

    page = await consent_page(
        world, world.browser(), client["client_id"], state=name.replace("\n", "")
    )

    assert is_consent(page)
    assert "<script" not in page.text
    assert name not in page.text
    assert "\u202e" not in page.text
    assert "\u200b" not in page.text


@proves("S35", "accepts")
async def test_a_name_in_any_script_is_shown_as_it_is(world: World) -> None:
    client = await world.register(client_name="Größe 東京 & Co")

    page = await consent_page(world, world.browser(), client["client_id"])

    assert "Größe 東京 &amp; Co" in page.text


@proves("S36", "refuses")
async def test_no_page_can_be_framed_or_run_a_script(world: World) -> None:
    client = await world.register()
    browser = world.browser()
    sign_in = await browser.open(world.authorize_url(client["client_id"]))
    consent = await browser.sign_in(sign_in, "alice", PASSWORD)
    error = await browser.open("/authorize")

    for page in (sign_in, consent, error):
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "script-src" not in policy
        assert "form-action" not in policy
        assert page.headers["x-frame-options"] == "DENY"
        assert "<script" not in page.text


@proves("S36", "accepts")
async def test_an_application_with_its_own_scheme_is_reached_by_a_visible_link(
    world: World,
) -> None:
    uri = "cursor://anysphere.cursor-mcp/oauth/callback"
    client = await world.register(redirect_uris=[uri])
    browser = world.browser()

    page = await browser.decide(
        await consent_page(world, browser, client["client_id"], redirect_uri=uri)
    )

    assert page.status_code == 200
    targets = [link for link in links_of(page.text) if link.startswith(uri)]
    assert "code" in answer_in(targets[0])


@proves("S37", "refuses")
async def test_no_picture_of_the_client_is_fetched_or_linked(open_world: Opening) -> None:
    class Nothing:
        async def fetch(self, url: str, **_options: Any) -> Any:
            pytest.fail(f"fetched {url}")

    world = await open_world(fetcher=Nothing())
    client = await world.register(logo_uri="https://tracker.example/logo.png")

    page = await consent_page(world, world.browser(), client["client_id"])

    assert is_consent(page)
    assert "tracker.example" not in page.text


@proves("S37", "accepts")
async def test_a_client_with_a_picture_is_registered_all_the_same(world: World) -> None:
    client = await world.register(logo_uri="https://app.example/logo.png")

    assert client["logo_uri"] == "https://app.example/logo.png"


@proves("S38", "refuses")
@pytest.mark.parametrize("decision", ["deny", "", "ALLOW", "yes"])
async def test_anything_but_allow_is_a_denial_that_the_client_is_told(
    world: World, decision: str
) -> None:
    client = await world.register()
    browser = world.browser()

    response = await browser.decide(
        await consent_page(world, browser, client["client_id"]), decision
    )

    answer = answer_in(response.headers["location"])
    assert answer["error"] == "access_denied"
    assert answer["state"] == "st&te ü"
    assert answer["iss"] == world.issuer


@proves("S38", "refuses")
@pytest.mark.parametrize("second", ["allow", "deny"])
async def test_an_answered_question_cannot_be_answered_again(world: World, second: str) -> None:
    client = await world.register()
    browser = world.browser()
    page = await consent_page(world, browser, client["client_id"])
    await browser.decide(page, "deny")

    response = await browser.decide(page, second)

    assert response.status_code == 403
    assert "location" not in response.headers


@proves("S38", "accepts")
async def test_allow_is_an_answer_once(world: World) -> None:
    client = await world.register()
    browser = world.browser()
    page = await consent_page(world, browser, client["client_id"])

    first, second = await browser.decide(page), await browser.decide(page)

    assert "code" in answer_in(first.headers["location"])
    assert second.status_code == 403


async def test_a_question_nobody_answers_is_over_after_ten_minutes(
    world: World, clock: StoppedClock
) -> None:
    client = await world.register()
    browser = world.browser()
    page = await consent_page(world, browser, client["client_id"])
    clock.advance(600)

    assert (await browser.decide(page)).status_code == 403


@proves("S45", "refuses")
async def test_a_session_id_from_before_the_sign_in_is_worth_nothing_after(world: World) -> None:
    client = await world.register()
    browser = world.browser()
    name = world.server.parts.cookies.session_name
    await consent_page(world, browser, client["client_id"])
    first = browser.http.cookies[name]

    await consent_page(world, browser, client["client_id"], prompt="login")

    assert browser.http.cookies[name] != first
    assert await world.server.parts.sessions.user(first) is None


@proves("S45", "refuses")
async def test_a_planted_session_id_is_not_adopted(world: World) -> None:
    client = await world.register()
    browser = world.browser()
    name = world.server.parts.cookies.session_name
    browser.http.cookies.set(name, "planted", domain="localhost", path="/")

    await consent_page(world, browser, client["client_id"])

    assert await world.server.parts.sessions.user("planted") is None


@proves("S45", "refuses")
async def test_signing_out_ends_the_session_on_the_server(world: World) -> None:
    client = await world.register()
    browser = world.browser()
    await consent_page(world, browser, client["client_id"])
    copy = dict(browser.http.cookies)

    page = await browser.http.post("/sign-out")

    assert "Signed out" in page.text
    thief = world.browser()
    thief.http.cookies.update(copy)
    assert is_sign_in(await thief.open(world.authorize_url(client["client_id"])))


@proves("S45", "accepts")
async def test_cookies_on_https_belong_to_this_host_alone(open_world: Opening) -> None:
    world = await open_world(issuer="https://auth.example")
    client = await world.register()
    browser = world.browser()
    page = await browser.open(world.authorize_url(client["client_id"]))
    form = form_with(page.text, "password")

    signed_in = await browser.http.post(
        "/sign-in", data={**form.fields, "username": "alice", "password": PASSWORD}
    )

    for response in (page, signed_in):
        for cookie in response.headers.get_list("set-cookie"):
            assert cookie.startswith("__Host-doorward-")
            attributes = cookie.lower()
            for needed in ("secure", "httponly", "samesite=lax", "path=/"):
                assert needed in attributes
            assert "domain" not in attributes


@proves("S45", "accepts")
async def test_a_session_is_over_when_idle_and_when_old(world: World, clock: StoppedClock) -> None:
    client = await world.register()
    browser = world.browser()
    await browser.go_through(world.authorize_url(client["client_id"]), "alice", PASSWORD)
    url = world.authorize_url(client["client_id"], prompt="consent")

    clock.advance(7000)
    assert is_consent(await browser.open(url))
    clock.advance(7201)
    assert is_sign_in(await browser.open(url))


@proves("S46", "refuses")
async def test_cookies_do_not_grow_with_the_number_of_clients(open_world: Opening) -> None:
    world = await open_world()
    browser = world.browser()
    for number in range(12):
        client = await world.register(client_name=f"Client {number}")
        page = await browser.open(world.authorize_url(client["client_id"]))
        if is_sign_in(page):
            page = await browser.sign_in(page, "alice", PASSWORD)
        await browser.decide(page, "allow" if number % 2 else "deny")

    assert len(browser.http.cookies) == 2
    assert sum(len(value) for value in browser.http.cookies.values()) < 200


@proves("S46", "accepts")
async def test_the_browser_cookie_is_kept_from_one_request_to_the_next(world: World) -> None:
    client = await world.register()
    browser = world.browser()
    first = await browser.open(world.authorize_url(client["client_id"]))

    second = await browser.open(world.authorize_url(client["client_id"]))

    assert "set-cookie" in first.headers
    assert "set-cookie" not in second.headers


@proves("S47", "refuses")
@pytest.mark.parametrize(
    "parameters", ["return_to", "post_logout_redirect_uri", "next", "redirect_uri"]
)
async def test_signing_out_leads_nowhere_else(world: World, parameters: str) -> None:
    response = await world.http.post(f"/sign-out?{parameters}=https://evil.example/")

    assert response.status_code == 200
    assert "location" not in response.headers
    assert "evil.example" not in response.text


@proves("S47", "refuses")
async def test_signing_in_leads_nowhere_else(world: World) -> None:
    client = await world.register()
    browser = world.browser()
    page = await browser.open(world.authorize_url(client["client_id"]))
    form = form_with(page.text, "password")

    response = await browser.http.post(
        "/sign-in",
        data={
            **form.fields,
            "username": "alice",
            "password": PASSWORD,
            "return_to": "https://evil.example/",
        },
    )

    assert response.headers["location"].startswith(world.issuer + "/consent?transaction=")


@proves("S47", "accepts")
async def test_signing_out_shows_that_it_worked(world: World) -> None:
    assert "Signed out" in (await world.http.post("/sign-out")).text


async def test_a_wrong_password_is_asked_for_again_and_says_nothing_about_the_name(
    world: World,
) -> None:
    client = await world.register()
    texts = []
    for name, password in (("alice", "wrong"), ("nobody", PASSWORD), ("", "")):
        browser = world.browser()
        page = await browser.open(world.authorize_url(client["client_id"]))
        again = await browser.sign_in(page, name, password)
        assert is_sign_in(again)
        assert world.server.parts.cookies.session_name not in browser.http.cookies
        texts.append("That name and password do not belong together" in again.text)

    assert texts == [True, True, True]


async def test_a_disabled_user_cannot_sign_in(world: World) -> None:
    client = await world.register()
    await world.server.users.disable("alice")
    browser = world.browser()

    page = await browser.open(world.authorize_url(client["client_id"]))

    assert is_sign_in(await browser.sign_in(page, "alice", PASSWORD))


async def test_guessing_a_password_is_stopped_after_ten_times(
    world: World, clock: StoppedClock
) -> None:
    client = await world.register()
    browser = world.browser()
    page = await browser.open(world.authorize_url(client["client_id"]))
    for _ in range(10):
        assert (await browser.sign_in(page, "ALICE ", "guess")).status_code == 200

    stopped = await browser.sign_in(page, "alice", PASSWORD)
    assert stopped.status_code == 429
    clock.advance(301)
    assert is_consent(await browser.sign_in(page, "alice", PASSWORD))


async def test_somebody_without_any_of_the_scopes_gives_nothing(world: World) -> None:
    client = await world.register()

    response = await world.browser().go_through(
        world.authorize_url(client["client_id"]), "guest", PASSWORD
    )

    assert answer_in(response.headers["location"])["error"] == "access_denied"


async def test_nobody_can_give_a_scope_that_they_do_not_hold(world: World) -> None:
    client = await world.register()

    tokens = await world.tokens(client["client_id"], scope="mcp:read mcp:admin")

    assert tokens.body["scope"] == "mcp:read"


@pytest.mark.parametrize("prompt", ["login", "select_account"])
async def test_a_client_may_ask_for_a_fresh_sign_in(world: World, prompt: str) -> None:
    browser = world.browser()
    client = await world.register()
    await browser.go_through(world.authorize_url(client["client_id"]), "alice", PASSWORD)
    url = world.authorize_url(client["client_id"], prompt=prompt, code_challenge=OTHER_CHALLENGE)

    page = await browser.open(url)

    assert is_sign_in(page)
    # The session of before does not answer a question that was asked of the keyboard.
    handle = form_with(page.text, "password").fields["transaction"]
    assert is_sign_in(await browser.open(f"/consent?transaction={handle}"))


@proves("S22", "refuses")
async def test_prompt_none_without_consent_says_that_consent_is_needed(world: World) -> None:
    browser = world.browser()
    first, second = await world.register(), await world.register()
    await browser.go_through(world.authorize_url(first["client_id"]), "alice", PASSWORD)

    response = await browser.open(world.authorize_url(second["client_id"], prompt="none"))

    assert answer_in(response.headers["location"])["error"] == "consent_required"


@proves("S22", "accepts")
async def test_prompt_none_with_session_and_consent_gets_a_code(world: World) -> None:
    browser = world.browser()
    client = await world.register()
    await browser.go_through(world.authorize_url(client["client_id"]), "alice", PASSWORD)

    response = await browser.open(
        world.authorize_url(client["client_id"], prompt="none", code_challenge=OTHER_CHALLENGE)
    )

    assert "code" in answer_in(response.headers["location"])


async def test_another_account_can_be_chosen_on_the_consent_page(world: World) -> None:
    await world.add_user("bob")
    client = await world.register()
    browser = world.browser()
    page = await consent_page(world, browser, client["client_id"])
    switch = next(form for form in forms_of(page.text) if form.action.endswith("/switch-account"))

    page = await browser.submit(switch)
    assert is_sign_in(page)
    consent = await browser.sign_in(page, "bob", PASSWORD)

    assert "Bob" in consent.text
    assert "code" in answer_in((await browser.decide(consent)).headers["location"])


@proves("S31", "accepts")
@pytest.mark.parametrize("origin", ["https://auth.example", "null"])
async def test_a_form_sent_from_our_own_page_is_taken(open_world: Opening, origin: str) -> None:
    world = await open_world(issuer="https://auth.example:443")
    client = await world.register()
    browser = world.browser()
    page = await browser.open(world.authorize_url(client["client_id"]))
    form = form_with(page.text, "password")

    response = await browser.http.post(
        "/sign-in",
        data={**form.fields, "username": "alice", "password": PASSWORD},
        headers={"Origin": origin, "Sec-Fetch-Site": "same-origin"},
    )

    assert response.status_code == 303


async def test_what_was_typed_as_a_name_is_not_logged_when_nobody_has_it(world: World) -> None:
    client = await world.register()
    browser = world.browser()
    page = await browser.open(world.authorize_url(client["client_id"]))

    await browser.sign_in(page, "hunter2-typed-in-the-wrong-field", "x")

    failed = [event for event in world.events if event.kind == "sign-in.failed"]
    assert [event.facts["user"] for event in failed] == ["unknown"]
    assert "hunter2" not in repr(world.events)


@proves("S33", "refuses")
async def test_nobody_agrees_to_more_than_the_page_showed(world: World) -> None:
    client = await world.register()
    browser = world.browser()
    await world.server.users.allow("alice", scopes=("mcp:read",), roles=())
    page = await consent_page(world, browser, client["client_id"])
    assert "mcp:tools" not in page.text
    await world.server.users.allow("alice", scopes=("mcp:read", "mcp:tools"), roles=())

    again = await browser.decide(page)

    assert is_consent(again)
    assert "mcp:tools" in again.text
    assert "code" in answer_in((await browser.decide(again)).headers["location"])
