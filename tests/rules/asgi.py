"""Requests to an ASGI application in this process, as bytes on a wire."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

App = Callable[[Any, Any, Any], Any]
Headers = tuple[tuple[bytes, bytes], ...]

PATIENCE = 200
"""Turns of the event loop that a request gets which does not end by itself, such as a stream."""


@dataclass(frozen=True)
class Request:
    """One HTTP request; ``ends`` is false for a request whose answer is a stream without an end."""

    body: bytes
    headers: Headers = ()
    verb: str = "POST"
    path: str = "/mcp"
    ends: bool = True


@dataclass(frozen=True)
class Answer:
    """One HTTP answer; ``status`` is 0 where none came."""

    status: int
    headers: Headers
    body: bytes

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Return every JSON message of the answer, which may be a stream of them."""
        if b"data: {" in self.body:
            lines = self.body.decode().splitlines()
            return [json.loads(one[6:]) for one in lines if one.startswith("data: {")]
        try:
            found = json.loads(self.body)
        except ValueError:
            return []
        return [found] if isinstance(found, dict) else []

    @property
    def result(self) -> dict[str, Any]:
        """Return the result, or an empty one."""
        found = self.messages[-1].get("result") if self.messages else None
        return found if isinstance(found, dict) else {}

    @property
    def session(self) -> bytes | None:
        """Return the id of the session that the answer opened."""
        return dict(self.headers).get(b"mcp-session-id")


@asynccontextmanager
async def started(app: App) -> AsyncIterator[None]:
    """Run the lifespan of ``app``. Raises: whatever its start raises."""
    asked: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    answered: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    task = asyncio.create_task(app({"type": "lifespan", "state": {}}, asked.get, answered.put))
    await _lifespan_event("startup", asked, answered, task)
    try:
        yield
    finally:
        await _lifespan_event("shutdown", asked, answered, task)
        await asyncio.gather(task, return_exceptions=True)


async def _lifespan_event(
    what: str,
    asked: asyncio.Queue[dict[str, Any]],
    answered: asyncio.Queue[dict[str, Any]],
    task: "asyncio.Task[Any]",
) -> None:
    await asked.put({"type": f"lifespan.{what}"})
    answer = asyncio.ensure_future(answered.get())
    await asyncio.wait({task, answer}, return_when=asyncio.FIRST_COMPLETED)
    answer.cancel()
    if task.done() and (error := task.exception()) is not None:
        raise error


async def send(
    app: App, request: Request, meanwhile: Callable[[], Awaitable[None]] | None = None
) -> Answer:
    """
    Send one request and return what came; a stream is cut once nothing comes any more.

    ``meanwhile`` runs once the request waits.
    """
    parts: list[bytes] = []
    begun: list[Any] = []
    over, bodies = asyncio.Event(), [request.body]

    async def receive() -> dict[str, Any]:
        if bodies:
            return {"type": "http.request", "body": bodies.pop(), "more_body": False}
        await over.wait()
        return {"type": "http.disconnect"}

    async def sent(message: Any) -> None:
        if message["type"] == "http.response.start":
            begun.append(message)
            return
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            over.set()

    task = asyncio.create_task(app(_scope(request), receive, sent))
    if meanwhile is not None:
        await _turns(task)
        await meanwhile()
    if not request.ends:
        await _turns(task)
        over.set()
    await asyncio.wait({task}, timeout=10)
    if not task.done():
        task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    if not begun:
        return Answer(0, (), b"")
    return Answer(begun[0]["status"], tuple(begun[0]["headers"]), b"".join(parts))


def _scope(request: Request) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.verb,
        "scheme": "https",
        "path": request.path,
        "raw_path": request.path.encode("utf-8", "surrogateescape"),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"mcp.example"), *request.headers],
        "client": ("192.0.2.1", 40000),
        "server": ("mcp.example", 443),
        "state": {},
    }


async def _turns(task: "asyncio.Task[Any]") -> None:
    for _ in range(PATIENCE):
        await asyncio.sleep(0)
        if task.done():
            return
