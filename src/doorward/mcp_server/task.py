"""One task: a tool call that continues after its request has a response."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from doorward.identity import Identity, principal_of
from doorward.mcp_server.elicitation.input_requests import InputRequest, on_the_wire
from doorward.mcp_server.refusals import InvalidInputResponse, InvalidParams
from doorward.policy import Operation

Status = Literal["working", "input_required", "completed", "failed", "cancelled"]
POLL_MS = 1000


class Task:
    """
    The state of one task, which only its principal can use.

    ``clock`` gives seconds since 1970, ``ttl`` is in seconds. ``changed`` is called on every change
    that a client can see.

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
        self.started = asyncio.Event()
        self.work: asyncio.Task[Any] | None = None
        self.created = clock()
        self.expires = self.created + ttl
        self._clock = clock
        self._ttl = ttl
        self._changed = changed
        self._updated = self.created
        self._status: Status = "working"
        self._status_message: str | None = None
        self._outcome: dict[str, Any] = {}
        self._input_requests: dict[str, tuple[InputRequest[Any], asyncio.Future[Any]]] = {}

    @property
    def is_started(self) -> bool:
        """Say whether the response to the tool call is this task."""
        return self.started.is_set()

    @property
    def is_finished(self) -> bool:
        """Say whether the status is final."""
        return self._status in ("completed", "failed", "cancelled")

    async def start(self) -> None:
        """Let the tool call end with this task, and let its response be sent."""
        self.started.set()
        await asyncio.sleep(0)

    def set_status_message(self, message: str | None) -> None:
        """Set the message that the user sees beside the status."""
        if message is not None and not self.is_finished:
            self._status_message = message
            self._touch()

    async def request_input(self, requests: Mapping[str, InputRequest[Any]]) -> dict[str, Any]:
        """
        Wait for the client's responses to all of these, and return what they say.

        The caller makes sure that no key is used twice in one task.
        """
        loop = asyncio.get_running_loop()
        pending = {key: (one, loop.create_future()) for key, one in requests.items()}
        self._input_requests.update(pending)
        self._set("input_required")
        try:
            read = await asyncio.gather(*(future for _, future in pending.values()))
        finally:
            for key in pending:
                self._input_requests.pop(key, None)
        if not self._input_requests and not self.is_finished:
            self._set("working")
        return dict(zip(requests, read, strict=True))

    def provide_input(self, responses: Mapping[str, Any]) -> None:
        """
        Accept the client's responses; those to unknown requests are ignored.

        Raises:
            InvalidParams: a response does not fit its request, which stays open.
        """
        for key, response in responses.items():
            request, future = self._input_requests.get(key, (None, None))
            if request is None or future is None or future.done():
                continue
            if not isinstance(response, dict):
                raise InvalidParams("inputResponses must be an object of results")
            try:
                future.set_result(request.read(response))
            except InvalidInputResponse as error:
                raise InvalidParams(f"An input response {error}") from None
        self._touch()

    def complete(self, result: Mapping[str, Any]) -> None:
        """Finish with this result, which can have ``isError``."""
        self._finish("completed", {"result": dict(result)})

    def fail(self, error: Mapping[str, Any]) -> None:
        """Finish with the JSON-RPC error that the tool call would have had."""
        self._finish("failed", {"error": dict(error)})

    def cancel(self) -> None:
        """Cancel the work; a finished task stays as it is."""
        if not self.is_finished:
            self._finish("cancelled", {})
            if self.work is not None:
                self.work.cancel()

    def summary(self) -> dict[str, Any]:
        """Return the task without result, error or input requests."""
        shown: dict[str, Any] = {
            "taskId": self.id,
            "status": self._status,
            "createdAt": _iso(self.created),
            "lastUpdatedAt": _iso(self._updated),
            "ttlMs": int(self._ttl * 1000),
            "pollIntervalMs": POLL_MS,
        }
        return (
            shown
            if self._status_message is None
            else {**shown, "statusMessage": self._status_message}
        )

    def detailed(self) -> dict[str, Any]:
        """Return the task with its result, error or input requests. Spec: "DetailedTask"."""
        if self._status == "input_required":
            unanswered = {
                key: request
                for key, (request, future) in self._input_requests.items()
                if not future.done()
            }
            return {**self.summary(), "inputRequests": on_the_wire(unanswered)}
        return {**self.summary(), **self._outcome}

    def _finish(self, status: Status, outcome: dict[str, Any]) -> None:
        if not self.is_finished:
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
