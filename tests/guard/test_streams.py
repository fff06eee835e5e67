"""A stream ends when its token expires."""

import asyncio
import gc

import anyio
import pytest

from doorward.wire.asgi import Message, Receive, Scope, Send
from tests.guard.bench import NOW, Bench, bearer, token
from tests.ledger import proves

EXPIRES = NOW + 600
LEEWAY = 30


async def watch(bench: Bench, app: object) -> list[Message]:
    """Open a stream with alice's token and return everything that was sent on it."""
    bench.guarded = bench.guard.protect(app)  # type: ignore[arg-type]
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(part: Message) -> None:
        sent.append(part)

    header = bearer(token("mcp:read"))["authorization"].encode()
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/mcp",
        "query_string": b"",
        "headers": [(b"host", b"mcp.example"), (b"authorization", header)],
    }
    async with asyncio.timeout(5):
        await bench.guarded(scope, receive, send)
    return sent


class Stream:
    """An application that sends ``events`` events and then waits for ever, or ends."""

    def __init__(self, events: int, *, ends: bool = False) -> None:
        self.events = events
        self.ends = ends
        self.tidied_up = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = (b"content-type", b"text/event-stream")
        await send({"type": "http.response.start", "status": 200, "headers": [kind]})
        try:
            for _ in range(self.events):
                await send({"type": "http.response.body", "body": b": hi\n\n", "more_body": True})
            if not self.ends:
                await asyncio.Event().wait()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self.tidied_up = True


@proves("S141", "refuses", "streams end with tokens")
@pytest.mark.parametrize("events", [0, 3])
async def test_a_stream_ends_when_its_token_expires(events: int) -> None:
    bench = Bench()
    bench.now = EXPIRES + LEEWAY - 0.02
    app = Stream(events)

    sent = await watch(bench, app)

    assert len(sent) == events + 2
    assert sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
    assert app.tidied_up


@proves("S141", "accepts", "streams end with tokens")
async def test_a_stream_that_ends_before_the_expiry_is_not_cut_off() -> None:
    bench = Bench()
    bench.now = EXPIRES + LEEWAY - 0.02

    sent = await watch(bench, Stream(2, ends=True))

    assert [part.get("body") for part in sent[1:]] == [b": hi\n\n", b": hi\n\n", b""]


@proves("S141", "accepts", "streams end with tokens")
async def test_work_after_the_response_is_not_cancelled() -> None:
    bench = Bench()
    bench.now = EXPIRES + LEEWAY - 0.01
    finished = False

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal finished
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"whole"})
        await asyncio.sleep(0.03)
        finished = True

    sent = await watch(bench, app)

    assert finished
    assert len(sent) == 2


async def test_a_timeout_raised_by_the_application_is_propagated() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise TimeoutError("a database")

    with pytest.raises(TimeoutError, match="a database"):
        await watch(Bench(), app)


async def test_a_stream_leaves_no_timer_behind() -> None:
    bench = Bench()
    await watch(bench, Stream(1, ends=True))
    gc.collect()

    handles = [
        handle
        for handle in asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
        if not handle.cancelled() and "Deadline" in repr(handle)
    ]
    assert handles == []


@proves("S141", "refuses", "streams end with tokens")
async def test_a_stream_sent_by_a_child_task_ends_when_its_token_expires() -> None:
    bench = Bench()
    bench.now = EXPIRES + LEEWAY - 0.02
    stream = Stream(2)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stream, scope, receive, send)

    sent = await watch(bench, app)

    assert len(sent) == 4
    assert sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
    assert stream.tidied_up


async def test_a_stream_task_can_be_cancelled_from_outside() -> None:
    waiting = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        waiting.set()
        await asyncio.Event().wait()

    serving = asyncio.create_task(watch(Bench(), app))
    await waiting.wait()
    serving.cancel()

    with pytest.raises(asyncio.CancelledError):
        await serving


async def test_an_application_that_suppresses_cancellation_leaves_no_cancellation_pending() -> None:
    bench = Bench()
    bench.now = EXPIRES + LEEWAY - 0.02

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)

    task = asyncio.current_task()
    assert task is not None
    sent = await watch(bench, app)

    assert len(sent) == 1
    assert task.cancelling() == 0
