"""One request on its way through the server."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from doorward.identity import Identity
from doorward.mcp_server.asgi import Receive, Scope, Send
from doorward.mcp_server.protocol_revision import ProtocolRevision
from doorward.wire.jsonrpc.envelope import CAPABILITIES_META

if TYPE_CHECKING:
    from doorward.mcp_server.elicitation.round_trips import MultiRoundTrips
    from doorward.mcp_server.streams.response_stream import ResponseStream
    from doorward.mcp_server.streams.session import Session
    from doorward.mcp_server.task import Task

Principal = tuple[str, str, str | None] | None


class RequestContext(msgspec.Struct, eq=False):
    """
    What a method is asked, by whom, and in which era.

    ``identity`` is what the guard verified and nothing else: no header, argument or ``_meta`` of
    the request has a way into it. ``headers`` are as ASGI gives them. ``stream`` is there once the
    answer has become a stream, ``job`` once the work goes on without the request.
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
    rounds: "MultiRoundTrips"
    session: "Session | None" = None
    stream: "ResponseStream | None" = None
    task: "Task | None" = None
    answer_headers: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def meta(self) -> dict[str, Any]:
        """The request's ``_meta``."""
        found: dict[str, Any] = self.params.get("_meta", {})
        return found

    @property
    def capabilities(self) -> dict[str, Any]:
        """What the client says it can do: in this request, or when its session began."""
        if self.revision.modern:
            found: dict[str, Any] = self.meta[CAPABILITIES_META]
            return found
        return self.session.capabilities if self.session is not None else {}


def principal_of(identity: Identity | None) -> Principal:
    """
    Return whom sessions, tasks and request states of this caller belong to.

    The client is part of it: two programs of one person do not share their handles.
    """
    return None if identity is None else (identity.issuer, identity.subject, identity.client_id)


# A method answers the members of its result as JSON text, without the braces round them.
Method = Callable[[RequestContext], Awaitable[bytes]]


class InterimResult(BaseException):
    """
    A result that is not yet the result: more input is needed, or the work became a task.

    ``members`` are those of the result as JSON text. Not an ``Exception``: an author's
    ``except Exception`` must not take it for a failure.
    """

    def __init__(self, kind: str, members: bytes) -> None:
        super().__init__(kind)
        self.kind = kind
        self.members = members


def first_interim_result(group: BaseExceptionGroup[BaseException]) -> InterimResult:
    """Return the first interim result among what a group of tasks raised; without one, raise it."""
    for error in group.exceptions:
        if isinstance(error, InterimResult):
            return error
        if isinstance(error, BaseExceptionGroup) and error.subgroup(InterimResult) is not None:
            return first_interim_result(error)
    raise group


class ResponseSent(BaseException):
    """The method wrote its answer itself, to the last byte."""
