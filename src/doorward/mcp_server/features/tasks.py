"""Tasks: tool calls that are answered with a handle, and the methods that take one."""

import asyncio
from collections.abc import Callable
from typing import Literal

import msgspec

from doorward.mcp_server.functions.task import Job
from doorward.mcp_server.refusals import (
    InternalFailure,
    InvalidParams,
    MissingCapability,
    ProtocolRefusal,
    TooManyTasks,
)
from doorward.mcp_server.registry.access_rules import Gate
from doorward.mcp_server.request_context import Call, Interim, Method, owner_of
from doorward.mcp_server.streams.subscriptions import Subscriptions, task_topic
from doorward.policy import Operation

EXTENSION = "io.modelcontextprotocol/tasks"
TaskSupport = Literal["optional", "required", "deferred"]
METHODS = ("tasks/get", "tasks/update", "tasks/cancel")
MOST_OF_ONE = 100
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
        gate: Gate,
        subscriptions: Subscriptions,
        clock: Callable[[], float],
        *,
        ttl: float,
        most: int,
    ) -> None:
        self._gate = gate
        self._subscriptions = subscriptions
        self._clock = clock
        self._ttl = ttl
        self._most = most
        self._jobs: dict[str, Job] = {}

    @property
    def methods(self) -> dict[str, Method]:
        """The methods of the extension."""
        return {"tasks/get": self.get, "tasks/update": self.update, "tasks/cancel": self.cancel}

    async def run(
        self, support: TaskSupport, operation: Operation, work: Method, call: Call
    ) -> bytes:
        """
        Answer a call of a tool that may become a task.

        Raises:
            Interim: it became a task, or asks for input before it does.
            MissingCapability: it must become one, and the client does not know tasks.
            TooManyTasks: there is no room for one more.

        Spec: MCP extension io.modelcontextprotocol/tasks, "Capability Negotiation"
        """
        if not (call.era.modern and declares_tasks(call)):
            if support == "optional":
                return await work(call)
            raise MissingCapability({"extensions": {EXTENSION: {}}})
        job = self._new(call, operation)
        call.job = job
        if support != "deferred":
            job.began.set()
        # Of a coroutine of its own from the start: it goes on when the request is long over.
        job.runner = asyncio.create_task(self._carry_out(job, work, call))
        began = asyncio.create_task(job.began.wait())
        try:
            await asyncio.wait({job.runner, began}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            began.cancel()
            if not job.begun:
                self._jobs.pop(job.id, None)
                job.runner.cancel()
        if job.begun:
            raise Interim("task", _encode(job.summary())[1:-1])
        members: bytes = await job.runner
        return members

    def find(self, call: Call, task_id: object) -> Job:
        """
        Return a task of this caller.

        Raises:
            InvalidParams: in the same words whether there is none or it is somebody else's.
        """
        self._prune()
        job = self._jobs.get(task_id) if isinstance(task_id, str) else None
        if (
            job is None
            or job.owner != owner_of(call.identity)
            or not self._gate.still_admits(call.identity, job.operation, job.caller)
        ):
            raise InvalidParams("Unknown task")
        return job

    def may_follow(self, call: Call, task_id: str) -> bool:
        """Say whether this is a task of this caller. Raises: MissingCapability."""
        require_tasks(call)
        try:
            self.find(call, task_id)
        except InvalidParams:
            return False
        return True

    async def get(self, call: Call) -> bytes:
        """Answer ``tasks/get``. Raises: InvalidParams, MissingCapability."""
        require_tasks(call)
        return _encode(self.find(call, call.params.get("taskId")).detailed())[1:-1]

    async def update(self, call: Call) -> bytes:
        """Answer ``tasks/update``. Raises: InvalidParams, MissingCapability."""
        require_tasks(call)
        job = self.find(call, call.params.get("taskId"))
        answers = call.params.get("inputResponses")
        if not isinstance(answers, dict):
            raise InvalidParams("inputResponses must be an object of results")
        job.answer(answers)
        return b""

    async def cancel(self, call: Call) -> bytes:
        """Answer ``tasks/cancel``. Raises: InvalidParams, MissingCapability."""
        require_tasks(call)
        self.find(call, call.params.get("taskId")).cancel()
        return b""

    def end_all(self) -> None:
        """Stop all work: the process is going."""
        for job in self._jobs.values():
            job.cancel()

    def _new(self, call: Call, operation: Operation) -> Job:
        self._prune()
        owner = owner_of(call.identity)
        of_this_one = sum(1 for job in self._jobs.values() if job.owner == owner)
        if len(self._jobs) >= self._most or (owner is not None and of_this_one >= MOST_OF_ONE):
            raise TooManyTasks("There are too many tasks; try again later")
        job = Job(call.identity, operation, clock=self._clock, ttl=self._ttl, changed=self._publish)
        self._jobs[job.id] = job
        return job

    async def _carry_out(self, job: Job, work: Method, call: Call) -> bytes:
        try:
            members = await work(call)
        except ProtocolRefusal as refusal:
            if not job.begun:
                raise
            job.fail({"code": refusal.jsonrpc_code, "message": refusal.message})
            return b""
        except BaseException:
            # A cancellation of the author's own making: nobody may poll it for ever.
            job.fail({"code": InternalFailure.jsonrpc_code, "message": "The work was stopped."})
            raise
        if job.begun:
            job.complete(_decode(b"{%b}" % members))
        return members

    def _prune(self) -> None:
        now = self._clock()
        for job in [job for job in self._jobs.values() if job.expires <= now]:
            job.cancel()
            del self._jobs[job.id]

    def _publish(self, job: Job) -> None:
        self._subscriptions.publish(task_topic(job.id), "notifications/tasks", job.detailed())


def declares_tasks(call: Call) -> bool:
    """Say whether the client declared the extension in this request."""
    extensions = call.capabilities.get("extensions")
    return isinstance(extensions, dict) and isinstance(extensions.get(EXTENSION), dict)


def require_tasks(call: Call) -> None:
    """Let a client pass that knows tasks. Raises: MissingCapability."""
    if not declares_tasks(call):
        raise MissingCapability({"extensions": {EXTENSION: {}}})
