"""Asking the client in the eras in which a server sends requests of its own."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from doorward.mcp_server.elicitation.input_requests import InputRequest, InvalidInputResponse
from doorward.mcp_server.elicitation.url_mode import ElicitedUrl, ElicitUrl
from doorward.mcp_server.refusals import IdentityRequired, MissingCapability, ToolError
from doorward.mcp_server.request_context import RequestContext
from doorward.mcp_server.streams.response_stream import ResponseStream

_encode = msgspec.json.Encoder().encode
_CANCELLED = {"jsonrpc": "2.0", "method": "notifications/cancelled"}

# Longer than anybody looks at a form; a client that never answers must not hold a call for ever.
ANSWER_TIMEOUT_SECONDS = 600.0


def require_capability(request: RequestContext, required_capabilities: Mapping[str, Any]) -> None:
    """
    Let a question pass that the client said it can be asked.

    Raises:
        MissingCapability: it did not, or there is no way to ask it.

    Spec: MCP 2026-07-28, basic/patterns/mrtr; schema, "MissingRequiredClientCapabilityError"
    """
    declared = request.capabilities
    ((name, modes),) = required_capabilities.items()
    found = declared.get(name)
    if not isinstance(found, dict) or (
        name == "elicitation" and not _can_show(found, modes, request)
    ):
        raise MissingCapability(dict(required_capabilities))


def _can_show(found: Mapping[str, Any], modes: Mapping[str, Any], request: RequestContext) -> bool:
    if "url" in modes:
        return request.revision.urls and isinstance(found.get("url"), dict)
    # A client that names modes and not "form" can show pages, not forms.
    return not found or "form" in found


async def send_over_session(
    request: RequestContext,
    stream: ResponseStream | None,
    questions: Mapping[str, InputRequest[Any]],
) -> dict[str, Any]:
    """
    Send each question on the stream of the call, and return what is read in the answers.

    Raises:
        MissingCapability: the client reads no stream, or came without its session.
        ToolError: it did not answer in time, answered with an error or with something else.

    Spec: MCP 2025-11-25, basic/lifecycle, "Timeouts"
    """
    session = request.session
    if session is None or stream is None:
        raise MissingCapability(
            {name: one for q in questions.values() for name, one in q.required_capabilities.items()}
        )
    waiting = {}
    numbers = {}
    for key, question in questions.items():
        number, future = session.expect_response()
        waiting[key] = future
        numbers[future] = number
        message = {"jsonrpc": "2.0", "id": number, "method": question.method}
        await stream.notify(_encode({**message, "params": question.params()}))
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
            answers = dict(zip(waiting, await asyncio.gather(*waiting.values()), strict=True))
    except TimeoutError:
        for future, number in numbers.items():
            if future.cancelled():
                # A form that nobody waits for should not stay before the user.
                await stream.notify(_encode({**_CANCELLED, "params": {"requestId": number}}))
        raise ToolError("The client did not answer in time.") from None
    finally:
        for future in waiting.values():
            session.forget(future)
    try:
        return {key: question.read(answers[key]) for key, question in questions.items()}
    except InvalidInputResponse as bad:
        raise ToolError(f"The client's answer {bad}.") from None


def new_page(request: RequestContext) -> str:
    """
    Return the id of a new page for the caller.

    Raises:
        NobodyToAsk: there is none, so that whoever opened the page would be as good as another.
    """
    if request.identity is None:
        raise IdentityRequired("a page is to be opened by the caller, and nobody knows who that is")
    return request.rounds.pending_pages.begin(request.identity, request.session)


async def look_at_page(
    request: RequestContext, question: ElicitUrl, answer: ElicitedUrl
) -> ElicitedUrl:
    """Return the answer with whether the user is done with the page, which may be waited for."""
    if not answer.accepted or request.identity is None:
        return answer
    pages, wait = request.rounds.pending_pages, min(question.wait, ANSWER_TIMEOUT_SECONDS)
    done = await pages.is_completed(request.identity, answer.id, wait=wait)
    return replace(answer, completed=done)
