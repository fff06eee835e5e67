"""Reports to the caller why a tool got no token for the next server, as ``McpServer`` does."""

import traceback
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar, cast

from doorward.correlation_id import new_correlation_id
from doorward.downstream.refusals import AccountNotConnected, DownstreamProblem, refusal_in
from doorward.errors import ConfigurationError, HttpError, Unavailable
from doorward.identity import Identity, current_identity

# The account that the tool of this request lacks.
_missing_account: ContextVar[AccountNotConnected | None] = ContextVar(
    "doorward_missing_account", default=None
)
get_missing_account = _missing_account.get

# Returns the tool's own exception from the one that a library raised; None if that is its own.
Unwrap = Callable[[Exception], BaseException | None]
CallTool = TypeVar("CallTool", bound=Callable[..., Awaitable[Any]])


def report_to_caller(
    call_tool: CallTool, unwrap: Unwrap, tool_error: Callable[[str], Exception]
) -> CallTool:
    """
    Return ``call_tool``, which tells its callers what they can fix, and nothing else.

    A library either hides an exception or shows all of it. Whatever its setting is, the caller gets
    the public sentence of a refusal. The detail, which is the issuer's answer, goes to the log.
    """

    @wraps(call_tool)
    async def call_and_report(*given: Any, **options: Any) -> Any:
        try:
            return await call_tool(*given, **options)
        except Exception as error:
            cause = unwrap(error)
            sentence = public_sentence(cause, str(given[0] if given else ""))
            if sentence is None:
                raise
            # The adapter asks the client to show the link, if it can.
            _missing_account.set(account_of(cause))
            raise tool_error(sentence) from None

    return cast(CallTool, call_and_report)


def require_caller(refusal: Callable[[str], Exception]) -> Identity:
    """
    Return the caller of the tool that is running.

    Raises:
        Exception: ``refusal``; the server is not behind a guard, so there is no caller.
    """
    caller = current_identity()
    if caller is None:
        raise refusal("This tool is for callers who signed in.")
    return caller


def public_sentence(error: BaseException | None, name: str) -> str | None:
    """Return the sentence that the peer may read, and log ``error``; ``None`` for other errors."""
    if error is not None:
        error = refusal_in(error)
    if isinstance(error, AccountNotConnected):
        # Nothing is wrong, so nothing is logged.
        return error.description
    if isinstance(error, DownstreamProblem | Unavailable):
        _log_error("tool-without-token", name, error)
        return error.public
    if isinstance(error, ConfigurationError):
        correlation_id = _log_error("tool-failed", name, error)
        return f"It failed. The operator of this server finds the reason under {correlation_id}."
    return None


def account_of(error: BaseException | None) -> AccountNotConnected | None:
    """Return the error if it says which account is missing, also in a group; else ``None``."""
    refusal = None if error is None else refusal_in(error)
    return refusal if isinstance(refusal, AccountNotConnected) else None


def log_route_error(problem: HttpError, route: str) -> str:
    """Log why ``route`` got no token for the next server, and return the correlation id."""
    return _log_error("route-without-token", route, problem)


def _log_error(event: str, name: str, error: BaseException) -> str:
    # Imported by the first failure: with its dependencies it takes 10 MB.
    import structlog

    correlation_id = new_correlation_id()
    structlog.get_logger("doorward.guard").error(
        event,
        name=name,
        correlation_id=correlation_id,
        error=type(error).__name__,
        # Without local variables: they hold arguments and identities.
        traceback="".join(traceback.format_exception(error)),
    )
    return correlation_id
