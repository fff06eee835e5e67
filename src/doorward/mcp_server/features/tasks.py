"""Tool calls that continue as tasks, and the methods of the tasks extension."""

import asyncio
from collections.abc import Callable
from typing import Literal

from doorward.identity import principal_of
from doorward.mcp_server.refusals import (
    InternalFailure,
    InvalidParams,
    MissingCapability,
    TooManyTasks,
)
from doorward.mcp_server.registry.access_rules import AccessRules
from doorward.mcp_server.request_context import InterimResult, Method, RequestContext, Result
from doorward.mcp_server.streams.subscriptions import Subscriptions, task_topic
from doorward.mcp_server.task import Task
from doorward.policy import Operation
from doorward.wire.jsonrpc.protocol_refusal import ProtocolRefusal

EXTENSION = "io.modelcontextprotocol/tasks"
TaskSupport = Literal["optional", "required", "deferred"]
METHODS = ("tasks/get", "tasks/update", "tasks/cancel")
MAX_PER_CALLER = 100


class Tasks:
    """
    The tasks of a server, in this process, for ``ttl`` seconds from their creation.

    Only its principal can use a task: its id alone is not enough. A principal who may no longer use
    the tool cannot use the task.
    """

    def __init__(
        self,
        access_rules: AccessRules,
        subscriptions: Subscriptions,
        clock: Callable[[], float],
        *,
        ttl: float,
        limit: int,
    ) -> None:
        self._access_rules = access_rules
        self._subscriptions = subscriptions
        self._clock = clock
        self._ttl = ttl
        self._limit = limit
        self._tasks: dict[str, Task] = {}

    @property
    def methods(self) -> dict[str, Method]:
        """The methods of the extension."""
        return {"tasks/get": self.get, "tasks/update": self.update, "tasks/cancel": self.cancel}

    async def run(
        self, support: TaskSupport, operation: Operation, work: Method, request: RequestContext
    ) -> Result:
        """
        Return the result of a tool call that may become a task.

        Raises:
            InterimResult: it became a task, or needs input first.
            MissingCapability: it must become a task, and the client does not support tasks.
            TooManyTasks: a limit is reached.

        Spec: MCP extension io.modelcontextprotocol/tasks, "Capability Negotiation"
        """
        if not (request.revision.modern and declares_tasks(request)):
            if support == "optional":
                return await work(request)
            raise MissingCapability({"extensions": {EXTENSION: {}}})
        task = self._new(request, operation)
        request.task = task
        if support != "deferred":
            task.started.set()
        # Its own asyncio task from the start: it continues when the request has ended.
        task.work = asyncio.create_task(self._run_task(task, work, request))
        started = asyncio.create_task(task.started.wait())
        try:
            await asyncio.wait({task.work, started}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            started.cancel()
            if not task.is_started:
                self._tasks.pop(task.id, None)
                task.work.cancel()
        if task.is_started:
            raise InterimResult("task", task.summary())
        result: Result = await task.work
        return result

    def find(self, request: RequestContext, task_id: object) -> Task:
        """
        Return a task of this caller.

        Raises:
            InvalidParams: the same for an unknown task and another principal's.
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
        """Say whether this caller may subscribe to the task. Raises: MissingCapability."""
        require_tasks(request)
        try:
            self.find(request, task_id)
        except InvalidParams:
            return False
        return True

    async def get(self, request: RequestContext) -> Result:
        """Answer ``tasks/get``. Raises: InvalidParams, MissingCapability."""
        require_tasks(request)
        return self.find(request, request.params.get("taskId")).detailed()

    async def update(self, request: RequestContext) -> Result:
        """Answer ``tasks/update``. Raises: InvalidParams, MissingCapability."""
        require_tasks(request)
        task = self.find(request, request.params.get("taskId"))
        responses = request.params.get("inputResponses")
        if not isinstance(responses, dict):
            raise InvalidParams("inputResponses must be an object of results")
        task.provide_input(responses)
        return {}

    async def cancel(self, request: RequestContext) -> Result:
        """Answer ``tasks/cancel``. Raises: InvalidParams, MissingCapability."""
        require_tasks(request)
        self.find(request, request.params.get("taskId")).cancel()
        return {}

    def cancel_all(self) -> None:
        """Cancel every task, at shutdown."""
        for task in self._tasks.values():
            task.cancel()

    def _new(self, request: RequestContext, operation: Operation) -> Task:
        self._prune()
        principal = principal_of(request.identity)
        of_this_caller = sum(1 for task in self._tasks.values() if task.principal == principal)
        if len(self._tasks) >= self._limit or (
            principal is not None and of_this_caller >= MAX_PER_CALLER
        ):
            raise TooManyTasks("There are too many tasks; try again later")
        task = Task(
            request.identity, operation, clock=self._clock, ttl=self._ttl, changed=self._publish
        )
        self._tasks[task.id] = task
        return task

    async def _run_task(self, task: Task, work: Method, request: RequestContext) -> Result:
        try:
            result = await work(request)
        except ProtocolRefusal as refusal:
            if not task.is_started:
                raise
            task.fail({"code": refusal.jsonrpc_code, "message": refusal.message})
            return {}
        except BaseException:
            # Such as a cancellation by the author's code: without an end, clients would poll forever.
            task.fail({"code": InternalFailure.jsonrpc_code, "message": "The work was stopped."})
            raise
        if task.is_started:
            task.complete(result)
        return result

    def _prune(self) -> None:
        now = self._clock()
        for task in [task for task in self._tasks.values() if task.expires <= now]:
            task.cancel()
            del self._tasks[task.id]

    def _publish(self, task: Task) -> None:
        self._subscriptions.publish(task_topic(task.id), "notifications/tasks", task.detailed())


def declares_tasks(request: RequestContext) -> bool:
    """Say whether this request declares the tasks extension."""
    extensions = request.capabilities.get("extensions")
    return isinstance(extensions, dict) and isinstance(extensions.get(EXTENSION), dict)


def require_tasks(request: RequestContext) -> None:
    """Return if this request declares the tasks extension. Raises: MissingCapability."""
    if not declares_tasks(request):
        raise MissingCapability({"extensions": {EXTENSION: {}}})
