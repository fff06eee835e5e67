"""One load for concurrent callers, and a cache with a bounded lifetime."""

import asyncio
import gc

import pytest

from doorward.net import Expiring, FetchFailed, SingleFlight, SingleFlightCache
from tests.ledger import proves


class Source:
    """Something slow that counts how often it is asked."""

    def __init__(self, max_age: float | None = None) -> None:
        self.asked = 0
        self.max_age = max_age
        self.gate = asyncio.Event()
        self.gate.set()
        self.failure: Exception | None = None

    async def load(self) -> Expiring[int]:
        self.asked += 1
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return Expiring(self.asked, self.max_age)


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def cache(time: Time, entries: int = 10) -> SingleFlightCache[str, int]:
    return SingleFlightCache(floor=60, ceiling=3600, entries=entries, clock=time)


@proves("S77", "accepts", "document cache")
@pytest.mark.parametrize(
    ("max_age", "kept"),
    [
        pytest.param(600, 600, id="as-said"),
        pytest.param(0, 60, id="floor"),
        pytest.param(10**9, 3600, id="ceiling"),
        pytest.param(None, 60, id="nothing-said"),
    ],
)
async def test_a_value_is_cached_for_its_max_age_between_floor_and_ceiling(
    max_age: float | None, kept: float
) -> None:
    time, source = Time(), Source(max_age)
    values = cache(time)

    assert await values.get("a", source.load) == 1
    time.now += kept - 0.1
    assert await values.get("a", source.load) == 1
    assert values.peek("a") == 1
    time.now += 0.1
    assert values.peek("a") is None
    assert await values.get("a", source.load) == 2


@proves("S77", "accepts", "document cache")
async def test_concurrent_callers_cause_one_load() -> None:
    source = Source()
    source.gate.clear()
    values = cache(Time())
    waiting = [asyncio.create_task(values.get("a", source.load)) for _ in range(50)]
    await asyncio.sleep(0)
    source.gate.set()

    assert await asyncio.gather(*waiting) == [1] * 50
    assert source.asked == 1


@proves("S77", "refuses", "document cache")
async def test_an_error_reaches_every_waiting_caller_and_is_not_cached() -> None:
    source = Source()
    source.gate.clear()
    source.failure = FetchFailed("down")
    values = cache(Time())
    waiting = [asyncio.create_task(values.get("a", source.load)) for _ in range(3)]
    await asyncio.sleep(0)
    source.gate.set()

    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [FetchFailed] * 3
    assert source.asked == 1

    source.failure = None
    assert await values.get("a", source.load) == 2


@proves("S77", "refuses", "document cache")
async def test_the_least_recently_used_value_is_evicted_when_the_cache_is_full() -> None:
    source, values = Source(), cache(Time(), entries=2)
    await values.get("a", source.load)
    await values.get("b", source.load)
    await values.get("a", source.load)
    await values.get("c", source.load)

    assert len(values) == 2
    assert values.peek("b") is None
    assert (values.peek("a"), values.peek("c")) == (1, 3)


async def test_a_cancelled_caller_does_not_affect_the_others() -> None:
    source = Source()
    source.gate.clear()
    values = cache(Time())
    first = asyncio.create_task(values.get("a", source.load))
    second = asyncio.create_task(values.get("a", source.load))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    source.gate.set()

    assert await second == 1
    assert first.cancelled()
    assert source.asked == 1


async def test_a_failure_without_a_waiting_caller_is_not_reported() -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, said: complaints.append(said))
    source = Source()
    source.gate.clear()
    source.failure = FetchFailed("down")
    flight: SingleFlight[str, Expiring[int]] = SingleFlight()
    only = asyncio.create_task(flight.run("a", source.load))
    await asyncio.sleep(0)
    only.cancel()
    await asyncio.sleep(0)
    source.gate.set()
    for _ in range(5):
        await asyncio.sleep(0)
    gc.collect()

    assert complaints == []
    source.failure = None
    assert (await flight.run("a", source.load)).value == 2


async def test_a_cached_value_can_be_removed() -> None:
    source, values = Source(), cache(Time())
    await values.get("a", source.load)
    values.forget("a")
    values.forget("b")

    assert await values.get("a", source.load) == 2


async def test_setting_the_clock_back_does_not_prolong_a_cached_value() -> None:
    time, source = Time(), Source(max_age=60)
    values = cache(time)
    await values.get("a", source.load)

    time.now -= 900
    assert values.peek("a") is None
    assert await values.get("a", source.load) == 2

    time.now += 59
    assert await values.get("a", source.load) == 2
    time.now += 1
    assert await values.get("a", source.load) == 3


async def test_closing_cancels_a_load_in_flight() -> None:
    flight, source = SingleFlight[str, Expiring[int]](), Source()
    source.gate.clear()
    waiting = asyncio.create_task(flight.run("a", source.load))
    await asyncio.sleep(0)
    assert flight.in_flight("a")

    await flight.aclose()

    assert not flight.in_flight("a")
    with pytest.raises(asyncio.CancelledError):
        await waiting
