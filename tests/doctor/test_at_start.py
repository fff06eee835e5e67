"""The check after a start runs beside the requests, and stops nothing."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from doorward.doctor import at_start
from doorward.doctor.at_start import DIFFERS, UNCHECKED, checked_at_start, report_differences
from doorward.guard import Guard
from doorward.policy import Policy, Rule
from doorward.wire.asgi import Message
from tests.e2e.processes import free_port


def _guard() -> Guard:
    return Guard(
        resource=f"http://127.0.0.1:{free_port()}/mcp",
        issuer="http://127.0.0.1:1",
        policy=Policy(base=Rule()),
    )


async def _no_wait(_seconds: float) -> None:
    return None


async def _app(_scope: Any, receive: Any, send: Any) -> None:
    for step in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{step}.complete"})


async def test_what_differs_outside_is_logged_with_its_code_after_the_start() -> None:
    checked: asyncio.Queue[str] = asyncio.Queue()
    sent: list[str] = []
    told: asyncio.Queue[Message] = asyncio.Queue()

    async def send(message: Message) -> None:
        sent.append(message["type"])

    async def wait(_seconds: float) -> None:
        # The start is complete by now, whatever the check finds.
        await checked.put(sent[-1])

    with capture_logs() as logged:
        app = checked_at_start(_app, _guard(), wait=wait)
        running = asyncio.ensure_future(app({"type": "lifespan"}, told.get, send))
        await told.put({"type": "lifespan.startup"})
        assert await checked.get() == "lifespan.startup.complete"
        while not logged:
            await asyncio.sleep(0)
        await told.put({"type": "lifespan.shutdown"})
        await running

    assert [(one["event"], one["code"], one["log_level"]) for one in logged] == [
        (DIFFERS, "connection-refused", "warning")
    ]
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_requests_pass_unchanged() -> None:
    seen: list[str] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope["type"])

    async def nothing(*_: Any) -> Any:
        return None

    await checked_at_start(app, _guard())({"type": "http"}, nothing, nothing)

    assert seen == ["http"]


async def test_a_check_that_fails_is_logged_and_ends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def failing(*_: Any) -> Any:
        raise ValueError("a secret of a driver")

    monkeypatch.setattr(at_start, "check", failing)
    told: list[tuple[str, dict[str, str]]] = []

    await report_differences([(_guard(), None)], lambda *one: told.append(one), _no_wait)

    assert [(event, facts["error"]) for event, facts in told] == [(UNCHECKED, "ValueError")]
    assert "secret" not in str(told)


async def test_a_process_that_stops_before_the_check_ends_it() -> None:
    async def for_ever(_seconds: float) -> None:
        await asyncio.Event().wait()

    told: asyncio.Queue[Message] = asyncio.Queue()
    for step in ("startup", "shutdown"):
        await told.put({"type": f"lifespan.{step}"})

    async def send(_message: Message) -> None:
        # The check has begun when the application goes on.
        await asyncio.sleep(0)

    await checked_at_start(_app, _guard(), wait=for_ever)({"type": "lifespan"}, told.get, send)

    assert [one for one in asyncio.all_tasks() if "report_differences" in repr(one)] == []
