"""What a server asks the user in the middle of a call, and how the answer is given."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from doorward.client.refusals import ProtocolBroken

Elicit = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""
Is given the parameters of ``elicitation/create``: ``message``, and ``requestedSchema`` or ``url``.

Returns ``{"action": "accept", "content": {...}}``, or the action ``decline`` or ``cancel``.
"""

METHOD = "elicitation/create"


async def answer_question(elicit: Elicit, params: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the user's answer; what an accepted form leaves out gets the default of its schema.

    Spec: MCP 2025-11-25 elicitation, default values
    """
    answer = dict(await elicit(params))
    if answer.get("action") != "accept" or "requestedSchema" not in params:
        return answer
    schema = params["requestedSchema"]
    fields = schema.get("properties") if isinstance(schema, dict) else None
    defaults = {
        name: field["default"]
        for name, field in (fields if isinstance(fields, dict) else {}).items()
        if isinstance(field, dict) and "default" in field
    }
    return {**answer, "content": {**defaults, **(answer.get("content") or {})}}


async def next_round(
    elicit: Elicit | None, params: Mapping[str, Any], result: Mapping[str, Any]
) -> dict[str, Any]:
    """
    Return the parameters of the next try of a request that was answered ``input_required``.

    ``params`` are those of the first try: nothing of an earlier round is sent a second time.
    ``requestState`` goes back byte for byte, and only if there was one.

    Raises:
        ProtocolBroken: with reason ``input-required``; nobody here can answer.

    Spec: MCP 2026-07-28 multi-round-trip requests
    """
    asked = result.get("inputRequests") or {}
    if not isinstance(asked, dict) or (asked and elicit is None):
        raise _unanswerable(params)
    answers: dict[str, Any] = {}
    for name, question in asked.items():
        if elicit is None or not isinstance(question, dict) or question.get("method") != METHOD:
            raise _unanswerable(params)
        answers[name] = await answer_question(elicit, question.get("params") or {})
    again = {**params, "inputResponses": answers}
    if "requestState" in result:
        again["requestState"] = result["requestState"]
    return again


def _unanswerable(params: Mapping[str, Any]) -> ProtocolBroken:
    return ProtocolBroken(
        "input-required",
        f"{params.get('name', 'The server')!r} wants to ask something first, "
        "which this client cannot answer.",
        "Call it from a client that can.",
    )
