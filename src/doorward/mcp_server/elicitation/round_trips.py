"""Multi round-trip requests: the client brings the answers when it sends the request again."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from doorward.identity import Identity, principal_of
from doorward.mcp_server.elicitation.input_requests import InputRequest, on_the_wire
from doorward.mcp_server.elicitation.pending_pages import PendingPages
from doorward.mcp_server.elicitation.request_state import InvalidRequestState, RequestStateCipher
from doorward.mcp_server.refusals import InvalidParams

_encode = msgspec.json.Encoder(order="deterministic").encode


class Request(Protocol):
    """The parts of a request that its state is bound to."""

    identity: Identity | None
    method: str
    name: str | None
    params: dict[str, Any]


@dataclass
class RoundTripState:
    """
    What earlier round trips of a request left.

    ``responses`` are the client's, as they came. ``state`` is the author's. ``pages`` are the ids of
    the pages that the user was asked to open, by input request.
    """

    responses: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MultiRoundTrips:
    """
    Opens the request state that a client sends, and seals the next one.

    A state is valid for its principal, its request and ``ttl`` seconds, as often as the client
    sends it. An author must remember what may happen only once.

    Spec: MCP 2026-07-28, basic/patterns/mrtr, "Server Requirements"
    """

    cipher: RequestStateCipher
    server: str
    ttl: float
    clock: Callable[[], float]
    pending_pages: PendingPages

    def resume(self, request: Request) -> RoundTripState:
        """
        Return the state of this request, which is empty in the first round trip.

        Raises:
            InvalidParams: the state is not for this request, or the responses are malformed.
        """
        found = RoundTripState()
        text = request.params.get("requestState")
        if text is not None:
            if not isinstance(text, str):
                raise InvalidParams("requestState must be a string")
            try:
                bound_to = self._bound_to(request)
                found = RoundTripState(*self.cipher.open(text, bound_to, now=self.clock()))
            except InvalidRequestState:
                # One text for all cases: a difference would help a forger.
                raise InvalidParams("requestState is not valid for this request") from None
        found.responses.update(_responses(request.params))
        return found

    def input_required(
        self,
        request: Request,
        input_requests: Mapping[str, InputRequest[Any]],
        so_far: RoundTripState,
    ) -> dict[str, Any]:
        """Return the members of an ``input_required`` result with these input requests."""
        content = [so_far.responses, so_far.state, so_far.pages]
        until = self.clock() + self.ttl
        state = self.cipher.seal(content, self._bound_to(request), until=until)
        # Encoded here: what is not JSON is an error of the function, which is still running.
        encoded = msgspec.Raw(_encode(on_the_wire(input_requests)))
        return {"inputRequests": encoded, "requestState": state}

    def _bound_to(self, request: Request) -> list[Any]:
        arguments = hashlib.sha256(_encode(request.params.get("arguments") or {})).hexdigest()
        return [
            self.server,
            principal_of(request.identity),
            request.method,
            request.name,
            arguments,
        ]


def _responses(params: Mapping[str, Any]) -> dict[str, Any]:
    if "inputResponses" not in params:
        return {}
    found = params["inputResponses"]
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise InvalidParams("inputResponses must be an object of results")
    return found
