"""Servers made with decorators: a server of our own, and the SDK's ``MCPServer``."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import mcp_types
from mcp.server.mcpserver import MCPServer
from mcp.server.subscriptions import InMemorySubscriptionBus, ResourceUpdated

from doorward.integrations import mcp_sdk
from doorward.mcp_server import McpServer
from doorward.policy import Policy, Rule
from tests.rules.asgi import App
from tests.rules.guards import Callers, guard_of
from tests.rules.model import Component, Model
from tests.rules.recording import Recorder, function_of


@dataclass(frozen=True)
class Served:
    """
    A server behind its guard, and the model that its rules follow.

    ``change`` tells subscribers that the resource at a URI changed. ``policy`` is ``None`` where
    the application must start first.
    """

    app: App
    model: Model
    policy: Policy | None
    change: Callable[[str], Any] | None = None
    completes: bool = True
    lists: bool = True


def own(model: Model, callers: Callers, recorder: Recorder) -> Served:
    """Serve the components with ``McpServer``, by its authors' rules and the operator's."""
    server = McpServer("own", version="1", subscriptions=True)
    known, policy = offer(server, model, recorder)
    guard = guard_of(model, callers, policy=policy)
    return Served(guard.protect(server.asgi), known, policy, server.notify_resource_updated)


def offer(server: McpServer, model: Model, recorder: Recorder) -> tuple[Model, Policy]:
    """Add the components to a server of our own; return its model and its policy."""
    for one in model.components:
        _add(server, one, recorder)
    known = replace(
        model,
        components=tuple(
            one if one.kind == "route" else replace(one, declared=None) for one in model.components
        ),
        # Where both wrote a rule for a name, the operator's replaces the author's.
        rules={**server.rules, **model.rules},
    )
    policy = Policy(
        base=known.base, rules=known.rules, hierarchy=known.hierarchy, unknown=known.unknown
    )
    if model.options["decide"]:
        server.decide = lambda who, what: who is not None and policy.decide(who, what).allowed
    return known, policy


def _add(server: McpServer, component: Component, recorder: Recorder) -> None:
    written = component.declared or Rule()
    rule: dict[str, Any] = {
        "scopes": written.scopes,
        "roles": written.roles,
        "kinds": sorted(written.kinds),
    }
    function = function_of(component, recorder, with_rule=False)
    if component.kind == "tool":
        server.tool(name=component.name, **rule)(function)
    elif component.kind == "prompt":
        server.prompt(name=component.name, **rule)(function)
        server.completion(component.name, "subject")(_completer(component, recorder))
    elif component.kind in ("resource", "template"):
        server.resource(component.pattern, **rule)(function)
    if component.kind == "template" and "{name}" in component.pattern:
        server.completion(component.name, "name")(_completer(component, recorder))


def _completer(component: Component, recorder: Recorder) -> Callable[..., Any]:
    async def complete(value: str) -> list[str]:
        return recorder.completed(component)

    return complete


def sdk(model: Model, callers: Callers, recorder: Recorder) -> Served:
    """Serve the components with the SDK's ``MCPServer``."""
    bus = InMemorySubscriptionBus()
    server = MCPServer("sdk", subscriptions=bus)
    for one in model.components:
        function = function_of(one, recorder)
        if one.kind == "tool":
            server.tool(name=one.name)(function)
        elif one.kind == "prompt":
            server.prompt(name=one.name)(function)
        else:
            server.resource(one.pattern)(function)

    @server.completion()  # type: ignore[no-untyped-call,untyped-decorator]
    async def complete(ref: Any, argument: Any, context: Any) -> Any:
        return mcp_types.Completion(values=completions(model, ref, recorder))

    door = mcp_sdk.protect(server, guard_of(model, callers), **transport_options(model))
    return Served(door, model, door.policy, publisher(bus))


def publisher(bus: InMemorySubscriptionBus) -> Callable[[str], Any]:
    """Return what tells the SDK's subscribers that a resource changed."""
    return lambda uri: bus.publish(ResourceUpdated(uri=uri))


def completions(model: Model, ref: Any, recorder: Recorder) -> list[str]:
    """Complete an argument of the prompt or the template that ``ref`` names exactly."""
    wanted = {"prompt": getattr(ref, "name", None), "template": getattr(ref, "uri", None)}
    for one in model.of_kind("prompt", "template"):
        if wanted[one.kind] == one.name:
            return recorder.completed(one)
    return []


def transport_options(model: Model) -> dict[str, Any]:
    """Return how the SDK's transport is to run."""
    return {name: model.options[name] for name in ("stateless_http", "json_response")}
