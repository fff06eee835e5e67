"""The circuit breaker: while a service does not respond, callers are refused at once."""

import asyncio
from typing import NoReturn

import pytest

from doorward.errors import DoorwardError, TokenRejected, Unavailable
from doorward.net.circuit_breaker import CircuitBreaker
from doorward.tokens.refusals import LookupUnavailable
from tests.tokens.clock import FakeClock


class Refused(Unavailable):
    """Nothing was asked."""


class Service:
    """Answers ``ok``, fails with ``failure``, or waits for ``gate``; counts its questions."""

    def __init__(self) -> None:
        self.failure: DoorwardError | None = None
        self.gate: asyncio.Event | None = None
        self.questions = 0

    async def __call__(self) -> str:
        self.questions += 1
        failure = self.failure
        if self.gate is not None:
            await self.gate.wait()
        if failure is not None:
            raise failure
        return "ok"


def breaker_of(time: FakeClock) -> CircuitBreaker:
    """Return a breaker whose refusals differ from those of the service."""
    return CircuitBreaker(lambda because, left: Refused(because, retry_after=left), time)


def silence(hold: int = 5) -> LookupUnavailable:
    return LookupUnavailable("nobody answers", hold=hold, silent=True)


async def refused(circuit_breaker: CircuitBreaker, service: Service) -> int:
    """Return the seconds after which the refused one may come again."""
    before = service.questions
    with pytest.raises(Refused) as refusal:
        await circuit_breaker.call(service)
    assert (service.questions, refusal.value.detail) == (before, "nobody answers")
    return refusal.value.retry_after


async def fall_silent(circuit_breaker: CircuitBreaker, service: Service, hold: int = 5) -> None:
    """Open the breaker with one call that gets no response."""
    service.failure = silence(hold)
    with pytest.raises(LookupUnavailable):
        await circuit_breaker.call(service)
    service.failure = None


async def test_an_open_breaker_refuses_callers_with_the_remaining_seconds() -> None:
    time, service = FakeClock(), Service()
    circuit_breaker = breaker_of(time)
    await fall_silent(circuit_breaker, service)

    told = []
    for passed in (0, 0.5, 3, 1.4):
        time.now += passed
        told.append(await refused(circuit_breaker, service))
    time.now += 0.1

    assert told == [5, 5, 2, 1]
    assert await circuit_breaker.call(service) == "ok"


async def test_after_the_pause_one_caller_probes_and_others_are_refused_at_once() -> None:
    time, service = FakeClock(), Service()
    circuit_breaker = breaker_of(time)
    await fall_silent(circuit_breaker, service)
    time.now += 5
    service.gate = asyncio.Event()

    first = asyncio.create_task(circuit_breaker.call(service))
    await asyncio.sleep(0)
    told = await refused(circuit_breaker, service)
    service.gate.set()

    assert (await first, told) == ("ok", 5)
    assert await circuit_breaker.call(service) == "ok"


async def test_a_failed_probe_restarts_the_pause() -> None:
    time, service = FakeClock(), Service()
    circuit_breaker = breaker_of(time)
    await fall_silent(circuit_breaker, service)
    time.now += 5
    await fall_silent(circuit_breaker, service)

    assert await refused(circuit_breaker, service) == 5


async def test_a_cancelled_probe_lets_the_next_caller_probe() -> None:
    time, service = FakeClock(), Service()
    circuit_breaker = breaker_of(time)
    await fall_silent(circuit_breaker, service)
    time.now += 5
    service.gate = asyncio.Event()
    first = asyncio.create_task(circuit_breaker.call(service))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    service.gate = None

    assert await circuit_breaker.call(service) == "ok"


async def test_one_slow_call_does_not_open_the_breaker_while_others_succeed() -> None:
    time, service = FakeClock(), Service()
    circuit_breaker = breaker_of(time)
    service.failure, service.gate = silence(), asyncio.Event()
    slow = asyncio.create_task(circuit_breaker.call(service))
    await asyncio.sleep(0)
    gate, service.failure, service.gate = service.gate, None, None
    await circuit_breaker.call(service)
    gate.set()
    with pytest.raises(LookupUnavailable):
        await slow

    assert await circuit_breaker.call(service) == "ok"


async def test_a_requested_pause_opens_the_breaker_although_other_calls_succeed() -> None:
    time, service = FakeClock(), Service()
    circuit_breaker = breaker_of(time)
    service.failure, service.gate = LookupUnavailable("nobody answers", hold=30), asyncio.Event()
    busy = asyncio.create_task(circuit_breaker.call(service))
    await asyncio.sleep(0)
    gate, service.failure, service.gate = service.gate, None, None
    await circuit_breaker.call(service)
    gate.set()
    with pytest.raises(LookupUnavailable):
        await busy

    assert await refused(circuit_breaker, service) == 30


@pytest.mark.parametrize("failure", [TokenRejected("no"), LookupUnavailable("500")])
async def test_a_refusal_closes_the_breaker(failure: DoorwardError) -> None:
    time, service = FakeClock(), Service()
    circuit_breaker = breaker_of(time)
    await fall_silent(circuit_breaker, service)
    time.now += 5
    service.failure = failure
    with pytest.raises(type(failure)):
        await circuit_breaker.call(service)
    service.failure, service.gate = None, asyncio.Event()
    both = asyncio.gather(circuit_breaker.call(service), circuit_breaker.call(service))
    await asyncio.sleep(0)
    service.gate.set()

    assert list(await both) == ["ok", "ok"]


async def test_a_response_in_flight_closes_the_breaker() -> None:
    time, service = FakeClock(), Service()
    circuit_breaker = breaker_of(time)
    service.gate = asyncio.Event()
    early = asyncio.create_task(circuit_breaker.call(service))
    await asyncio.sleep(0)
    gate, service.gate = service.gate, None
    await fall_silent(circuit_breaker, service)
    gate.set()
    await early

    assert await circuit_breaker.call(service) == "ok"


async def test_an_unexpected_exception_does_not_keep_the_breaker_open() -> None:
    time, service = FakeClock(), Service()
    circuit_breaker = breaker_of(time)
    await fall_silent(circuit_breaker, service)
    time.now += 5

    async def broken() -> NoReturn:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await circuit_breaker.call(broken)

    assert await circuit_breaker.call(service) == "ok"
