"""One MCP request: what every method is given, and how a method ends without a result."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from doorward.identity import Identity
from doorward.mcp_server.elicitation.round_trips import MultiRoundTrips
from doorward.mcp_server.protocol_revision import ProtocolRevision
from doorward.mcp_server.streams.response_stream import ResponseStream
from doorward.mcp_server.streams.session import Session
from doorward.mcp_server.task import Task
from doorward.wire.asgi import Receive, Scope, Send
from doorward.wire.jsonrpc.envelope import CAPABILITIES_META


class RequestContext(msgspec.Struct, eq=False):
    """
    One request, its caller and its protocol revision.

    ``identity`` is what the guard verified and nothing else: no header, argument or ``_meta`` can
    set it. ``headers`` are as ASGI gives them. ``stream`` is set once the response is a stream,
    ``task`` once the tool call may become a task.
    """

    method: str
    params: dict[str, Any]
    name: str | None
    identity: Identity | None
    revision: ProtocolRevision
    headers: list[tuple[bytes, bytes]]
    id: str | int
    scope: Scope
    receive: Receive
    send: Send
    round_trips: MultiRoundTrips
    session: Session | None = None
    stream: ResponseStream | None = None
    task: Task | None = None
    response_headers: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def meta(self) -> dict[str, Any]:
        """The request's ``_meta``."""
        found: dict[str, Any] = self.params.get("_meta", {})
        return found

    @property
    def capabilities(self) -> dict[str, Any]:
        """What the client declared: in this request, or in the ``initialize`` of its session."""
        if self.revision.modern:
            found: dict[str, Any] = self.meta[CAPABILITIES_META]
            return found
        return self.session.capabilities if self.session is not None else {}


# The members of a JSON-RPC result. A value may be ``msgspec.Raw``, which is JSON already.
Result = dict[str, Any]
Method = Callable[[RequestContext], Awaitable[Result]]


class InterimResult(BaseException):
    """
    A result that is not the final one: the server needs input, or the call became a task.

    ``result_type`` and ``members`` are those of the result. Not an ``Exception``: an author's
    ``except Exception`` must not catch it.
    """

    def __init__(self, result_type: str, members: Result) -> None:
        super().__init__(result_type)
        self.result_type = result_type
        self.members = members


def first_interim_result(group: BaseExceptionGroup[BaseException]) -> InterimResult:
    """Return the first interim result in a group of exceptions; without one, raise the group."""
    for error in group.exceptions:
        if isinstance(error, InterimResult):
            return error
        if isinstance(error, BaseExceptionGroup) and error.subgroup(InterimResult) is not None:
            return first_interim_result(error)
    raise group


class ResponseSent(BaseException):
    """The method has sent its complete response itself."""
