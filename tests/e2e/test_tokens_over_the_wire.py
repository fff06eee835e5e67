"""Codes and refresh tokens against the running authorization server, many connections at once."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx2
import pytest

from tests.e2e.running_demo import RunningDemo
from tests.e2e.sign_in import PendingCode, SignedIn, authorize, redeem, register, sign_in
from tests.ledger import proves

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(90)]

AT_ONCE = 20


def _refresh(demo: RunningDemo, client_id: str, token: str) -> httpx2.Response:
    answer = httpx2.post(
        f"{demo.issuer}/token",
        data={"grant_type": "refresh_token", "refresh_token": token, "client_id": client_id},
        timeout=30,
    )
    if answer.status_code == 200:
        demo.secrets |= {answer.json()["access_token"], answer.json()["refresh_token"]}
    return answer


def _next(demo: RunningDemo, who: SignedIn, token: str) -> str:
    answer = _refresh(demo, who.client_id, token)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["refresh_token"])


def _outcome(answer: httpx2.Response) -> Any:
    return (answer.status_code, answer.json().get("error"))


@pytest.fixture(scope="module")
def pending(demo: RunningDemo) -> PendingCode:
    """Give a code that nobody has redeemed."""
    return authorize(demo, "bob", "mcp:read")


@proves("S84", "accepts", "concurrent redemptions")
@proves("S84", "refuses", "concurrent redemptions")
@proves("S83", "refuses", "a replayed code revokes")
def test_a_code_redeemed_by_many_at_once_is_redeemed_exactly_once(
    demo: RunningDemo, pending: PendingCode
) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        attempts = [pool.submit(redeem, demo, pending) for _ in range(AT_ONCE)]
    answers = [attempt.result() for attempt in attempts]

    assert [one.status_code for one in answers].count(200) == 1
    refused = [_outcome(one) for one in answers if one.status_code != 200]
    assert set(refused) == {(400, "invalid_grant")}
    # A code that came twice was stolen once: what the first one got is worth nothing any more.
    (won,) = (one.json() for one in answers if one.status_code == 200)
    demo.secrets |= {won["access_token"], won["refresh_token"]}
    assert _outcome(_refresh(demo, pending.client_id, won["refresh_token"])) == (
        400,
        "invalid_grant",
    )


@proves("S97", "accepts", "grace for a lost answer")
@proves("S98", "accepts", "concurrent refreshes do not fork")
@proves("S98", "refuses", "concurrent refreshes do not fork")
def test_a_refresh_token_used_by_many_at_once_gives_one_answer_and_no_fork(
    demo: RunningDemo,
) -> None:
    who = sign_in(demo, "bob", "mcp:read")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        once = partial(_refresh, demo, who.client_id, who.refresh_token)
        attempts = [pool.submit(once) for _ in range(AT_ONCE)]
    answers = [attempt.result() for attempt in attempts]

    assert {one.status_code for one in answers} == {200}
    assert len({one.json()["refresh_token"] for one in answers}) == 1
    assert len({one.json()["access_token"] for one in answers}) == 1


@proves("S96", "accepts", "refresh reuse revokes the family")
@proves("S96", "refuses", "refresh reuse revokes the family")
@proves("S97", "refuses", "grace for a lost answer")
def test_a_refresh_token_that_comes_back_after_its_successor_was_used_ends_the_whole_family(
    demo: RunningDemo,
) -> None:
    who = sign_in(demo, "bob", "mcp:read")
    second = _next(demo, who, who.refresh_token)
    third = _next(demo, who, second)
    assert len({who.refresh_token, second, third}) == 3

    assert _outcome(_refresh(demo, who.client_id, who.refresh_token)) == (400, "invalid_grant")

    assert _outcome(_refresh(demo, who.client_id, third)) == (400, "invalid_grant")
    assert "refresh.reused" in demo.log()


@proves("S99", "accepts", "refresh tokens end")
@proves("S99", "refuses", "refresh tokens end")
def test_a_refresh_token_does_not_exist_for_another_client_and_stays_good_for_its_own(
    demo: RunningDemo,
) -> None:
    who = sign_in(demo, "bob", "mcp:read")
    stranger = register(demo.issuer, "http://127.0.0.1:1/callback")

    stolen = _refresh(demo, stranger, who.refresh_token)
    unknown = _refresh(demo, stranger, "a" * len(who.refresh_token))

    assert (stolen.status_code, stolen.json()) == (unknown.status_code, unknown.json())
    assert _outcome(stolen) == (400, "invalid_grant")
    assert _refresh(demo, who.client_id, who.refresh_token).status_code == 200


@proves("S117", "accepts", "revocation")
@proves("S117", "refuses", "revocation")
def test_only_its_own_client_can_revoke_a_refresh_token_and_everybody_gets_the_same_answer(
    demo: RunningDemo,
) -> None:
    who = sign_in(demo, "bob", "mcp:read")
    stranger = register(demo.issuer, "http://127.0.0.1:1/callback")

    def revoke(client_id: str, token: str) -> httpx2.Response:
        return httpx2.post(f"{demo.issuer}/revoke", data={"token": token, "client_id": client_id})

    by_stranger = revoke(stranger, who.refresh_token)
    current = _next(demo, who, who.refresh_token)
    by_owner = revoke(who.client_id, current)
    of_nothing = revoke(who.client_id, "nothing-of-ours")

    assert {one.status_code for one in (by_stranger, by_owner, of_nothing)} == {200}
    assert by_stranger.content == by_owner.content == of_nothing.content
    assert _outcome(_refresh(demo, who.client_id, current)) == (400, "invalid_grant")
