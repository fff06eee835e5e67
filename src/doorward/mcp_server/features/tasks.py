"""Tasks: tool calls that are answered with a handle, and the methods that take one."""

import asyncio
from collections.abc import Callable
from typing import Literal

import msgspec

from doorward.mcp_server.refusals import (
    InternalFailure,
    InvalidParams,
    MissingCapability,
    ProtocolRefusal,
    TooManyTasks,
)
from doorward.mcp_server.registry.access_rules import AccessRules
from doorward.mcp_server.request_context import InterimResult, Method, RequestContext, principal_of
from doorward.mcp_server.streams.subscriptions import Subscriptions, task_topic
from doorward.mcp_server.task import Task
from doorward.policy import Operation

EXTENSION = "io.modelcontextprotocol/tasks"
TaskSupport = Literal["optional", "required", "deferred"]
METHODS = ("tasks/get", "tasks/update", "tasks/cancel")
MAX_PER_CALLER = 100
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Tasks:
    """
    The tasks of a server, in this process; ``ttl`` is in seconds from their creation.

    Each is closed to everybody but its principal, even to somebody who knows its id, and to its
    principal too once the tool is no longer theirs to use.
    """

    def __init__(
        self,
        access_rules: AccessRules,
        subscriptions: Subscriptions,
        clock: Callable[[], float],
        *,
        ttl: float,
        most: int,
    ) -> None:
        self._access_rules = access_rules
        self._subscriptions = subscriptions
        self._clock = clock
        self._ttl = ttl
        self._most = most
        self._tasks: dict[str, Task] = {}

    @property
    def methods(self) -> dict[str, Method]:
        """The methods of the extension."""
        return {"tasks/get": self.get, "tasks/update": self.update, "tasks/cancel": self.cancel}

    async def run(
        self, support: TaskSupport, operation: Operation, work: Method, request: RequestContext
    ) -> bytes:
        """
        Answer a call of a tool that may become a task.

        Raises:
            Interim: it became a task, or asks for input before it does.
            MissingCapability: it must become one, and the client does not know tasks.
            TooManyTasks: there is no room for one more.

        Spec: MCP extension io.modelcontextprotocol/tasks, "Capability Negotiation"
        """
        if not (request.revision.modern and declares_tasks(request)):
            if support == "optional":
                return await work(request)
            raise MissingCapability({"extensions": {EXTENSION: {}}})
        task = self._new(request, operation)
        request.task = task
        if support != "deferred":
            task.began.set()
        # Of a coroutine of its own from the start: it goes on when the request is long over.
        task.runner = asyncio.create_task(self._run_task(task, work, request))
        began = asyncio.create_task(task.began.wait())
        try:
            await asyncio.wait({task.runner, began}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            began.cancel()
            if not task.is_started:
                self._tasks.pop(task.id, None)
                task.runner.cancel()
        if task.is_started:
            raise InterimResult("task", _encode(task.summary())[1:-1])
        members: bytes = await task.runner
        return members

    def find(self, request: RequestContext, task_id: object) -> Task:
        """
        Return a task of this caller.

        Raises:
            InvalidParams: in the same words whether there is none or it is somebody else's.
        """
        self._prune()
        task = self._tasks.get(task_id) if isinstance(task_id, str) else None
        if (
            task is None
            or task.principal != principal_of(request.identity)
            or not self._access_rules.may_continue(request.identity, task.operation, task.caller)
        ):
            raise InvalidParams("Unknown task")
        return task

    def may_subscribe(self, request: RequestContext, task_id: str) -> bool:
        """Say whether this is a task of this caller. Raises: MissingCapability."""
        require_tasks(request)
        try:
            self.find(request, task_id)
        except InvalidParams:
            return False
        return True

    async def get(self, request: RequestContext) -> bytes:
        """Answer ``tasks/get``. Raises: InvalidParams, MissingCapability."""
        require_tasks(request)
        return _encode(self.find(request, request.params.get("taskId")).detailed())[1:-1]

    async def update(self, request: RequestContext) -> bytes:
        """Answer ``tasks/update``. Raises: InvalidParams, MissingCapability."""
        require_tasks(request)
        task = self.find(request, request.params.get("taskId"))
        answers = request.params.get("inputResponses")
        if not isinstance(answers, dict):
            raise InvalidParams("inputResponses must be an object of results")
        task.answer(answers)
        return b""

    async def cancel(self, request: RequestContext) -> bytes:
        """Answer ``tasks/cancel``. Raises: InvalidParams, MissingCapability."""
        require_tasks(request)
        self.find(request, request.params.get("taskId")).cancel()
        return b""

    def close_all(self) -> None:
        """Stop all work: the process is going."""
        for task in self._tasks.values():
            task.cancel()

    def _new(self, request: RequestContext, operation: Operation) -> Task:
        self._prune()
        principal = principal_of(request.identity)
        of_this_one = sum(1 for task in self._tasks.values() if task.principal == principal)
        if len(self._tasks) >= self._most or (
            principal is not None and of_this_one >= MAX_PER_CALLER
        ):
            raise TooManyTasks("There are too many tasks; try again later")
        task = Task(
            request.identity, operation, clock=self._clock, ttl=self._ttl, changed=self._publish
        )
        self._tasks[task.id] = task
        return task

    async def _run_task(self, task: Task, work: Method, request: RequestContext) -> bytes:
        try:
            members = await work(request)
        except ProtocolRefusal as refusal:
            if not task.is_started:
                raise
            task.fail({"code": refusal.jsonrpc_code, "message": refusal.message})
            return b""
        except BaseException:
            # A cancellation of the author's own making: nobody may poll it for ever.
            task.fail({"code": InternalFailure.jsonrpc_code, "message": "The work was stopped."})
            raise
        if task.is_started:
            task.complete(_decode(b"{%b}" % members))
        return members

    def _prune(self) -> None:
        now = self._clock()
        for task in [task for task in self._tasks.values() if task.expires <= now]:
            task.cancel()
            del self._tasks[task.id]

    def _publish(self, task: Task) -> None:
        self._subscriptions.publish(task_topic(task.id), "notifications/tasks", task.detailed())


def declares_tasks(request: RequestContext) -> bool:
    """Say whether the client declared the extension in this request."""
    extensions = request.capabilities.get("extensions")
    return isinstance(extensions, dict) and isinstance(extensions.get(EXTENSION), dict)


def require_tasks(request: RequestContext) -> None:
    """Let a client pass that knows tasks. Raises: MissingCapability."""
    if not declares_tasks(request):
        raise MissingCapability({"extensions": {EXTENSION: {}}})
