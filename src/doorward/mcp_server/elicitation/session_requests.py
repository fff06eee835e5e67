"""Requests from the server to the client, in the protocol revisions that have sessions."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from doorward.mcp_server.elicitation.input_requests import InputRequest
from doorward.mcp_server.refusals import InvalidInputResponse, MissingCapability, ToolError
from doorward.mcp_server.streams.response_stream import ResponseStream
from doorward.mcp_server.streams.session import Session

_encode = msgspec.json.Encoder().encode
_CANCELLED = {"jsonrpc": "2.0", "method": "notifications/cancelled"}

# Longer than a user needs for a form: a client that never responds must not hold a call forever.
RESPONSE_TIMEOUT_SECONDS = 600.0


def require_capability(
    declared: Mapping[str, Any], required: Mapping[str, Any], *, url_elicitation: bool
) -> None:
    """
    Return if the client declared the capability that an input request needs.

    ``url_elicitation`` says whether the protocol revision has URL mode.

    Raises:
        MissingCapability: it did not.

    Spec: MCP 2026-07-28, basic/patterns/mrtr; schema, "MissingRequiredClientCapabilityError"
    """
    ((name, modes),) = required.items()
    found = declared.get(name)
    supported = isinstance(found, dict)
    if name == "elicitation" and isinstance(found, dict):
        # A client that declares modes without "form" shows pages only.
        supported = not found or "form" in found
        if "url" in modes:
            supported = url_elicitation and isinstance(found.get("url"), dict)
    if not supported:
        raise MissingCapability(dict(required))


async def send_over_session(
    session: Session | None,
    stream: ResponseStream | None,
    requests: Mapping[str, InputRequest[Any]],
) -> dict[str, Any]:
    """
    Send each request on the response stream, and return what the responses say.

    Raises:
        MissingCapability: the client does not read streams, or has no session.
        ToolError: the response is late, malformed, or an error.

    Spec: MCP 2025-11-25, basic/lifecycle, "Timeouts"
    """
    if session is None or stream is None:
        raise MissingCapability(
            {
                name: modes
                for request in requests.values()
                for name, modes in request.required_capabilities.items()
            }
        )
    pending = {}
    ids = {}
    for key, request in requests.items():
        request_id, future = session.expect_response()
        pending[key] = future
        ids[future] = request_id
        message = {"jsonrpc": "2.0", "id": request_id, "method": request.method}
        await stream.notify(_encode({**message, "params": request.params()}))
    try:
        async with asyncio.timeout(RESPONSE_TIMEOUT_SECONDS):
            responses = dict(zip(pending, await asyncio.gather(*pending.values()), strict=True))
    except TimeoutError:
        for future, request_id in ids.items():
            if future.cancelled():
                # The client should close a form that nobody waits for.
                await stream.notify(_encode({**_CANCELLED, "params": {"requestId": request_id}}))
        raise ToolError("The client did not answer in time.") from None
    finally:
        for future in pending.values():
            session.discard_response(future)
    try:
        return {key: request.read(responses[key]) for key, request in requests.items()}
    except InvalidInputResponse as error:
        raise ToolError(f"The client's answer {error}.") from None
