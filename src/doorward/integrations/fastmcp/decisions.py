"""Decides for the caller, by public names, which components a FastMCP server runs and lists."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from functools import wraps
from typing import Any, NamedTuple
from weakref import WeakSet

from fastmcp import FastMCP
from fastmcp.exceptions import (
    AuthorizationError,
    FastMCPError,
    PromptError,
    ResourceError,
    ToolError,
)
from fastmcp.prompts.base import Prompt
from fastmcp.resources.base import Resource
from fastmcp.resources.template import ResourceTemplate, forward_uri
from fastmcp.server.context import Context
from fastmcp.server.dependencies import get_access_token
from fastmcp.server.providers.addressing import parse_hashed_backend_name
from fastmcp.tools.base import Tool
from fastmcp.tools.tool_transform import TransformedTool
from fastmcp.utilities.components import FastMCPComponent

from doorward.integrations.declared_rules import DeclaredPolicy, listing
from doorward.integrations.fastmcp.components import (
    name_of,
    original_name,
    server_behind,
    unmodified_components,
)
from doorward.integrations.fastmcp.names import ComponentNames
from doorward.integrations.mcp_sdk.adapter import (
    BEARER_PLACEHOLDER,
    SdkRequest,
    current_sdk_request,
)
from doorward.policy import Decision, Operation, decide_arguments

_CALL, _GET, _READ = "tools/call", "prompts/get", "resources/read"
# The page that shows what a tool returned. Its URI is the same on every server.
_RENDERER = "ui://prefab/"
_ERRORS: Mapping[str, type[FastMCPError]] = {
    _CALL: ToolError,
    _GET: PromptError,
    _READ: ResourceError,
}
_KEYS: Mapping[str, type[FastMCPComponent]] = {_CALL: Tool, _GET: Prompt, _READ: Resource}
_Place = tuple[int, str, str]


class _Admitted(NamedTuple):
    """The call that was allowed, and the calls on mounted servers that it causes."""

    own: _Place | None = None
    inner_calls: frozenset[_Place] = frozenset()
    arguments: Any = None


_NOT_ADMITTED = _Admitted()
_admitted: ContextVar[_Admitted] = ContextVar("doorward_admitted", default=_NOT_ADMITTED)
_PATCHED: WeakSet[FastMCP[Any]] = WeakSet()


def authorize_inner_calls(server: FastMCP[Any]) -> None:
    """
    Let ``server`` run and list for the caller of a guard only what the guard's policy allows.

    A tool can call another tool by a name from its arguments, as search transforms do. The guard
    does not see such calls, but all of them use these methods of the server. Calls without a
    caller, such as those at start-up, are not checked.
    """
    if server in _PATCHED:
        return
    _PATCHED.add(server)
    for attribute, method in (
        ("call_tool", _CALL),
        ("render_prompt", _GET),
        ("read_resource", _READ),
    ):
        setattr(server, attribute, _authorized_run(server, method, getattr(server, attribute)))
    for attribute in ("list_tools", "list_prompts", "list_resources", "list_resource_templates"):
        setattr(server, attribute, _filtered_list(server, getattr(server, attribute)))
    # The Skills extension uses this check for its lists.
    if (check := getattr(server, "_check_resource_access", None)) is not None:
        server._check_resource_access = _authorized_check(server, check)  # type: ignore[method-assign]


def _authorized_run(server: FastMCP[Any], method: str, run: Callable[..., Awaitable[Any]]) -> Any:
    @wraps(run)
    async def decided(name: str, *given: Any, **options: Any) -> Any:
        arguments = given[0] if given else options.get("arguments")
        admitted = await _admit(server, method, str(name), options.get("version"), arguments)
        if admitted is None:
            return await run(name, *given, **options)
        token = _admitted.set(admitted)
        try:
            return await run(name, *given, **options)
        finally:
            _admitted.reset(token)

    return decided


def _filtered_list(server: FastMCP[Any], read: Callable[..., Awaitable[Sequence[Any]]]) -> Any:
    @wraps(read)
    async def permitted(**options: Any) -> Sequence[Any]:
        current = _current_request(server)
        # A list of a mounted server is filtered as part of the outer list. A proxy caches one list
        # for all of its callers.
        if current is None or listing.get() or current.names.is_proxied(server):
            return await read(**options)
        token = listing.set(True)
        try:
            found = await read(**options)
        finally:
            listing.reset(token)
        return [
            one for one in found if (await _decide(current, server, *name_of(one), one)).is_listed
        ]

    return permitted


def _authorized_check(server: FastMCP[Any], check: Callable[..., Awaitable[None]]) -> Any:
    @wraps(check)
    async def checked(uri: str, *given: Any, **options: Any) -> None:
        await check(uri, *given, **options)
        current = _current_request(server)
        if current is None or current.names.is_proxied(server):
            return
        component = await _resolved(server, _READ, uri, None)
        if not (await _decide(current, server, _READ, uri, component)).allowed:
            raise AuthorizationError("The policy does not allow this resource.")

    return checked


class _CurrentRequest(NamedTuple):
    """The message that is being served, and the component names of its server."""

    sdk_request: SdkRequest
    names: ComponentNames


def _current_request(server: FastMCP[Any]) -> _CurrentRequest | None:
    """Return the current request, if it came through the guard of this server."""
    found = current_sdk_request()
    if isinstance(found, SdkRequest):
        declarations = getattr(found.policy, "declarations", None)
        names = getattr(declarations, "names", None)
        return (
            _CurrentRequest(found, names)
            if isinstance(names, ComponentNames) and server in names
            else None
        )
    if found is None:
        _require_no_caller()
    return None


def _require_no_caller() -> None:
    # A background task acts for the caller who started it, whose permissions are not known here.
    token = get_access_token()
    if token is not None and token.token.startswith(BEARER_PLACEHOLDER):
        raise ToolError("A background task cannot use other components of its server.")


async def _admit(
    server: FastMCP[Any], method: str, name: str, version: Any, arguments: Any
) -> _Admitted | None:
    """
    Return the calls that this decision allows; ``None`` if nothing has to be decided.

    Raises:
        FastMCPError: the caller may not run it.
    """
    current = _current_request(server)
    here, known = (id(server), method, name), _admitted.get()
    # A tool can call itself with other arguments, for which its rule can have conditions.
    if current is None or (here == known.own and arguments == known.arguments):
        return None
    component = await _resolved(server, method, name, version)
    decision = _component_decision(current, component)
    if here not in known.inner_calls:
        decision = await _decide(current, server, method, name, component, {"arguments": arguments})
    elif not decision.allowed:
        # Its public name was allowed, so the last snapshot is out of date.
        await current.names.reload()
    if not decision.allowed:
        raise _refused(current.sdk_request, method, name, decision)
    inner_calls = frozenset(_inner_calls(current.names, method, name, component))
    return _Admitted(here, inner_calls, arguments)


def _refused(current: SdkRequest, method: str, name: str, decision: Decision) -> FastMCPError:
    refusal, correlation_id = current.refuse(Operation(method, name), decision)
    error = _ERRORS[method](f"{refusal.description} ({refusal.code}, {correlation_id})")
    error.doorward_data = {  # type: ignore[attr-defined]
        "reason": refusal.code,
        "correlation_id": correlation_id,
    }
    return error


async def _resolved(server: FastMCP[Any], method: str, name: str, version: Any) -> Any:
    """Return the component that ``server`` would run; ``None`` if FastMCP finds none."""
    held = unmodified_components(server)
    if held is not None and (found := held.get(f"{_KEYS[method].make_key(name)}@")) is not None:
        return found
    with suppress(FastMCPError):
        async with Context(fastmcp=server):
            if method == _GET:
                return await server.get_prompt(name, version)
            if method == _READ:
                found = await server.get_resource(name, version)
                return found or await server.get_resource_template(name, version)
            tool = await server.get_tool(name, version)
            if tool is None and (address := parse_hashed_backend_name(name)) is not None:
                tool = await server.get_tool_by_hash(*address)
            return tool
    return None


async def _decide(
    current: _CurrentRequest,
    server: FastMCP[Any],
    method: str,
    name: str,
    component: Any,
    params: Mapping[str, Any] | None = None,
) -> Decision:
    """
    Return whether the caller may use the component by one of its public names.

    Without ``params``, as in lists, it is enough that some arguments are allowed.
    """
    (caller, policy, _), names = current
    own_rules = _component_decision(current, component)
    if not own_rules.is_listed:
        return own_rules
    refused: Decision | None = None
    for spellings in await _public(names, server, method, name, component):
        operations = [Operation(method, one) for one in spellings]
        decisions = [policy.decide(caller, one) for one in operations]
        if params is not None:
            decisions = [
                decide_arguments(decision, caller, one, params)
                for decision, one in zip(decisions, operations, strict=True)
            ]
        # What neither is allowed nor listed decides first.
        every = sorted((own_rules, *decisions), key=lambda one: one.is_listed)
        decision = next((one for one in every if not one.allowed), decisions[0])
        if decision.allowed:
            return decision
        if refused is None or not refused.is_listed:
            refused = decision
    # A component without a public name is available to nobody.
    return refused or Decision(False, "unknown-operation")


def _component_decision(current: _CurrentRequest, component: Any) -> Decision:
    """
    Return whether the caller meets the rules on the component itself.

    The component can be newer than the last snapshot of the server.
    """
    caller, policy, _ = current.sdk_request
    assert isinstance(policy, DeclaredPolicy)
    return policy.decide_rules(caller, policy.declarations.rules_of_component(component))


async def _public(
    names: ComponentNames, server: FastMCP[Any], method: str, name: str, component: Any
) -> list[list[str]]:
    """Return the public names of a component, each with the spellings that must all be allowed."""
    listed = name if component is None else name_of(component)[1]
    is_template = isinstance(component, ResourceTemplate) and name != listed
    if server is names.server and component is not None:
        await names.reload_if_unknown(name_of(component))
    if server is names.server or (component is None and name.startswith(_RENDERER)):
        # FastMCP drops a fragment, and a query that the template has no place for.
        resolved = name.partition("#")[0].partition("?")[0] if is_template else listed
        return [[resolved, name] if method == _READ else [resolved]]
    public = await names.public(server, method, listed, is_there=component is not None)
    if not is_template:
        return [[one] for one in public]
    params = component.matches(name) or {}
    return [[forward_uri(one, params, ""), forward_uri(one, params, name)] for one in public]


def _inner_calls(names: ComponentNames, method: str, name: str, component: Any) -> Iterator[_Place]:
    """Yield the calls on mounted servers that run this component."""
    while isinstance(component, TransformedTool):
        component = component.parent_tool
    inner, original = server_behind(component), original_name(component)
    if inner is not None and original is not None:
        if inner not in names:
            # Mounted since the last snapshot.
            names.add(inner)
            authorize_inner_calls(inner)
        if isinstance(component, ResourceTemplate):
            original = forward_uri(original, component.matches(name) or {}, name)
        yield (id(inner), method, original)
