"""Two installations with one client ID: what happens to one does not happen to the other."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from doorward.authserver.grants.active_grants import ActiveGrant, end_grants, list_active_grants
from doorward.authserver.store.schema import grants
from tests.authserver.conftest import StartAuthServer, StoppedClock
from tests.authserver.document_fetcher import URL, FakeDocumentFetcher
from tests.authserver.harness import VERIFIER, AuthServerHarness, Tokens, challenge_of
from tests.authserver.steps import consent_page, is_consent, is_remembered
from tests.ledger import proves

FIRST, SECOND, THIRD = (f"{number}-{VERIFIER}" for number in range(3))
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/19.0 Mobile/15E148 Safari/604.1"
)


@pytest.fixture
def fetcher() -> FakeDocumentFetcher:
    fetcher = FakeDocumentFetcher()
    fetcher.put()
    return fetcher


@pytest.fixture
async def harness(
    start_authserver: StartAuthServer, fetcher: FakeDocumentFetcher
) -> AuthServerHarness:
    opened: AuthServerHarness = await start_authserver(fetcher=fetcher)
    return opened


async def signed_in(
    harness: AuthServerHarness, verifier: str, user_agent: str = FIREFOX, **changes: Any
) -> tuple[str, Tokens]:
    """Sign alice in on a device of its own; return its code and its tokens."""
    browser = harness.browser()
    browser.http.headers["User-Agent"] = user_agent
    challenge = challenge_of(verifier)
    code = await harness.code(URL, browser=browser, code_challenge=challenge, **changes)
    fields = harness.code_fields(URL, code, code_verifier=verifier)
    tokens = await harness.token(fields)
    assert tokens.response.status_code == 200, tokens.response.text
    return code, tokens


async def listed(harness: AuthServerHarness) -> tuple[ActiveGrant, ...]:
    async with harness.server.services.store.reading() as connection:
        return await list_active_grants(connection, harness.clock())


async def end(harness: AuthServerHarness, grant: ActiveGrant) -> None:
    async with harness.server.services.store.engine.begin() as connection:
        which = grants.c.id == grant.id
        assert await end_grants(connection, which, "ended-by-user", harness.clock()) == 1


async def end_the_newest(harness: AuthServerHarness, _code: str, _tokens: Tokens) -> None:
    await end(harness, max(await listed(harness), key=lambda grant: grant.created_at))


async def give_back(harness: AuthServerHarness, _code: str, tokens: Tokens) -> None:
    await harness.http.post("/revoke", data={"token": tokens.refresh, "client_id": URL})


async def replay_the_code(harness: AuthServerHarness, code: str, _tokens: Tokens) -> None:
    replayed = await harness.token(harness.code_fields(URL, code, code_verifier=SECOND))
    assert replayed.body["error"] == "invalid_grant"
    assert "code.reused" in harness.kinds()


async def reuse_a_refresh_token(harness: AuthServerHarness, _code: str, tokens: Tokens) -> None:
    following = await harness.refresh(URL, tokens.refresh)
    await harness.refresh(URL, following.refresh)
    reused = await harness.refresh(URL, tokens.refresh)
    assert reused.response.status_code == 400


async def renew(harness: AuthServerHarness, _code: str, tokens: Tokens) -> None:
    for _ in range(3):
        tokens = await harness.refresh(URL, tokens.refresh)
        assert tokens.response.status_code == 200


async def sign_in_for_less(harness: AuthServerHarness, _code: str, _tokens: Tokens) -> None:
    await signed_in(harness, THIRD, scope="mcp:read")


Event = Callable[[AuthServerHarness, str, Tokens], Awaitable[None]]
EVENTS: list[Event] = [
    end_the_newest,
    give_back,
    replay_the_code,
    reuse_a_refresh_token,
    renew,
    sign_in_for_less,
]


@proves("S200", "accepts", "installations are apart")
@pytest.mark.parametrize("changed", [False, True], ids=["same-document", "changed-document"])
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: str(event.__name__))
async def test_what_happens_to_one_installation_leaves_the_other_alone(
    harness: AuthServerHarness,
    fetcher: FakeDocumentFetcher,
    clock: StoppedClock,
    event: Event,
    changed: bool,
) -> None:
    _, first = await signed_in(harness, FIRST)
    if changed:
        fetcher.put(client_name="Another name")
    clock.advance(61)
    code, second = await signed_in(harness, SECOND, scope="mcp:read")

    await event(harness, code, second)

    for _ in range(2):
        first = await harness.refresh(URL, first.refresh)
        assert first.response.status_code == 200
        assert first.body["scope"] == "mcp:read mcp:tools"
        clock.advance(61)


@proves("S200", "refuses", "installations are apart")
@pytest.mark.parametrize("event", EVENTS[:4], ids=lambda event: str(event.__name__))
async def test_the_installation_itself_gets_no_more_tokens(
    harness: AuthServerHarness, clock: StoppedClock, event: Event
) -> None:
    await signed_in(harness, FIRST)
    clock.advance(61)
    code, second = await signed_in(harness, SECOND)

    await event(harness, code, second)

    assert (await harness.refresh(URL, second.refresh)).body["error"] == "invalid_grant"
    assert len(await listed(harness)) == 1


async def test_each_installation_is_listed_with_its_browser_and_its_last_use(
    harness: AuthServerHarness, clock: StoppedClock
) -> None:
    began = clock.now
    await signed_in(harness, FIRST)
    clock.advance(100)
    _, second = await signed_in(harness, SECOND, SAFARI, scope="mcp:read")
    clock.advance(50)
    await harness.refresh(URL, second.refresh)

    newest, oldest = await listed(harness)

    assert (newest.browser, oldest.browser) == ("Safari on iPhone", "Firefox on Linux")
    assert (newest.created_at, newest.last_used_at) == (began + 100, began + 150)
    assert (oldest.created_at, oldest.last_used_at) == (began, began)
    assert (newest.scopes, newest.client_name) == (("mcp:read",), "Sail planner")
    assert newest.username == "alice"


async def test_a_grant_without_a_usable_token_is_not_listed(
    harness: AuthServerHarness, clock: StoppedClock
) -> None:
    await harness.code(URL)
    assert await listed(harness) == ()
    await signed_in(harness, FIRST)
    assert len(await listed(harness)) == 1

    clock.advance(14 * 86400)

    assert await listed(harness) == ()


async def test_a_consent_is_forgotten_with_the_last_installation_that_used_it(
    harness: AuthServerHarness,
) -> None:
    for verifier in (FIRST, SECOND):
        await signed_in(harness, verifier)
    challenge = challenge_of(THIRD)

    await end(harness, (await listed(harness))[0])
    page = await consent_page(harness, harness.browser(), URL, code_challenge=challenge)
    assert is_remembered(page)
    await end(harness, (await listed(harness))[0])
    page = await consent_page(harness, harness.browser(), URL, code_challenge=challenge)

    assert is_consent(page)
    assert not is_remembered(page)
