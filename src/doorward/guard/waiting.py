"""Work that is watched only once it waits for something."""

from collections.abc import Awaitable, Callable, Generator
from types import coroutine
from typing import Any


@coroutine
def run_and_tell(work: Awaitable[None], waits: Callable[[], None]) -> Generator[Any, Any, None]:
    """
    Run ``work`` to its end, as ``await`` does, and call ``waits`` when it waits for the first time.

    Most requests are answered without waiting once, and nothing can happen to those meanwhile: no
    time passes for them. To ask asyncio which task this is costs a system call, on Python 3.11.
    """
    steps = work.__await__()
    try:
        waits_for = next(steps)
        waits()
        while True:
            try:
                given = yield waits_for
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is for the work
                waits_for = steps.throw(error)
            else:
                waits_for = steps.send(given)
    except StopIteration:
        return
