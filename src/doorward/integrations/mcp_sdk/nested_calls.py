"""What a tool of a server calls, reads or lists on its own server is decided for its caller."""

from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from functools import wraps
from typing import Any
from weakref import WeakSet

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import MCPServerError, ResourceError, ToolError

from doorward.integrations.declared_rules import DeclaredPolicy
from doorward.integrations.mcp_sdk.adapter import SdkRequest, asking
from doorward.policy import Operation

# Whether something of a server runs already. Its first call is the request, decided by the guard.
_running: ContextVar[bool] = ContextVar("doorward_running", default=False)
_DECIDED: WeakSet[MCPServer[Any]] = WeakSet()


def decide_nested_calls(server: MCPServer[Any]) -> None:
    """
    Let ``server`` run and list for its own tools only what their caller may use.

    A tool may read a resource or call a tool by a name that came as an argument, which the guard
    has seen as an argument alone. What no caller of a guard asked for is not decided.
    """
    if server in _DECIDED:
        return
    _DECIDED.add(server)
    for attribute, method, error in (
        ("call_tool", "tools/call", ToolError),
        ("get_prompt", "prompts/get", ToolError),
        ("read_resource", "resources/read", ResourceError),
    ):
        setattr(server, attribute, _decided(server, method, error, getattr(server, attribute)))
    for attribute, method, name in (
        ("list_tools", "tools/call", "name"),
        ("list_prompts", "prompts/get", "name"),
        ("list_resources", "resources/read", "uri"),
        ("list_resource_templates", "resources/read", "uri_template"),
    ):
        setattr(server, attribute, _permitted(server, method, name, getattr(server, attribute)))


def _decided(
    server: MCPServer[Any],
    method: str,
    error: type[MCPServerError],
    run: Callable[..., Awaitable[Any]],
) -> Callable[..., Awaitable[Any]]:
    @wraps(run)
    async def decided(name: Any, *given: Any, **options: Any) -> Any:
        asked = _nested_request(server)
        if asked is not None:
            operation = Operation(method, str(name))
            decision = asked.policy.decide(asked.caller, operation)
            if not decision.allowed:
                refusal, correlation_id = asked.refuse(operation, decision)
                raise error(f"{refusal.description} ({refusal.code}, {correlation_id})")
        token = _running.set(True)
        try:
            return await run(name, *given, **options)
        finally:
            _running.reset(token)

    return decided


def _permitted(
    server: MCPServer[Any],
    method: str,
    name: str,
    listing: Callable[..., Awaitable[Sequence[Any]]],
) -> Callable[..., Awaitable[Sequence[Any]]]:
    @wraps(listing)
    async def permitted(*given: Any, **options: Any) -> Sequence[Any]:
        found = await listing(*given, **options)
        asked = _nested_request(server)
        # A list that a client asks for is shortened where it goes out.
        if asked is None:
            return found
        decide, caller = asked.policy.decide, asked.caller
        return [
            one
            for one in found
            if decide(caller, Operation(method, str(getattr(one, name)))).allowed
        ]

    return permitted


def _nested_request(server: MCPServer[Any]) -> SdkRequest | None:
    """Return who asks, where something of ``server`` runs for a caller of its guard."""
    found = asking() if _running.get() else None
    if not isinstance(found, SdkRequest) or not isinstance(found.policy, DeclaredPolicy):
        return None
    # Another server has other rules, and is its author's to call.
    return found if getattr(found.policy.declarations, "server", None) is server else None
