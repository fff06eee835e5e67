"""The rules that a FastMCP server declares on its tools, prompts and resources."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from fastmcp import FastMCP
from fastmcp.prompts.base import Prompt
from fastmcp.resources.base import Resource
from fastmcp.resources.template import ResourceTemplate
from fastmcp.server.context import reset_transport, set_transport
from fastmcp.tools.base import Tool
from fastmcp.tools.tool_transform import TransformedTool
from fastmcp.utilities.authorization import _RequireScopes, _RestrictTag
from fastmcp.utilities.components import FastMCPComponent

from doorward.integrations.declared_rules import requires, rules_on
from doorward.integrations.fastmcp.components import (
    Component,
    ServerComponents,
    name_of,
    providers_in,
    proxied_servers,
    require_no_hidden_lists,
)
from doorward.integrations.fastmcp.decisions import authorize_inner_calls
from doorward.integrations.fastmcp.names import ComponentNames
from doorward.integrations.mcp_sdk.adapter import without_caller
from doorward.policy import Operation, Rule

_CACHE_SIZE = 4096
_KINDS: Mapping[str, tuple[type[Any], ...]] = {
    "tools/call": (Tool,),
    "prompts/get": (Prompt,),
    "resources/read": (Resource, ResourceTemplate),
}


class FastMcpDeclarations:
    """
    The rules of one server: ``auth=`` of its components, and ``requires`` on their functions.

    The server's own components are looked up for each request, and every component again before it
    runs. ``read`` takes a snapshot of the others (mounted servers, providers, transforms). A
    request for an unknown component takes a new one.
    """

    def __init__(self, server: FastMCP[Any]) -> None:
        self._server = server
        self.names = ComponentNames(server, self.read)
        self._found: dict[tuple[str, str], list[Rule]] = {}
        self._templates: list[tuple[ResourceTemplate, list[Rule]]] = []
        self._rules_cache: dict[int, tuple[Any, Any, list[Rule]]] = {}
        authorize_inner_calls(server)

    async def read(self) -> None:
        """
        Take a snapshot of the server's components, by the names that callers use.

        Raises:
            ConfigurationError: ``unknown-transform``, ``proxied-transform``.
        """
        proxied = await proxied_servers(self._server)
        require_no_hidden_lists(self._server, proxied)
        providers = list(providers_in(self._server))
        servers = [one for one in providers if isinstance(one, FastMCP)]
        reading = ServerComponents()
        # On stdio, FastMCP checks no token and lists components that it hides from some callers.
        token = set_transport("stdio")
        try:
            with without_caller():
                for server in servers:
                    _add_auth_checks(server)
                for server in (*servers, *proxied):
                    authorize_inner_calls(server)
                chains = [
                    await reading.chain(self._server, component)
                    for component in await reading.offered(self._server)
                ]
                held = await reading.held(providers)
        finally:
            reset_transport(token)
        self._store_rules(chains)
        self.names.update(servers, proxied, chains, held)

    def _store_rules(self, chains: Sequence[Sequence[Component]]) -> None:
        found: dict[tuple[str, str], list[Rule]] = {}
        templates: list[tuple[ResourceTemplate, list[Rule]]] = []
        for chain in chains:
            component = chain[0].component
            rules = list(
                dict.fromkeys(rule for link in chain for rule in _rules_of(link.component))
            )
            # A caller can name any of several versions, so the rules of all of them apply.
            found.setdefault(name_of(component), []).extend(rules)
            if isinstance(component, ResourceTemplate):
                templates.append((component, rules))
        self._found, self._templates = found, templates

    def rules_of(self, operation: Operation) -> Sequence[Rule]:
        """Return every rule declared for ``operation``."""
        method, name = operation.method, operation.name
        if name is None or method not in _KINDS:
            return ()
        rules: list[Rule] = []
        for some in (
            self._found.get((method, name), ()),
            *map(self._rules_of, self._own(method, name)),
        ):
            # Usually both have the same rules.
            rules += [rule for rule in some if rule not in rules]
        if method == "resources/read":
            rules += [
                one for template, some in self._templates if _fits(template, name) for one in some
            ]
        return rules

    def listed(self, operation: Operation) -> Operation:
        """Return ``operation`` with the name that lists show."""
        return self.names.listed(operation)

    def other_names(self, operation: Operation) -> Sequence[Operation]:
        """Return the operations that run the same component under another name."""
        return self.names.other_names(operation)

    def declared(self) -> Mapping[tuple[str, str], Sequence[Rule]]:
        """Return all declared rules, and every component with several names."""
        everything = {key: list(rules) for key, rules in self._found.items() if rules}
        for component in self._server._local_provider._components.values():
            if isinstance(component, (Tool, Prompt, Resource, ResourceTemplate)) and (
                rules := _rules_of(component)
            ):
                everything.setdefault(name_of(component), rules)
        for name in self.names.with_other_names():
            everything.setdefault(name, [])
        return everything

    def offered(self) -> Collection[tuple[str, str]]:
        """Return all operations of the last snapshot, and those of the server's own components."""
        held = self._server._local_provider._components.values()
        kinds = (Tool, Prompt, Resource, ResourceTemplate)
        return {*self._found, *(name_of(one) for one in held if isinstance(one, kinds))}

    def rules_of_component(self, component: Any) -> Sequence[Rule]:
        """Return the rules on a component and on those that it was transformed from."""
        rules = self._rules_of(component) if isinstance(component, FastMCPComponent) else []
        while isinstance(component, TransformedTool):
            component = component.parent_tool
            rules = rules + self._rules_of(component)
        return rules

    def _rules_of(self, component: Any) -> list[Rule]:
        known = self._rules_cache.get(id(component))
        if known is None or known[0] is not component or known[1] is not component.auth:
            if len(self._rules_cache) >= _CACHE_SIZE:
                self._rules_cache.clear()
            known = self._rules_cache[id(component)] = (
                component,
                component.auth,
                _rules_of(component),
            )
        return known[2]

    def _own(self, method: str, name: str) -> Iterator[Any]:
        held = self._server._local_provider._components
        for kind in _KINDS[method]:
            if (component := held.get(f"{kind.make_key(name)}@")) is not None:
                yield component
        if method == "resources/read":
            for component in held.values():
                if isinstance(component, ResourceTemplate) and _fits(component, name):
                    yield component


def _rules_of(component: Any) -> list[Rule]:
    """Return the rules on the component itself."""
    rules = [*rules_on(getattr(component, "fn", None))]
    checks = component.auth if isinstance(component.auth, list) else [component.auth]
    for check in checks:
        if isinstance(check, requires):
            rules.append(check.rule)
        elif isinstance(check, _RequireScopes) or (
            isinstance(check, _RestrictTag) and check.tag in component.tags
        ):
            rules.append(Rule(check.required_scopes))
    # The check and the function can declare the same rule.
    return list(dict.fromkeys(rules))


def _add_auth_checks(server: FastMCP[Any]) -> None:
    """Add the rules of ``requires`` as FastMCP's auth checks, which apply to every name."""
    held: Iterable[Any] = server._local_provider._components.values()
    for component in held:
        checks = component.auth if isinstance(component.auth, list) else [component.auth]
        known = [check.rule for check in checks if isinstance(check, requires)]
        marked = rules_on(getattr(component, "fn", None))
        if missing := [_as_check(rule) for rule in marked if rule not in known]:
            component.auth = [*(check for check in checks if check is not None), *missing]


def _as_check(rule: Rule) -> Callable[[Any], bool]:
    return requires(
        scopes=rule.scopes,
        roles=rule.roles,
        kinds=() if rule.public else rule.kinds,
        public=rule.public,
        advertised=rule.advertised,
    )


def _fits(template: ResourceTemplate, uri: str) -> bool:
    return template.uri_template == uri or template.matches(uri) is not None
