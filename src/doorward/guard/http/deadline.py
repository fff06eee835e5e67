"""A time at which a task is ended, set while the task is already running."""

import asyncio


class Deadline:
    """
    End ``task`` after ``seconds``, as ``asyncio.timeout`` would.

    That one must be entered before anybody knows whether it is needed, and for most answers it is
    not: entering it costs a twentieth of a whole request.
    """

    __slots__ = ("_before", "_task", "_timer", "passed")

    def __init__(self, task: "asyncio.Task[object]", seconds: float) -> None:
        self._task = task
        self._before = task.cancelling()
        self.passed = False
        self._timer = asyncio.get_running_loop().call_later(seconds, self._pass)

    def _pass(self) -> None:
        self.passed = True
        self._task.cancel()

    def lift(self) -> None:
        """Let the task run as long as it likes, when the time is not over yet."""
        self._timer.cancel()

    def ended_it(self) -> bool:
        """Say whether the task is being cancelled by this deadline, and by nobody else as well."""
        return self.passed and self._task.cancelling() <= self._before + 1

    def close(self) -> None:
        """Leave no timer and no cancellation behind."""
        self._timer.cancel()
        if self.passed:
            self._task.uncancel()
