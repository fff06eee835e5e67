"""Which tool a task is of, so that the rules for the tool hold for its results too."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from mcp.server.context import HandlerResult
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS

from doorward.identity import Identity
from doorward.policy import Operation, Policy

_MOST = 10_000
_tools: OrderedDict[str, str] = OrderedDict()


def note_task(params: Mapping[str, Any] | None, result: HandlerResult) -> None:
    """Remember the tool of a call that was answered with a task."""
    task = _task_in(result)
    name = (params or {}).get("name")
    if task is not None and isinstance(name, str):
        _tools[task] = name
        while len(_tools) > _MOST:
            _tools.popitem(last=False)


def require_own_tool(
    params: Mapping[str, Any] | None, caller: Identity | None, policy: Policy
) -> None:
    """
    Let a request about a task pass if its caller may still call the task's tool.

    The guard sees the id of a task and not its tool, and the library knows the person who began it
    and not what their present token holds.

    Raises:
        MCPError: the caller may not call the tool.
    """
    task = (params or {}).get("taskId")
    tool = _tools.get(task) if isinstance(task, str) else None
    if tool is not None and not policy.decide(caller, Operation("tools/call", tool)).allowed:
        raise MCPError(INVALID_PARAMS, "Unknown task")


def _task_in(result: HandlerResult) -> str | None:
    told: Any = result
    if not isinstance(told, Mapping):
        told = getattr(told, "task", told)
        found = getattr(told, "task_id", None)
    else:
        told = told.get("task", told)
        found = told.get("taskId") if isinstance(told, Mapping) else None
    return found if isinstance(found, str) else None
