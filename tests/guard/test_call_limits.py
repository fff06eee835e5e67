"""Limits per caller: how often, and how many at once, one caller may do what a rule decides."""

import asyncio
from typing import Any

import pytest

from doorward.errors import ConfigurationError
from doorward.guard.call_limits import CallLimits
from doorward.guard.refusals import TooManyCalls
from doorward.net.clock import TimeRange
from doorward.policy import EVERY, Policy, Rule
from doorward.policy.call_limits import CallLimit, RuleLimit
from tests.guard.bench import MINT, NOW, Bench, bearer, error, message, token
from tests.ledger import proves

POLICY = Policy(
    rules={
        ("tools/call", "refund"): Rule(limit="2 per minute"),
        ("tools/call", "slow"): Rule(concurrent=1),
        ("tools/call", "hours"): Rule(public=True, limit="2/minute"),
        ("tools/call", EVERY): Rule(limit="3/minute"),
    },
)


def of(name: str, **claims: Any) -> dict[str, str]:
    """Return the header of a user."""
    return bearer(MINT.mint(name, scopes=(), **claims))


async def calls(at: Bench, tool: str, times: int, **headers: str) -> list[int]:
    """Call a tool several times and return the statuses."""
    asked = message("tools/call", name=tool, arguments={})
    return [(await at.ask(json=asked, headers=headers)).status_code for _ in range(times)]


@proves("S163", "accepts", "limits per principal")
async def test_a_caller_calls_as_often_as_the_rule_says() -> None:
    at = Bench(policy=POLICY)

    assert await calls(at, "refund", 2, **of("alice")) == [200, 200]


@proves("S163", "refuses", "limits per principal")
async def test_one_call_too_many_is_429_with_the_seconds_to_wait() -> None:
    at = Bench(policy=POLICY)
    await calls(at, "refund", 2, **of("alice"))

    at.now += 20
    asked = message("tools/call", name="refund", arguments={})
    answer = await at.ask(json=asked, headers=of("alice"))

    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "41"
    assert error(answer)["data"]["reason"] == "too-many-calls"
    assert error(answer)["data"]["retry_after"] == 41
    assert "41 seconds" in error(answer)["message"]
    assert answer.json()["id"] == 1
    assert len(at.seen) == 2
    assert at.events[-1].reason == "too-many-calls"
    at.now += 41
    assert await calls(at, "refund", 1, **of("alice")) == [200]


async def test_nobody_is_locked_out_by_the_calls_of_another() -> None:
    at = Bench(policy=POLICY)

    assert await calls(at, "refund", 3, **of("alice")) == [200, 200, 429]
    assert await calls(at, "refund", 3, **of("bob")) == [200, 200, 429]


async def test_another_client_or_token_of_a_user_is_no_new_count() -> None:
    at = Bench(policy=POLICY)
    await calls(at, "refund", 2, **of("alice", client_id="one"))

    assert await calls(at, "refund", 1, **of("alice", client_id="two", jti="other")) == [429]


async def test_tools_that_share_a_rule_share_its_count_and_others_do_not() -> None:
    at = Bench(policy=POLICY)

    assert await calls(at, "refund", 3, **of("alice")) == [200, 200, 429]
    assert await calls(at, "one", 2, **of("alice")) == [200, 200]
    assert await calls(at, "two", 2, **of("alice")) == [200, 429]


async def test_the_limit_of_the_base_rule_counts_every_request() -> None:
    policy = Policy(base=Rule(limit="3/minute"), rules={("tools/call", EVERY): Rule()})
    at = Bench(policy=policy)
    ping = message("ping")

    assert await calls(at, "a", 2, **of("alice")) == [200, 200]
    assert (await at.ask(json=ping, headers=of("alice"))).status_code == 200
    assert (await at.ask(json=ping, headers=of("alice"))).status_code == 429
    assert await calls(at, "a", 1, **of("bob")) == [200]


async def test_a_refused_call_is_not_counted() -> None:
    rules = {("tools/call", "refund"): Rule("refunds", limit="1/minute")}
    at = Bench(policy=Policy(rules=rules))

    assert await calls(at, "refund", 3, **of("alice")) == [403, 403, 403]
    assert await calls(at, "refund", 1, **bearer(token("refunds"))) == [200]


async def test_callers_without_a_token_are_counted_by_address() -> None:
    at = Bench(policy=POLICY, trusted_proxies=["127.0.0.1"])
    first, second = {"x-forwarded-for": "203.0.113.1"}, {"x-forwarded-for": "2001:db8::1"}
    same_network = {"x-forwarded-for": "2001:db8::2"}

    assert await calls(at, "hours", 3, **first) == [200, 200, 429]
    assert await calls(at, "hours", 1, **second) == [200]
    assert await calls(at, "hours", 2, **same_network) == [200, 429]
    # Somebody who signs in has a count of their own.
    assert await calls(at, "hours", 3, **first, **of("alice")) == [200, 200, 429]


async def test_an_invented_address_is_no_new_count() -> None:
    at = Bench(policy=POLICY)

    statuses = [
        (await calls(at, "hours", 1, **{"x-forwarded-for": f"203.0.113.{one}"}))[0]
        for one in range(3)
    ]

    assert statuses == [200, 200, 429]


async def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    at = Bench(policy=POLICY)
    await calls(at, "refund", 3, **of("alice"))

    at.now -= 25

    assert await calls(at, "refund", 1, **of("alice")) == [200]


class Slow(Bench):
    """An application whose calls end when the test says so."""

    def __init__(self, **options: Any) -> None:
        self.entered, self.may_end = asyncio.Event(), asyncio.Event()
        super().__init__(**options)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        """Wait, then answer."""
        self.entered.set()
        await self.may_end.wait()
        await super().app(scope, receive, send)


@proves("S163", "refuses", "limits per principal")
async def test_a_second_call_at_the_same_time_is_refused_until_the_first_has_ended() -> None:
    at = Slow(policy=POLICY)
    first = asyncio.create_task(calls(at, "slow", 1, **of("alice")))
    await at.entered.wait()

    second = await at.ask(json=message("tools/call", name="slow"), headers=of("alice"))
    assert second.status_code == 429
    assert error(second)["data"]["reason"] == "too-many-at-once"
    assert second.headers["retry-after"] == "1"

    other = asyncio.create_task(calls(at, "slow", 1, **of("bob")))
    at.may_end.set()
    assert await first == [200]
    assert await other == [200]
    assert await calls(at, "slow", 2, **of("alice")) == [200, 200]


async def test_a_call_that_fails_or_is_cancelled_gives_its_place_back() -> None:
    at = Slow(policy=POLICY)
    first = asyncio.create_task(calls(at, "slow", 1, **of("alice")))
    await at.entered.wait()

    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    at.may_end.set()

    assert await calls(at, "slow", 1, **of("alice")) == [200]


LIMITS = (RuleLimit("tools/call refund", CallLimit("2/minute", 5)),)


class OneCounter:
    """A counter that two processes share."""

    def __init__(self) -> None:
        self.count, self.window = 0, TimeRange(NOW, NOW + 60)
        self.keys: set[tuple[str, int]] = set()

    async def add(self, key: str, period: int) -> "OneCounter":
        """Count."""
        self.keys.add((key, period))
        self.count += 1
        return self


@proves("S163", "accepts", "limits per principal")
async def test_processes_with_shared_counters_count_together() -> None:
    shared = OneCounter()
    first, second = CallLimits(lambda: NOW, shared), CallLimits(lambda: NOW, shared)

    await first.admit(LIMITS, "issuer alice")
    await second.admit(LIMITS, "issuer alice")
    with pytest.raises(TooManyCalls) as refused:
        await first.admit(LIMITS, "issuer alice")

    assert refused.value.headers == {"Retry-After": "61"}
    assert len(shared.keys) == 1


async def test_a_refused_call_takes_no_place_and_no_memory() -> None:
    limits = CallLimits(lambda: NOW)
    for _ in range(2):
        (await limits.admit(LIMITS, "issuer alice"))()
    for _ in range(9):
        with pytest.raises(TooManyCalls):
            await limits.admit(LIMITS, "issuer alice")

    assert not limits._running


@pytest.mark.parametrize("written", [{"limit": "often"}, {"limit": "0/minute"}, {"concurrent": 0}])
def test_a_limit_that_is_no_rate_is_refused(written: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Rule(**written)

    assert refused.value.reason == "not-a-rate"
