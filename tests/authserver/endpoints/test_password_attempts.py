"""Limits of password attempts: they stop guesses, and strangers cannot lock out a user."""

import asyncio
import re
from collections.abc import Iterator

import httpx2
import pytest
from sqlalchemy import event, func, select

from doorward.authserver.refusals import StoreUnavailable
from doorward.authserver.settings.lifetimes import Lifetimes, Limits
from doorward.authserver.store.schema import known_browsers
from doorward.authserver.users.known_browsers import MOST_PER_USER
from tests.authserver.browser import Browser, form_with
from tests.authserver.conftest import StartAuthServer, StoppedClock
from tests.authserver.harness import PASSWORD, AuthServerHarness
from tests.authserver.steps import is_consent, is_sign_in
from tests.ledger import proves

STRANGER, OWNER = "203.0.113.9", "198.51.100.7"


@pytest.fixture
async def client(harness: AuthServerHarness) -> str:
    return str((await harness.register())["client_id"])


async def tried(
    harness: AuthServerHarness, client: str, browser: Browser, password: str, name: str = "alice"
) -> httpx2.Response:
    """Fill in a fresh sign-in page and return what comes next."""
    page = await browser.open(harness.authorize_url(client, prompt="login"))
    return await browser.sign_in(page, name, password)


async def guesses(
    harness: AuthServerHarness, client: str, peer: str, count: int, name: str = "alice"
) -> list[int]:
    """Guess ``count`` times from one address, and return the statuses."""
    browser = harness.browser(peer)
    page = await browser.open(harness.authorize_url(client))
    return [(await browser.sign_in(page, name, "guess")).status_code for _ in range(count)]


async def known_browser(harness: AuthServerHarness, client: str, peer: str = OWNER) -> Browser:
    """Return a browser in which alice has signed in."""
    browser = harness.browser(peer)
    assert is_consent(await tried(harness, client, browser, PASSWORD))
    return browser


def words(page: httpx2.Response) -> str:
    """Return what the page says of the problem."""
    found = re.search(r'role="alert"[^>]*>(.*?)</p>', page.text, re.DOTALL)
    return found[1].strip() if found else ""


@proves("S189", "accepts", "no lockout by strangers")
async def test_a_stranger_does_not_shut_out_the_owner_of_the_name(
    harness: AuthServerHarness, client: str
) -> None:
    assert await guesses(harness, client, STRANGER, 11) == [200] * 10 + [429]

    assert is_consent(await tried(harness, client, harness.browser(OWNER), PASSWORD))


@proves("S189", "refuses", "no lockout by strangers")
async def test_the_right_password_does_not_help_a_network_that_failed_too_often(
    harness: AuthServerHarness, client: str
) -> None:
    await guesses(harness, client, STRANGER, 10)

    assert (await tried(harness, client, harness.browser(STRANGER), PASSWORD)).status_code == 429


@proves("S189", "refuses", "no lockout by strangers")
async def test_the_addresses_of_one_ipv6_network_count_as_one(
    harness: AuthServerHarness, client: str
) -> None:
    for host in range(10):
        await guesses(harness, client, f"2001:db8::{host}", 1)

    assert await guesses(harness, client, "2001:db8::ffff:1", 1) == [429]
    assert await guesses(harness, client, "2001:db8:0:1::1", 1) == [200]


@proves("S189", "accepts", "no lockout by strangers")
async def test_a_known_browser_is_let_in_from_the_network_of_the_stranger(
    start_authserver: StartAuthServer,
) -> None:
    harness = await start_authserver(limits=Limits(sign_ins_per_address="30/5 minutes"))
    client = (await harness.register())["client_id"]
    known = await known_browser(harness, client, STRANGER)
    for name in ("alice", "guest", "nobody"):
        await guesses(harness, client, STRANGER, 20, name)
    assert (await tried(harness, client, harness.browser(STRANGER), PASSWORD)).status_code == 429

    assert is_consent(await tried(harness, client, known, PASSWORD))


@proves("S189", "refuses", "no lockout by strangers")
async def test_guesses_from_many_networks_have_a_bound_together(
    start_authserver: StartAuthServer, clock: StoppedClock
) -> None:
    harness = await start_authserver(limits=Limits(sign_in_failures_per_name="25/hour"))
    client = (await harness.register())["client_id"]
    known = await known_browser(harness, client)

    got = [
        status
        for network in range(6)
        for status in await guesses(harness, client, f"203.0.{network}.1", 5)
    ]

    assert got == [200] * 25 + [429] * 5
    stopped = await tried(harness, client, harness.browser(OWNER), PASSWORD)
    assert stopped.status_code == 429
    assert "several networks" in words(stopped)
    assert "a browser in which you have signed in before" in words(stopped)
    # The bound never holds for the browser that is known.
    assert is_consent(await tried(harness, client, known, PASSWORD))
    clock.advance(3601)
    assert is_consent(await tried(harness, client, harness.browser(OWNER), PASSWORD))


@proves("S189", "refuses", "no lockout by strangers")
async def test_one_network_alone_does_not_use_up_what_all_have_together(
    start_authserver: StartAuthServer,
) -> None:
    harness = await start_authserver(limits=Limits(sign_in_failures_per_name="25/hour"))
    client = (await harness.register())["client_id"]

    await guesses(harness, client, STRANGER, 40)

    assert is_consent(await tried(harness, client, harness.browser(OWNER), PASSWORD))


@proves("S189", "accepts", "no lockout by strangers")
async def test_right_passwords_use_up_nothing(start_authserver: StartAuthServer) -> None:
    harness = await start_authserver(
        limits=Limits(
            sign_in_failures_per_name="3/hour", sign_in_failures_per_name_and_address="2/hour"
        )
    )
    client = (await harness.register())["client_id"]

    for _ in range(5):
        assert is_consent(await tried(harness, client, harness.browser(OWNER), PASSWORD))


@proves("S189", "refuses", "no lockout by strangers")
async def test_a_known_browser_may_guess_no_more_than_others(
    harness: AuthServerHarness, client: str
) -> None:
    known = await known_browser(harness, client)
    page = await known.open(harness.authorize_url(client, prompt="login"))

    got = [(await known.sign_in(page, "alice", "guess")).status_code for _ in range(11)]

    assert got == [200] * 10 + [429]
    assert (await known.sign_in(page, "alice", PASSWORD)).status_code == 429
    assert is_consent(await tried(harness, client, harness.browser("192.0.2.5"), PASSWORD))


@proves("S189", "refuses", "no lockout by strangers")
async def test_a_browser_is_known_for_the_names_that_signed_in_there(
    harness: AuthServerHarness, client: str
) -> None:
    await harness.add_user("bob")
    known = await known_browser(harness, client)
    await guesses(harness, client, OWNER, 10, "bob")

    assert (await tried(harness, client, known, PASSWORD, "bob")).status_code == 429
    assert is_consent(await tried(harness, client, known, PASSWORD, "alice"))


@proves("S189", "accepts", "no lockout by strangers")
async def test_a_browser_of_two_people_is_known_for_both(
    harness: AuthServerHarness, client: str
) -> None:
    await harness.add_user("bob")
    known = await known_browser(harness, client)
    assert is_consent(await tried(harness, client, known, PASSWORD, "bob"))
    for name in ("alice", "bob"):
        await guesses(harness, client, OWNER, 10, name)

    for name in ("alice", "bob"):
        assert is_consent(await tried(harness, client, known, PASSWORD, name))


@proves("S189", "refuses", "no lockout by strangers")
@pytest.mark.parametrize("brought", ["older", "invented", "ümlaut", ""])
async def test_a_cookie_that_was_replaced_or_invented_makes_no_browser_known(
    harness: AuthServerHarness, client: str, brought: str
) -> None:
    name = harness.server.services.cookies.known_name
    known = await known_browser(harness, client)
    older = known.http.cookies[name]
    assert is_consent(await tried(harness, client, known, PASSWORD))
    assert known.http.cookies[name] != older
    await guesses(harness, client, STRANGER, 10)

    thief = harness.browser(STRANGER)
    page = await thief.open(harness.authorize_url(client))
    form = form_with(page.text, "password")
    cookie = "; ".join(f"{one}={value}" for one, value in thief.http.cookies.items())
    response = await thief.http.post(
        "/sign-in",
        data={**form.fields, "username": "alice", "password": PASSWORD},
        headers={
            b"Cookie": f"{cookie}; {name}={older if brought == 'older' else brought}".encode()
        },
    )

    assert response.status_code == 429


@proves("S189", "refuses", "no lockout by strangers")
async def test_a_known_browser_is_forgotten_after_its_time(
    start_authserver: StartAuthServer, clock: StoppedClock
) -> None:
    harness = await start_authserver(lifetimes=Lifetimes(known_browser=3600))
    client = (await harness.register())["client_id"]
    known = await known_browser(harness, client)
    clock.advance(3601)
    await guesses(harness, client, OWNER, 10)

    assert (await tried(harness, client, known, PASSWORD)).status_code == 429


@proves("S189", "refuses", "no lockout by strangers")
async def test_no_more_browsers_are_kept_than_one_person_has(
    harness: AuthServerHarness, client: str
) -> None:
    for number in range(MOST_PER_USER + 3):
        await known_browser(harness, client, f"192.0.2.{number}")

    async with harness.server.services.store.reading() as connection:
        kept = await connection.execute(select(func.count()).select_from(known_browsers))
        assert kept.scalar_one() == MOST_PER_USER


@proves("S189", "refuses", "no lockout by strangers")
async def test_guesses_at_the_same_moment_are_counted_before_they_are_checked(
    harness: AuthServerHarness, client: str
) -> None:
    browser = harness.browser(STRANGER)
    page = await browser.open(harness.authorize_url(client))

    answers = await asyncio.gather(
        *(browser.sign_in(page, "alice", f"guess {number}") for number in range(30))
    )

    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [429] * 20


@proves("S189", "accepts", "no lockout by strangers")
async def test_a_failure_of_the_store_is_no_wrong_password(
    harness: AuthServerHarness, client: str
) -> None:
    browser = harness.browser(OWNER)
    page = await browser.open(harness.authorize_url(client))
    authenticate = harness.server.users.authenticate

    async def unavailable(_name: str, _password: str) -> None:
        raise StoreUnavailable("away")

    harness.server.users.authenticate = unavailable  # type: ignore[method-assign, assignment]
    answers = [await browser.sign_in(page, "alice", PASSWORD) for _ in range(12)]
    harness.server.users.authenticate = authenticate  # type: ignore[method-assign]

    assert {answer.status_code for answer in answers} == {503}
    assert is_consent(await browser.sign_in(page, "alice", PASSWORD))


@proves("S189", "accepts", "no lockout by strangers")
@pytest.mark.parametrize(
    ("passed", "told"), [(0, "5 minutes"), (200, "2 minutes"), (290, "1 minute")]
)
async def test_the_page_says_what_happened_and_when_to_try_again(
    harness: AuthServerHarness, client: str, clock: StoppedClock, passed: int, told: str
) -> None:
    await guesses(harness, client, STRANGER, 10)
    clock.advance(passed)

    page = await tried(harness, client, harness.browser(STRANGER), PASSWORD)

    assert page.status_code == 429
    assert 300 - passed <= int(page.headers["retry-after"]) <= 301 - passed
    assert words(page) == (
        f"Too many wrong passwords for this username from your network. Try again in {told}."
    )
    clock.advance(301 - passed)
    assert is_sign_in(await tried(harness, client, harness.browser(STRANGER), "wrong"))


@pytest.fixture
def statements(harness: AuthServerHarness) -> Iterator[list[str]]:
    """Every SQL statement that the server sends."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        # Clean-up runs beside the requests, at any time.
        if not statement.startswith("DELETE"):
            seen.append(statement)

    engine = harness.server.services.store.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


@proves("S189", "refuses", "no lockout by strangers")
async def test_a_name_that_nobody_has_is_answered_as_one_that_somebody_has(
    harness: AuthServerHarness, client: str, statements: list[str]
) -> None:
    seen = []
    await harness.server.users.add("upstream", None, scopes=())
    for name, peer in (
        ("alice", "203.0.113.1"),
        ("nobody", "203.0.113.2"),
        ("upstream", "203.0.113.3"),
    ):
        answers = []
        for _ in range(11):
            browser = harness.browser(peer)
            page = await browser.open(harness.authorize_url(client))
            statements.clear()
            answer = await browser.sign_in(page, name, "guess")
            shown = re.sub(r'value="[^"]*"', "", answer.text)
            answers.append((answer.status_code, shown.replace(name, ""), tuple(statements)))
        seen.append(answers)

    assert seen[0] == seen[1] == seen[2]
    assert [status for status, *_ in seen[0]] == [200] * 10 + [429]


@pytest.mark.parametrize("name", ["nobody", "upstream", "disabled"])
async def test_each_name_costs_one_verification_of_a_password(
    harness: AuthServerHarness, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    users = harness.server.users
    await users.add("upstream", None, scopes=())
    await harness.add_user("disabled")
    await users.disable("disabled")
    await users.authenticate("alice", "wrong")
    verified: list[str] = []

    async def counting(known: str, password: str) -> bool:
        verified.append(known)
        return True

    monkeypatch.setattr(users, "_verify", counting)

    # Even where the hash that stands in for a missing one matches.
    assert await users.authenticate(name, PASSWORD) is None
    assert len(verified) == 1
    assert verified[0].startswith("$argon2id$")


async def test_a_password_can_be_given_and_taken_away(harness: AuthServerHarness) -> None:
    users = harness.server.users
    upstream = await users.add("upstream", None, scopes=("mcp:read",))
    assert await users.authenticate("upstream", "") is None

    await users.add("upstream", PASSWORD, scopes=())
    signed_in = await users.authenticate("upstream", PASSWORD)
    await users.add("upstream", None, scopes=())

    assert signed_in is not None
    assert signed_in.id == upstream.id
    assert await users.authenticate("upstream", PASSWORD) is None
