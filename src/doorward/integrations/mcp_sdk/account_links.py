"""A tool's caller has not connected an account yet: the client shows the link, if it can."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import UrlElicitationRequiredError
from mcp_types import (
    CallToolResult,
    ElicitRequest,
    ElicitRequestURLParams,
    InputRequiredResult,
)

from doorward.downstream.refusals import AccountNotConnected
from doorward.integrations.error_reporting import get_missing_account

# The first revision with URL mode, and the first without sessions.
_URL_MODE, _MODERN = "2025-11-25", "2026-07-28"
# Shorter than clients wait for a result.
_WAIT = 45.0


def account_missing_in(result: HandlerResult) -> AccountNotConnected | None:
    """Return the account whose absence is the result of a tool, or ``None``."""
    if isinstance(result, CallToolResult):
        failed, content = (
            bool(result.is_error),
            [getattr(one, "text", "") for one in result.content],
        )
    elif isinstance(result, dict):
        failed = bool(result.get("isError"))
        content = [str(one.get("text", "")) for one in result.get("content", ())]
    else:
        return None
    # An author may catch the error and return a result: then the link is not in it.
    missing = get_missing_account() if failed else None
    return missing if missing and any(missing.url in text for text in content) else None


async def ask_to_connect(
    ctx: ServerRequestContext[Any, Any],
    call_next: CallNext,
    missing: AccountNotConnected,
    result: HandlerResult,
) -> HandlerResult:
    """
    Return what asks the client to show the link; ``result``, which has it as text, if it cannot.

    Raises:
        UrlElicitationRequiredError: in 2025-11-25, the client shows the page and calls again.

    Spec: MCP 2026-07-28, client/elicitation, "URL Mode Elicitation Requests"
    """
    if not _can_show_pages(ctx):
        return result
    page = ElicitRequestURLParams(
        message=f"Connect your account at {missing.target}.", url=missing.url
    )
    if ctx.session.protocol_version < _MODERN:
        raise UrlElicitationRequiredError([page.model_copy(update={"elicitation_id": uuid4().hex})])
    key = f"connect-{missing.target}"
    answer = _answer(ctx.params or {}, key)
    if answer is None:
        return InputRequiredResult(input_requests={key: ElicitRequest(params=page)})
    if answer.get("action") != "accept" or missing.connected is None:
        return result
    return await call_next(ctx) if await missing.connected(wait=_WAIT) else result


def _can_show_pages(ctx: ServerRequestContext[Any, Any]) -> bool:
    declared = ctx.session.client_capabilities
    return (
        ctx.session.protocol_version >= _URL_MODE
        and declared is not None
        and declared.elicitation is not None
        and declared.elicitation.url is not None
    )


def _answer(params: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    answers = params.get("inputResponses")
    answer = answers.get(key) if isinstance(answers, Mapping) else None
    return answer if isinstance(answer, Mapping) else None
