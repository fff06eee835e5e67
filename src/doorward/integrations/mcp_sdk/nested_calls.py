"""Applies the caller's permissions to what a tool calls, reads or lists on its own server."""

from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from functools import wraps
from typing import Any
from weakref import WeakSet

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import MCPServerError, ResourceError, ToolError

from doorward.integrations.declared_rules import DeclaredPolicy
from doorward.integrations.mcp_sdk.adapter import SdkRequest, current_sdk_request
from doorward.policy import Operation, decide_arguments

# Whether a component runs already. The first call is the request, which the guard has decided.
_running: ContextVar[bool] = ContextVar("doorward_running", default=False)
_PATCHED: WeakSet[MCPServer[Any]] = WeakSet()


def authorize_nested_calls(server: MCPServer[Any]) -> None:
    """
    Let ``server`` run and list for its own tools only what their caller may use.

    A tool may read a resource or call a tool by a name that came as an argument, which the guard
    has seen only as an argument. Calls without a guarded caller are not checked.
    """
    if server in _PATCHED:
        return
    _PATCHED.add(server)
    for attribute, method, error in (
        ("call_tool", "tools/call", ToolError),
        ("get_prompt", "prompts/get", ToolError),
        ("read_resource", "resources/read", ResourceError),
    ):
        setattr(
            server, attribute, _authorized_run(server, method, error, getattr(server, attribute))
        )
    for attribute, method, name in (
        ("list_tools", "tools/call", "name"),
        ("list_prompts", "prompts/get", "name"),
        ("list_resources", "resources/read", "uri"),
        ("list_resource_templates", "resources/read", "uri_template"),
    ):
        setattr(server, attribute, _filtered_list(server, method, name, getattr(server, attribute)))


def _authorized_run(
    server: MCPServer[Any],
    method: str,
    error: type[MCPServerError],
    run: Callable[..., Awaitable[Any]],
) -> Callable[..., Awaitable[Any]]:
    @wraps(run)
    async def decided(name: Any, *given: Any, **options: Any) -> Any:
        request = _nested_request(server)
        if request is not None:
            operation = Operation(method, str(name))
            arguments = given[0] if given else options.get("arguments")
            decision = decide_arguments(
                request.policy.decide(request.caller, operation),
                request.caller,
                operation,
                {"arguments": arguments},
            )
            if not decision.allowed:
                refusal, correlation_id = request.refuse(operation, decision)
                raise error(f"{refusal.description} ({refusal.code}, {correlation_id})")
        token = _running.set(True)
        try:
            return await run(name, *given, **options)
        finally:
            _running.reset(token)

    return decided


def _filtered_list(
    server: MCPServer[Any],
    method: str,
    name: str,
    listing: Callable[..., Awaitable[Sequence[Any]]],
) -> Callable[..., Awaitable[Sequence[Any]]]:
    @wraps(listing)
    async def permitted(*given: Any, **options: Any) -> Sequence[Any]:
        found = await listing(*given, **options)
        request = _nested_request(server)
        # The middleware filters lists that a client requests.
        if request is None:
            return found
        decide, caller = request.policy.decide, request.caller
        return [
            one
            for one in found
            if decide(caller, Operation(method, str(getattr(one, name)))).allowed
        ]

    return permitted


def _nested_request(server: MCPServer[Any]) -> SdkRequest | None:
    """Return who asks, where something of ``server`` runs for a caller of its guard."""
    found = current_sdk_request() if _running.get() else None
    if not isinstance(found, SdkRequest) or not isinstance(found.policy, DeclaredPolicy):
        return None
    # Another server has other rules, and is its author's to call.
    return found if getattr(found.policy.declarations, "server", None) is server else None
