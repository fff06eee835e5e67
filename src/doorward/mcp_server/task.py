"""One task: work that goes on after its request was answered."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from doorward.identity import Identity
from doorward.mcp_server.elicitation.input_requests import InputRequest, InvalidInputResponse
from doorward.mcp_server.refusals import InvalidParams
from doorward.mcp_server.request_context import principal_of
from doorward.policy import Operation

Status = Literal["working", "input_required", "completed", "failed", "cancelled"]
POLL_MS = 1000


class Task:
    """
    The state of one task, for whoever began it and nobody else.

    ``clock`` gives seconds since 1970, ``ttl`` is in seconds; ``changed`` is called whenever the
    task looks different from outside.

    Spec: MCP extension io.modelcontextprotocol/tasks, "Tasks"
    """

    def __init__(
        self,
        caller: Identity | None,
        operation: Operation,
        *,
        clock: Callable[[], float],
        ttl: float,
        changed: Callable[["Task"], None],
    ) -> None:
        self.id = secrets.token_urlsafe(24)
        self.caller = caller
        self.principal = principal_of(caller)
        self.operation = operation
        self.began = asyncio.Event()
        self.runner: asyncio.Task[Any] | None = None
        self.created = clock()
        self.expires = self.created + ttl
        self._clock = clock
        self._ttl = ttl
        self._changed = changed
        self._updated = self.created
        self._status: Status = "working"
        self._said: str | None = None
        self._outcome: dict[str, Any] = {}
        self._questions: dict[str, tuple[InputRequest[Any], asyncio.Future[Any]]] = {}

    @property
    def is_started(self) -> bool:
        """Say whether the request was answered with this task."""
        return self.began.is_set()

    @property
    def is_over(self) -> bool:
        """Say whether the status will not change any more."""
        return self._status in ("completed", "failed", "cancelled")

    async def begin(self) -> None:
        """Let the request be answered with this task, and give it the time to."""
        self.began.set()
        await asyncio.sleep(0)

    def say(self, message: str | None) -> None:
        """Put a message for the user beside the status."""
        if message is not None and not self.is_over:
            self._said = message
            self._touch()

    async def ask(self, questions: Mapping[str, InputRequest[Any]]) -> dict[str, Any]:
        """
        Wait for the client to answer all of these; returns what is read in the answers.

        The caller sees to it that no key is used twice in the life of the task.
        """
        loop = asyncio.get_running_loop()
        waiting = {key: (one, loop.create_future()) for key, one in questions.items()}
        self._questions.update(waiting)
        self._set("input_required")
        try:
            read = await asyncio.gather(*(future for _, future in waiting.values()))
        finally:
            for key in waiting:
                self._questions.pop(key, None)
        if not self._questions and not self.is_over:
            self._set("working")
        return dict(zip(questions, read, strict=True))

    def answer(self, answers: Mapping[str, Any]) -> None:
        """
        Take the client's answers; those to no open question are left aside.

        Raises:
            InvalidParams: an answer is not one to its question, which stays open.
        """
        for key, answer in answers.items():
            question, future = self._questions.get(key, (None, None))
            if question is None or future is None or future.done():
                continue
            if not isinstance(answer, dict):
                raise InvalidParams("inputResponses must be an object of results")
            try:
                future.set_result(question.read(answer))
            except InvalidInputResponse as bad:
                raise InvalidParams(f"An input response {bad}") from None
        self._touch()

    def complete(self, result: Mapping[str, Any]) -> None:
        """Keep the result; one that says ``isError`` is a result like any other."""
        self._finish("completed", {"result": dict(result)})

    def fail(self, error: Mapping[str, Any]) -> None:
        """Keep the JSON-RPC error that the request would have been answered with."""
        self._finish("failed", {"error": dict(error)})

    def cancel(self) -> None:
        """Stop the work and say so; nothing when it is over already."""
        if not self.is_over:
            self._finish("cancelled", {})
            if self.runner is not None:
                self.runner.cancel()

    def summary(self) -> dict[str, Any]:
        """Return the task as its creation is answered: without result, error or questions."""
        shown: dict[str, Any] = {
            "taskId": self.id,
            "status": self._status,
            "createdAt": _iso(self.created),
            "lastUpdatedAt": _iso(self._updated),
            "ttlMs": int(self._ttl * 1000),
            "pollIntervalMs": POLL_MS,
        }
        return shown if self._said is None else {**shown, "statusMessage": self._said}

    def detailed(self) -> dict[str, Any]:
        """Return the task with all that its status brings. Spec: "DetailedTask"."""
        if self._status == "input_required":
            open_ones = {
                key: q for key, (q, future) in self._questions.items() if not future.done()
            }
            asked = {
                key: {"method": one.method, "params": one.params()}
                for key, one in open_ones.items()
            }
            return {**self.summary(), "inputRequests": asked}
        return {**self.summary(), **self._outcome}

    def _finish(self, status: Status, outcome: dict[str, Any]) -> None:
        if not self.is_over:
            self._outcome = outcome
            self._set(status)

    def _set(self, status: Status) -> None:
        self._status = status
        self._touch()

    def _touch(self) -> None:
        self._updated = self._clock()
        self._changed(self)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
