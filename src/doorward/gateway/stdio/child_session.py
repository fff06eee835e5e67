"""The MCP session with one process: ids of its own, and what the process sends by itself."""

import asyncio
import contextlib
import itertools
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from doorward.audit import escape_for_log
from doorward.gateway.stdio.process import Log, StdioProcess
from doorward.gateway.stdio.refusals import (
    StdioServerEnded,
    StdioServerNotStarted,
    StdioServerRefusal,
)
from doorward.gateway.stdio.settings import StdioCommand
from doorward.wire.jsonrpc.envelope import LEGACY_VERSIONS

_CLIENT_INFO = {"name": "doorward", "version": "1"}
_METHOD_NOT_FOUND = -32601
_MOST_EVENTS = 1000
_KEPT_LINES = 20
# A question of the process, and the client capability that it needs.
QUESTIONS: Mapping[str, str] = {
    "elicitation/create": "elicitation",
    "sampling/createMessage": "sampling",
    "roots/list": "roots",
}
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
Notified = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True)
class Event:
    """
    What the process sent about a call.

    ``kind`` is ``result`` or ``error`` at the end; before it come ``progress``, ``log`` and
    ``question``. A question has an ``id``, which ``ChildSession.answer`` takes.
    """

    kind: Literal["result", "error", "progress", "log", "question"]
    value: dict[str, Any]
    id: str | int | None = None


@dataclass(eq=False)
class Call:
    """A request that the process has not answered yet."""

    id: int
    events: asyncio.Queue[Event | StdioServerRefusal] = field(default_factory=asyncio.Queue)

    async def next(self, seconds: float) -> Event:
        """
        Return the next event.

        Raises:
            TimeoutError: nothing came for so long.
            StdioServerRefusal: nothing can come any more.
        """
        async with asyncio.timeout(seconds):
            event = await self.events.get()
        if isinstance(event, StdioServerRefusal):
            raise event
        return event

    def put(self, event: Event) -> None:
        """Queue an event; a client that reads slowly misses progress and logs, and nothing else."""
        if self.events.qsize() < _MOST_EVENTS or event.kind in ("result", "error", "question"):
            self.events.put_nowait(event)


class ChildSession:
    """
    One initialized session.

    ``declared`` are the client capabilities that the process was told of: it can only ask for
    those. ``notified`` gets the notifications that belong to no call.
    """

    def __init__(
        self, process: StdioProcess, declared: Mapping[str, Any], notified: Notified
    ) -> None:
        self._process = process
        self.declared = declared
        self._notified = notified
        self._numbers = itertools.count(1)
        self._calls: dict[int, Call] = {}
        self.initialized: dict[str, Any] = {}
        self.alive = True
        # What it printed on stdout and is no message; the first lines tell what it is.
        self.stray_lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def open(
        cls,
        command: StdioCommand,
        *,
        log: Log,
        user: Mapping[str, str],
        declared: Mapping[str, Any],
        notified: Notified,
    ) -> "ChildSession":
        """
        Start a process and initialize it.

        Raises:
            StdioServerNotStarted: it does not exist, ended, or did not answer in time.
        """
        process = await StdioProcess.start(command, log, user)
        session = cls(process, declared, notified)
        try:
            await session._initialize(command)
        except BaseException:
            session.alive = False
            process.kill()
            await session.close()
            raise
        return session

    async def _initialize(self, command: StdioCommand) -> None:
        params = {
            "protocolVersion": LEGACY_VERSIONS[-1],
            "capabilities": dict(self.declared),
            "clientInfo": _CLIENT_INFO,
        }
        try:
            event = await self.ask("initialize", params, command.limits.start)
        except TimeoutError:
            raise self._not_started(command, "it did not answer initialize in time") from None
        except (StdioServerEnded, ConnectionError):
            await self._process.end()
            status = self._process.exit_status
            raise self._not_started(command, f"it ended with status {status}") from None
        if event.kind == "error" or not isinstance(event.value.get("capabilities"), dict):
            raise self._not_started(command, "it did not answer initialize as an MCP server")
        self.initialized = event.value
        await self._send({"method": "notifications/initialized"})

    def _not_started(self, command: StdioCommand, problem: str) -> StdioServerNotStarted:
        said = " | ".join([*self.stray_lines, *self._process.last_lines][-3:])
        return StdioServerNotStarted(f"{command.name}: {problem}. It wrote: {said or 'nothing'}")

    @property
    def busy(self) -> bool:
        """Whether a call is in flight."""
        return bool(self._calls)

    async def begin(self, method: str, params: Mapping[str, Any], correlation_id: str = "") -> Call:
        """
        Send a request; ``end_call`` must follow.

        A progress token in ``params`` is replaced: two clients may have chosen the same one.

        Raises:
            StdioServerEnded: the process has ended.
        """
        call = Call(next(self._numbers))
        self._process.correlation_id = correlation_id
        meta = params.get("_meta")
        if isinstance(meta, Mapping) and "progressToken" in meta:
            params = {**params, "_meta": {**meta, "progressToken": call.id}}
        self._calls[call.id] = call
        try:
            await self._send({"id": call.id, "method": method, "params": params})
        except BaseException:
            self.end_call(call)
            raise
        return call

    async def ask(self, method: str, params: Mapping[str, Any], seconds: float) -> Event:
        """
        Return the result or the error of a request that no client waits for.

        Raises:
            TimeoutError: the process was silent for ``seconds``.
            StdioServerEnded: it ended.
        """
        call = await self.begin(method, params)
        try:
            while (event := await call.next(seconds)).kind not in ("result", "error"):
                pass
            return event
        finally:
            self.end_call(call)

    def end_call(self, call: Call) -> bool:
        """Stop waiting for a call. Return whether the process was still working on it."""
        return self._calls.pop(call.id, None) is not None and self.alive

    async def cancel(self, call: Call) -> None:
        """Stop waiting for a call, and tell the process."""
        if self.end_call(call):
            with contextlib.suppress(StdioServerEnded):
                params = {"requestId": call.id}
                await self._send({"method": "notifications/cancelled", "params": params})

    async def answer(self, question: Event, answer: Mapping[str, Any]) -> None:
        """Answer a question; ``answer`` has the member ``result`` or ``error``."""
        await self._send({"id": question.id, **answer})

    async def close(self) -> None:
        """End the process. Calls in flight end with ``StdioServerEnded``."""
        self._stop("it was stopped")
        await self._process.end()
        self._reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reading

    def kill(self) -> None:
        """End the process at once, without waiting."""
        self._stop("it was killed")
        self._process.kill()

    async def _send(self, message: Mapping[str, Any]) -> None:
        if not self.alive:
            raise StdioServerEnded("the process has ended")
        try:
            await self._process.write_line(_encode({"jsonrpc": "2.0", **message}))
        except (ConnectionError, RuntimeError):
            self._stop("it closed its stdin")
            raise StdioServerEnded("the process does not read its stdin") from None

    async def _read(self) -> None:
        problem = "it closed its stdout"
        try:
            while (line := await self._process.read_line()) is not None:
                await self._receive(line)
        except ValueError:
            # What follows is the middle of a message: nothing in it may be read as one.
            problem = "a message was longer than the limit"
        except StdioServerEnded as error:
            problem = error.detail
        finally:
            self._stop(problem)
            self._process.kill()

    def _stop(self, problem: str) -> None:
        if not self.alive:
            return
        self.alive = False
        for call in self._calls.values():
            call.events.put_nowait(StdioServerEnded(f"the process ended: {problem}"))

    async def _receive(self, line: bytes) -> None:
        try:
            message = _decode(line)
        except ValueError:
            # Servers print what they should log: it is no message, and it ends nothing.
            self.stray_lines.append(escape_for_log(line[:200].decode("utf-8", "replace").strip()))
            return
        if not isinstance(message, dict):
            return
        method, params = message.get("method"), message.get("params")
        params = params if isinstance(params, dict) else {}
        if method is None:
            self._answered(message)
        elif not isinstance(method, str):
            return
        elif "id" in message:
            await self._asked(method, params, message["id"])
        else:
            self._told(method, params)

    def _answered(self, message: dict[str, Any]) -> None:
        number = message.get("id")
        call = self._calls.get(number) if type(number) is int else None
        if call is None:
            return
        result, error = message.get("result"), message.get("error")
        if isinstance(result, dict):
            call.put(Event("result", result))
        else:
            call.put(Event("error", error if isinstance(error, dict) else {}))

    async def _asked(self, method: str, params: dict[str, Any], number: Any) -> None:
        if method == "ping":
            await self._send({"id": number, "result": {}})
            return
        calls = list(self._calls.values())
        if QUESTIONS.get(method) not in self.declared or not calls:
            error = {"code": _METHOD_NOT_FOUND, "message": "No client is there to answer this."}
            await self._send({"id": number, "error": error})
            return
        # stdio does not say which call asks. All calls are of one client, which shows the question.
        calls[-1].put(Event("question", {"method": method, "params": params}, number))

    def _told(self, method: str, params: dict[str, Any]) -> None:
        if method == "notifications/progress":
            token = params.get("progressToken")
            call = self._calls.get(token) if type(token) is int else None
            if call is not None:
                call.put(Event("progress", params))
        elif method == "notifications/message":
            if self._calls:
                next(reversed(self._calls.values())).put(Event("log", params))
        else:
            self._notified(method, params)
