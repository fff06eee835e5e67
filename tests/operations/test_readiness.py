"""What a process lacks, by name and in bounded time."""

import asyncio

from doorward.errors import ConfigurationError, Unavailable
from doorward.operations.readiness import Check, Readiness


class Clock:
    """A clock that a test moves by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def _fine() -> None:
    return None


async def test_nothing_is_missing_where_every_check_passes() -> None:
    report = await Readiness(lambda: [Check("database", _fine)]).report()

    assert report.is_ready
    assert (report.checked, report.missing) == (("database",), {})


async def test_what_is_missing_has_its_name_and_the_reason() -> None:
    async def older() -> str:
        return "schema-older"

    async def wrong() -> None:
        raise ConfigurationError("wrong-secret", "The secret postgres://u:hunter2@db is wrong.", "")

    async def down() -> None:
        raise Unavailable("postgres://u:hunter2@db")

    async def broken() -> None:
        raise OSError("postgres://u:hunter2@db")

    checks = {"a": older, "b": wrong, "c": down, "d": broken, "e": _fine}
    report = await Readiness(lambda: [Check(name, one) for name, one in checks.items()]).report()

    assert report.missing == {
        "a": "schema-older",
        "b": "wrong-secret",
        "c": "unavailable",
        "d": "check-failed",
    }


async def test_a_check_that_hangs_is_missing_and_is_not_started_twice() -> None:
    begun: list[str] = []
    never = asyncio.Event()

    async def hangs() -> None:
        begun.append("hangs")
        await never.wait()

    readiness = Readiness(
        lambda: [Check("database", hangs), Check("key", _fine)], timeout=0.01, reuse=0
    )
    first, second = await readiness.report(), await readiness.report()
    never.set()
    # The answer that came too late is the one of the next report.
    third = await readiness.report()

    assert first.missing == second.missing == {"database": "timed-out"}
    assert begun == ["hangs"]
    assert third.is_ready


async def test_many_callers_cause_one_check_and_a_report_is_used_again() -> None:
    clock = Clock()
    asked: list[float] = []

    async def asks() -> None:
        asked.append(clock.now)
        await asyncio.sleep(0)

    readiness = Readiness(lambda: [Check("database", asks)], reuse=1, clock=clock)
    await asyncio.gather(*(readiness.report() for _ in range(50)))
    clock.now = 0.5
    await readiness.report()
    clock.now = 1.5
    await readiness.report()

    assert asked == [0.0, 1.5]


async def test_a_caller_that_gives_up_does_not_end_the_report_of_the_others() -> None:
    go_on = asyncio.Event()

    async def waits() -> None:
        await go_on.wait()

    readiness = Readiness(lambda: [Check("database", waits)], timeout=30)
    hasty, patient = (asyncio.create_task(readiness.report()) for _ in range(2))
    await asyncio.sleep(0)
    hasty.cancel()
    await asyncio.wait({hasty})
    go_on.set()

    assert (await patient).is_ready
