"""Asking the client in the eras in which a server sends requests of its own."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from doorward.mcp_server.elicitation.questions import BadAnswer, Question
from doorward.mcp_server.elicitation.url_mode import ElicitedUrl, ElicitUrl
from doorward.mcp_server.refusals import MissingCapability, NobodyToAsk, ToolError
from doorward.mcp_server.request_context import RequestContext
from doorward.mcp_server.streams.stream import Stream

_encode = msgspec.json.Encoder().encode
_CANCELLED = {"jsonrpc": "2.0", "method": "notifications/cancelled"}

# Longer than anybody looks at a form; a client that never answers must not hold a call for ever.
PATIENCE_SECONDS = 600.0


def require_capability(call: RequestContext, needs: Mapping[str, Any]) -> None:
    """
    Let a question pass that the client said it can be asked.

    Raises:
        MissingCapability: it did not, or there is no way to ask it.

    Spec: MCP 2026-07-28, basic/patterns/mrtr; schema, "MissingRequiredClientCapabilityError"
    """
    declared = call.capabilities
    ((name, modes),) = needs.items()
    found = declared.get(name)
    if not isinstance(found, dict) or (name == "elicitation" and not _can_show(found, modes, call)):
        raise MissingCapability(dict(needs))


def _can_show(found: Mapping[str, Any], modes: Mapping[str, Any], call: RequestContext) -> bool:
    if "url" in modes:
        return call.era.urls and isinstance(found.get("url"), dict)
    # A client that names modes and not "form" can show pages, not forms.
    return not found or "form" in found


async def over_the_session(
    call: RequestContext, stream: Stream | None, questions: Mapping[str, Question[Any]]
) -> dict[str, Any]:
    """
    Send each question on the stream of the call, and return what is read in the answers.

    Raises:
        MissingCapability: the client reads no stream, or came without its session.
        ToolError: it did not answer in time, answered with an error or with something else.

    Spec: MCP 2025-11-25, basic/lifecycle, "Timeouts"
    """
    session = call.session
    if session is None or stream is None:
        raise MissingCapability(
            {name: one for q in questions.values() for name, one in q.needs.items()}
        )
    waiting = {}
    numbers = {}
    for key, question in questions.items():
        number, future = session.expect()
        waiting[key] = future
        numbers[future] = number
        message = {"jsonrpc": "2.0", "id": number, "method": question.method}
        await stream.notify(_encode({**message, "params": question.params()}))
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
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
    except BadAnswer as bad:
        raise ToolError(f"The client's answer {bad}.") from None


def new_page(call: RequestContext) -> str:
    """
    Return the id of a new page for the caller.

    Raises:
        NobodyToAsk: there is none, so that whoever opened the page would be as good as another.
    """
    if call.identity is None:
        raise NobodyToAsk("a page is to be opened by the caller, and nobody knows who that is")
    return call.rounds.pending_pages.begin(call.identity, call.session)


async def look_at_page(
    call: RequestContext, question: ElicitUrl, answer: ElicitedUrl
) -> ElicitedUrl:
    """Return the answer with whether the user is done with the page, which may be waited for."""
    if not answer.accepted or call.identity is None:
        return answer
    pages, wait = call.rounds.pending_pages, min(question.wait, PATIENCE_SECONDS)
    done = await pages.is_completed(call.identity, answer.id, wait=wait)
    return replace(answer, completed=done)
