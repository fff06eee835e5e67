"""Readiness: what a process lacks before it can serve, by name."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from doorward.errors import DoorwardError

_TIMED_OUT = "timed-out"


@dataclass(frozen=True)
class Check:
    """
    One thing that a process needs.

    ``problem`` returns why it is missing, as a stable word, or ``None``. Raising means missing too.
    """

    name: str
    problem: Callable[[], Awaitable[str | None]]


@dataclass(frozen=True)
class Report:
    """What was checked, and the reasons of what is missing."""

    checked: tuple[str, ...]
    missing: dict[str, str]

    @property
    def is_ready(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing


class Readiness:
    """
    The readiness of a process: ``checks`` returns what it needs now.

    A report comes after ``timeout`` seconds at the latest, and is used again for ``reuse`` seconds.
    Without that, strangers could make the database answer as often as they ask.
    """

    def __init__(
        self,
        checks: Callable[[], Sequence[Check]],
        *,
        timeout: float = 2.0,
        reuse: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._checks = checks
        self._timeout = timeout
        self._reuse = reuse
        self._clock = clock
        self._report: Report | None = None
        self._reported_at = float("-inf")
        self._reporting: asyncio.Task[Report] | None = None
        self._running: dict[str, asyncio.Task[str | None]] = {}

    @property
    def last(self) -> Report | None:
        """The last report, however old."""
        return self._report

    async def report(self) -> Report:
        """Return what is missing; all callers of one moment get the same report."""
        if self._report is not None and self._clock() - self._reported_at < self._reuse:
            return self._report
        if self._reporting is None or self._reporting.done():
            self._reporting = asyncio.create_task(self._make())
        # Shielded: the caller that gives up may be one of several.
        return await asyncio.shield(self._reporting)

    async def _make(self) -> Report:
        checks = self._checks()
        for check in checks:
            # A check that hangs is not started a second time: connections would pile up behind it.
            if check.name not in self._running:
                self._running[check.name] = asyncio.create_task(_problem(check))
        waited = {check.name: self._running[check.name] for check in checks}
        if waited:
            await asyncio.wait(waited.values(), timeout=self._timeout)
        found = {
            name: task.result() if task.done() else _TIMED_OUT for name, task in waited.items()
        }
        self._running = {name: one for name, one in self._running.items() if not one.done()}
        missing = {name: problem for name, problem in found.items() if problem is not None}
        self._report, self._reported_at = Report(tuple(waited), missing), self._clock()
        return self._report


async def _problem(check: Check) -> str | None:
    try:
        return await check.problem()
    except DoorwardError as error:
        return str(getattr(error, "reason", error.code))
    except Exception:  # noqa: BLE001 - its message could quote a URL with a password
        return "check-failed"
