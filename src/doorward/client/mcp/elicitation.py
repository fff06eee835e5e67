"""Elicitation: a server's questions to the user during a call, and the answers."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

from doorward.client.http.url_policy import UrlPolicy
from doorward.client.mcp.elicitation_url import read_elicitation_url
from doorward.client.refusals import CallFailed, ProtocolBroken
from doorward.wire.safe_text import visible

Elicit = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""
Gets the parameters of ``elicitation/create``: ``message``, and ``requestedSchema`` or ``url``.
Invisible characters in the message, in titles and in descriptions are escaped.

Returns ``{"action": "accept", "content": {...}}``, or the action ``decline`` or ``cancel``. With a
``url``, ``accept`` means that the user has seen the whole URL and opens it. This client never opens
or fetches it; ``read_elicitation_url`` returns what to show.
"""

Mode = Literal["form", "url"]

METHOD = "elicitation/create"
_URL_REQUIRED = -32042
_SHOWN = frozenset({"message", "title", "description", "enumNames"})


def capabilities_of(elicit: Elicit | None, modes: tuple[Mode, ...]) -> dict[str, Any]:
    """Return the client capabilities; without modes if forms are the only one."""
    if elicit is None or not modes:
        return {}
    named: dict[str, Any] = {} if set(modes) == {"form"} else {mode: {} for mode in sorted(modes)}
    return {"elicitation": named}


async def answer_elicitation(
    elicit: Elicit,
    params: Mapping[str, Any],
    modes: tuple[Mode, ...] = ("form",),
    url_policy: UrlPolicy | None = None,
) -> dict[str, Any]:
    """
    Return the user's answer; fields missing in an accepted form get the schema's defaults.

    ``url_policy`` is that of the server that asks.

    Raises:
        ProtocolBroken: ``not-declared`` for a mode that this client did not declare, or
            ``unsafe-page``. The user is not asked.

    Spec: MCP 2025-11-25 elicitation, default values; error handling
    """
    mode = params.get("mode", "form")
    if mode not in modes:
        raise ProtocolBroken(
            "not-declared",
            f"The server used the mode {str(mode)[:20]!r}, which this client did not declare.",
        )
    shown = _readable(params)
    if mode == "url":
        read_elicitation_url(params, url_policy)
        action = (await elicit(shown)).get("action")
        # Only the action: the server must not see anything else that the function returns.
        return {"action": action if action in ("accept", "decline") else "cancel"}
    answer = dict(await elicit(shown))
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


def _readable(value: Any, *, shown: bool = False) -> Any:
    """Return ``value`` with escaped display texts; the rest is data, and unchanged."""
    if isinstance(value, str):
        return visible(value) if shown else value
    if isinstance(value, list):
        return [_readable(part, shown=shown) for part in value]
    if isinstance(value, Mapping):
        return {name: _readable(part, shown=name in _SHOWN) for name, part in value.items()}
    return value


async def visited_required_urls(
    elicit: Elicit | None,
    refusal: CallFailed,
    modes: tuple[Mode, ...],
    url_policy: UrlPolicy | None = None,
) -> bool:
    """
    Return whether the user opened every URL that the refused request requires.

    Raises:
        ProtocolBroken: with reason ``unsafe-page``.

    Spec: MCP 2025-11-25 elicitation, URL elicitation required error
    """
    if refusal.number != _URL_REQUIRED or elicit is None or "url" not in modes:
        return False
    data = refusal.data
    pages = data.get("elicitations") if isinstance(data, dict) else None
    if not isinstance(pages, list) or not pages:
        return False
    for page in pages:
        if not isinstance(page, dict) or page.get("mode") != "url":
            return False
        if (await answer_elicitation(elicit, page, modes, url_policy))["action"] != "accept":
            return False
    return True


async def retry_params(
    elicit: Elicit | None,
    params: Mapping[str, Any],
    result: Mapping[str, Any],
    modes: tuple[Mode, ...] = ("form",),
    url_policy: UrlPolicy | None = None,
) -> dict[str, Any]:
    """
    Return the parameters that repeat a request after the result ``input_required``.

    ``params`` are those of the first request: answers of earlier rounds are not sent again.
    ``requestState`` is returned unchanged, if there was one.

    Raises:
        ProtocolBroken: with reason ``input-required``: this client cannot answer. Also as
            ``answer_elicitation``.

    Spec: MCP 2026-07-28 multi-round-trip requests
    """
    asked = result.get("inputRequests") or {}
    if not isinstance(asked, dict) or (asked and elicit is None):
        raise _unanswerable(params)
    answers: dict[str, Any] = {}
    for name, question in asked.items():
        if elicit is None or not isinstance(question, dict) or question.get("method") != METHOD:
            raise _unanswerable(params)
        asks = question.get("params")
        params_asked = asks if isinstance(asks, dict) else {}
        answers[name] = await answer_elicitation(elicit, params_asked, modes, url_policy)
    again = {**params, "inputResponses": answers}
    if "requestState" in result:
        again["requestState"] = result["requestState"]
    return again


def _unanswerable(params: Mapping[str, Any]) -> ProtocolBroken:
    return ProtocolBroken(
        "input-required",
        f"{params.get('name', 'The server')!r} needs more input, which this client cannot give.",
        "Call it from a client that supports elicitation.",
    )
