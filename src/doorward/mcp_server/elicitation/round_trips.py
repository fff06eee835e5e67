"""Several rounds of one request: what was asked travels to the client and comes back."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from doorward.mcp_server.elicitation.input_requests import InputRequest
from doorward.mcp_server.elicitation.pending_pages import PendingPages
from doorward.mcp_server.elicitation.request_state import InvalidRequestState, RequestStateCipher
from doorward.mcp_server.refusals import InvalidParams
from doorward.mcp_server.request_context import InterimResult, RequestContext, principal_of

_encode = msgspec.json.Encoder(order="deterministic").encode


@dataclass
class RoundTripState:
    """
    What is known from earlier rounds of a request.

    ``answers`` are the client's, as they came; ``state`` is the author's own; ``pages`` are the ids
    of the pages that the user was asked to open, by the keys of the questions.
    """

    answers: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MultiRoundTrips:
    """
    Opens what a client brings back and seals what it is to bring next.

    A state is good for its principal, its request and ``ttl`` seconds, and as often as the client
    likes within them: what must happen once only must be remembered by the author.

    Spec: MCP 2026-07-28, basic/patterns/mrtr, "Server Requirements"
    """

    seal: RequestStateCipher
    server: str
    ttl: float
    clock: Callable[[], float]
    pending_pages: PendingPages

    def resume(self, request: RequestContext) -> RoundTripState:
        """
        Return what this request brings from its earlier rounds; nothing in its first one.

        Raises:
            InvalidParams: the state is not for this request, or the answers are no answers.
        """
        progress = RoundTripState()
        text = request.params.get("requestState")
        if text is not None:
            if not isinstance(text, str):
                raise InvalidParams("requestState must be a string")
            try:
                bound = self._bound_to(request)
                progress = RoundTripState(*self.seal.open(text, bound, now=self.clock()))
            except InvalidRequestState:
                # One sentence for all: a difference would tell what a forgery lacks.
                raise InvalidParams("requestState is not valid for this request") from None
        progress.answers.update(_answers(request.params))
        return progress

    def ask(
        self,
        request: RequestContext,
        questions: Mapping[str, InputRequest[Any]],
        so_far: RoundTripState,
    ) -> InterimResult:
        """Return the interim result that asks the client for all of these at once."""
        content = [so_far.answers, so_far.state, so_far.pages]
        until = self.clock() + self.ttl
        asked = {
            key: {"method": question.method, "params": question.params()}
            for key, question in questions.items()
        }
        state = self.seal.close(content, self._bound_to(request), until=until)
        members = _encode({"inputRequests": asked, "requestState": state})[1:-1]
        return InterimResult("input_required", members)

    def _bound_to(self, request: RequestContext) -> list[Any]:
        arguments = hashlib.sha256(_encode(request.params.get("arguments") or {})).hexdigest()
        return [
            self.server,
            principal_of(request.identity),
            request.method,
            request.name,
            arguments,
        ]


def _answers(params: Mapping[str, Any]) -> dict[str, Any]:
    if "inputResponses" not in params:
        return {}
    found = params["inputResponses"]
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise InvalidParams("inputResponses must be an object of results")
    return found
