"""What stood between a tool and the next server, told to its caller as our own transport does."""

import traceback
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, TypeVar, cast

from doorward.correlation_id import new_correlation_id
from doorward.downstream.refusals import DownstreamProblem
from doorward.errors import ConfigurationError, HttpError, Unavailable

# What a library raised around a tool's own exception: that one, or None where it speaks itself.
Unwrap = Callable[[Exception], BaseException | None]
CallTool = TypeVar("CallTool", bound=Callable[..., Awaitable[Any]])


def telling(
    call_tool: CallTool, unwrap: Unwrap, tool_error: Callable[[str], Exception]
) -> CallTool:
    """
    Return ``call_tool``, whose callers are told what only they can mend, and nothing beyond that.

    A library either hides all of an exception or shows all of it. Of a refusal the public sentence
    goes out, whatever the library's setting is; its detail is the issuer's answer, and is written
    down.
    """

    @wraps(call_tool)
    async def told(*given: Any, **options: Any) -> Any:
        try:
            return await call_tool(*given, **options)
        except Exception as error:
            said = sentence_of(unwrap(error), str(given[0] if given else ""))
            if said is None:
                raise
            raise tool_error(said) from None

    return cast(CallTool, told)


def sentence_of(error: BaseException | None, name: str) -> str | None:
    """Return what a peer may read of ``error``, which is written down; ``None`` of an author's."""
    if isinstance(error, DownstreamProblem | Unavailable):
        _write_down("tool-without-token", name, error)
        return error.public
    if isinstance(error, ConfigurationError):
        correlation_id = _write_down("tool-failed", name, error)
        return f"It failed. The operator of this server finds the reason under {correlation_id}."
    return None


def log_route_error(problem: HttpError, route: str) -> str:
    """Log why ``route`` got no token for the next server, and return the correlation id."""
    return _write_down("route-without-token", route, problem)


def _write_down(event: str, name: str, error: BaseException) -> str:
    # Brought in by the first failure: with what it brings along, it weighs 10 MB.
    import structlog

    correlation_id = new_correlation_id()
    structlog.get_logger("doorward.guard").error(
        event,
        name=name,
        correlation_id=correlation_id,
        error=type(error).__name__,
        # Without local variables: arguments and identities are in those.
        traceback="".join(traceback.format_exception(error)),
    )
    return correlation_id
