"""The quick form of ``while_connected`` and the plain one have the same outcome."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.mcp_server.http import disconnect
from doorward.mcp_server.http.disconnect import watched, while_connected
from doorward.wire.asgi import ClientDisconnected, Receive

Watch = Callable[[Receive, Awaitable[str]], Awaitable[str]]


class Failed(Exception):
    """What the work raises."""


async def work_of(steps: list[str], trace: list[str]) -> str:
    """Wait, suppress cancellations, fail or return, as ``steps`` say."""
    for step in steps:
        trace.append(step)
        if step == "fail":
            raise Failed
        try:
            if step == "turn":
                await asyncio.sleep(0)
            elif step == "task":
                await asyncio.create_task(asyncio.sleep(0))
            elif step == "hang" or step == "stubborn":
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            trace.append("cancelled")
            if step != "stubborn":
                raise
    return "done"


async def outcome_of(watch: Watch, steps: list[str], messages: list[str]) -> tuple[Any, ...]:
    """Return what comes of the work, what it went through, and whether a cancellation is left."""
    trace: list[str] = []
    left = list(messages)

    async def receive() -> dict[str, Any]:
        if left:
            return {"type": left.pop(0)}
        await asyncio.sleep(0)
        return {"type": "http.disconnect"}

    async def serve() -> str:
        try:
            return await watch(receive, work_of(steps, trace))
        except ClientDisconnected:
            return "disconnected"
        except Failed:
            return "failed"

    task = asyncio.create_task(serve())
    return await task, trace, task.cancelling()


_STEPS = st.lists(st.sampled_from(["turn", "task", "fail", "go on"]), max_size=4)
# The work is cancelled once: after a step that suppresses this, nothing may wait for ever.
_WORK = st.tuples(_STEPS, st.sampled_from([[], ["hang"], ["stubborn"]]), _STEPS).map(
    lambda parts: [step for part in parts for step in part]
)


@given(
    steps=_WORK,
    # A guard replays one message at most.
    messages=st.sampled_from([[], ["http.request"], ["http.disconnect"]]),
)
def test_the_fast_path_and_the_reference_have_the_same_outcome(
    steps: list[str], messages: list[str]
) -> None:
    before = disconnect.WATCH_AFTER_SECONDS
    # At once: otherwise each example that hangs would take 20 ms.
    disconnect.WATCH_AFTER_SECONDS = 0
    try:
        quick = asyncio.run(outcome_of(while_connected, steps, messages))
        plain = asyncio.run(outcome_of(watched, steps, messages))
    finally:
        disconnect.WATCH_AFTER_SECONDS = before

    assert quick == plain


@pytest.mark.parametrize("watch", [while_connected, watched])
async def test_a_cancellation_from_outside_is_not_taken_for_a_disconnect(watch: Watch) -> None:
    trace: list[str] = []
    never = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await never.wait()
        return {}

    async def serve() -> str:
        return await watch(receive, work_of(["turn", "hang"], trace))

    task = asyncio.create_task(serve())
    while trace != ["turn", "hang"]:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert trace == ["turn", "hang", "cancelled"]
