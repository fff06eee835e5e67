"""Tokens for the next server are requested once and cached per caller."""

import asyncio
import threading
from typing import Any

import pytest

from doorward.downstream import GrantRefused, SignInNeeded
from tests.downstream.conftest import Clock
from tests.downstream.issuer import Issuer, granting
from tests.downstream.one_grant import downstream_of, exchange, get
from tests.ledger import proves


async def test_a_token_is_cached_for_its_caller(issuer: Issuer, clock: Clock) -> None:
    downstream = downstream_of(issuer, clock)
    first = await get(downstream, issuer)
    clock.now += 200
    second = await get(downstream, issuer, inbound="a later token of the same caller")

    assert first is second
    assert len(issuer.forms) == 1


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"subject": "bob"}, id="another-user"),
        pytest.param({"client_id": "other"}, id="another-client"),
        pytest.param({"scopes": frozenset({"mcp:read"})}, id="less-granted"),
        pytest.param({"roles": frozenset({"admin"})}, id="another-role"),
        pytest.param({"claims_json": b'{"act":{"sub":"agent"}}'}, id="an-agent-in-the-users-name"),
        pytest.param({"claims_json": b'{"org_id":"org_b"}'}, id="in-another-organization"),
        pytest.param({"claims_json": b'{"acr":"1"}'}, id="signed-in-with-less"),
    ],
)
async def test_a_cached_token_is_not_returned_for_another_caller(
    issuer: Issuer, clock: Clock, other: dict[str, Any]
) -> None:
    downstream = downstream_of(issuer, clock)
    await get(downstream, issuer)
    await get(downstream, issuer, **other)

    assert len(issuer.forms) == 2


@proves("S187", "refuses", "callers of two issuers")
async def test_a_cached_token_is_not_returned_for_the_same_subject_of_another_issuer(
    issuer: Issuer, clock: Clock
) -> None:
    other = "https://other.example"
    grant = exchange(issuer, trusted_issuers=[other])
    downstream = downstream_of(issuer, clock, grant=grant)
    await get(downstream, issuer)
    await get(downstream, issuer, issuer=other)

    assert len(issuer.forms) == 2


async def test_a_new_inbound_token_with_the_same_claims_shares_the_cache_entry(
    issuer: Issuer, clock: Clock
) -> None:
    downstream = downstream_of(issuer, clock)
    said = '{"org_id":"a","iat":%d,"nbf":%d,"exp":%d,"jti":"%d"}'
    for number in (1, 2):
        claims = (said % (number, number, number, number)).encode()
        await get(downstream, issuer, inbound=f"token {number}", claims_json=claims)

    assert len(issuer.forms) == 1


async def test_a_revoked_token_does_not_affect_a_valid_token_of_the_same_caller(
    issuer: Issuer, clock: Clock
) -> None:
    def answer(form: dict[str, str]) -> tuple[int, Any]:
        if form["subject_token"] == "withdrawn":
            return 400, {"error": "invalid_grant"}
        return granting(form)

    issuer.gate, issuer.answer = threading.Event(), answer
    downstream = downstream_of(issuer, clock)
    bad = asyncio.create_task(get(downstream, issuer, inbound="withdrawn"))
    good = asyncio.create_task(get(downstream, issuer, inbound="good"))
    while not issuer.forms:
        await asyncio.sleep(0)
    issuer.gate.set()

    with pytest.raises(GrantRefused):
        await bad
    assert await good == "token-orders-"


async def test_a_token_is_renewed_before_it_expires(issuer: Issuer, clock: Clock) -> None:
    downstream = downstream_of(issuer, clock)
    await get(downstream, issuer)
    clock.now += 269
    await get(downstream, issuer)
    clock.now += 2
    await get(downstream, issuer)

    assert len(issuer.forms) == 2


@pytest.mark.parametrize("life", [None, "soon", 0, -5, True])
async def test_a_token_of_unknown_lifetime_is_not_cached(
    issuer: Issuer, clock: Clock, life: object
) -> None:
    issuer.answer = lambda form: (200, {**granting(form)[1], "expires_in": life})
    downstream = downstream_of(issuer, clock)
    await get(downstream, issuer)
    await get(downstream, issuer)

    assert len(issuer.forms) == 2


async def test_no_token_is_cached_longer_than_max_age(issuer: Issuer, clock: Clock) -> None:
    downstream = downstream_of(issuer, clock, max_age=60)
    await get(downstream, issuer)
    clock.now += 61
    await get(downstream, issuer)

    assert len(issuer.forms) == 2


async def test_a_full_cache_evicts_the_least_recently_used_token(
    issuer: Issuer, clock: Clock
) -> None:
    downstream = downstream_of(issuer, clock, max_entries=2)
    for subject in ("a", "b", "c", "a"):
        await get(downstream, issuer, subject=subject)

    assert len(issuer.forms) == 4


async def test_a_hundred_concurrent_calls_send_one_token_request(
    issuer: Issuer, clock: Clock
) -> None:
    issuer.gate = threading.Event()
    downstream = downstream_of(issuer, clock)
    asking = asyncio.gather(*(get(downstream, issuer) for _ in range(100)))
    while not issuer.forms:
        await asyncio.sleep(0)
    issuer.gate.set()

    assert len(set(await asking)) == 1
    assert len(issuer.forms) == 1


async def test_a_cancelled_call_does_not_affect_concurrent_calls(
    issuer: Issuer, clock: Clock
) -> None:
    issuer.gate = threading.Event()
    downstream = downstream_of(issuer, clock)
    first = asyncio.create_task(get(downstream, issuer))
    second = asyncio.create_task(get(downstream, issuer))
    while not issuer.forms:
        await asyncio.sleep(0)
    first.cancel()
    issuer.gate.set()

    assert await second == "token-orders-"
    assert len(issuer.forms) == 1


async def test_a_refusal_is_not_cached(issuer: Issuer, clock: Clock) -> None:
    downstream = downstream_of(issuer, clock)
    issuer.answer = lambda _: (400, {"error": "consent_required"})
    with pytest.raises(SignInNeeded):
        await get(downstream, issuer)
    issuer.answer = granting

    assert await get(downstream, issuer) == "token-orders-"
