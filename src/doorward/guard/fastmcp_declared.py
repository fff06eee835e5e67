"""What a FastMCP server says of its tools, prompts and resources, however they are addressed."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from fastmcp import FastMCP
from fastmcp.prompts.base import Prompt
from fastmcp.resources.base import Resource
from fastmcp.resources.template import ResourceTemplate
from fastmcp.server.context import reset_transport, set_transport
from fastmcp.server.providers.addressing import parse_hashed_backend_name, tool_identity
from fastmcp.tools.base import Tool
from fastmcp.utilities.authorization import _RequireScopes, _RestrictTag

from doorward.guard.declared import requires, rules_on
from doorward.policy import Operation, Rule

_REMEMBERED = 4096
_KINDS: Mapping[str, tuple[type[Any], ...]] = {
    "tools/call": (Tool,),
    "prompts/get": (Prompt,),
    "resources/read": (Resource, ResourceTemplate),
}


class Declared:
    """
    The rules of one server: ``auth=`` of its components, and ``requires`` on their functions.

    Components that the server holds itself are looked at for each request. Those that come from
    elsewhere (mounted servers, providers, transforms) are read by ``read``; one that appears
    between two readings has no rule yet, and is refused where no policy of the operator knows it.
    """

    def __init__(self, server: FastMCP[Any]) -> None:
        self._server = server
        self._found: dict[tuple[str, str], list[Rule]] = {}
        self._templates: list[tuple[ResourceTemplate, list[Rule]]] = []
        self._hashed: dict[str, list[Rule]] = {}
        self._known: dict[int, tuple[Any, Any, list[Rule]]] = {}

    async def read(self) -> None:
        """Read what the server offers now, under the names that callers use."""
        found: dict[tuple[str, str], list[Rule]] = {}
        templates: list[tuple[ResourceTemplate, list[Rule]]] = []
        hashed: dict[str, list[Rule]] = {}
        # As on a pipe, where FastMCP asks nobody for a token: what is hidden from some is read too.
        token = set_transport("stdio")
        try:
            _check_inside(self._server)
            for component in await _offered(self._server):
                rules = await _rules_behind(component)
                # Of several versions, a caller may name any: all of their rules hold.
                found.setdefault(_key(component), []).extend(rules)
                if isinstance(component, ResourceTemplate):
                    templates.append((component, rules))
                if isinstance(component, Tool) and (address := tool_identity(component)):
                    hashed.setdefault(address, []).extend(rules)
        finally:
            reset_transport(token)
        self._found, self._templates, self._hashed = found, templates, hashed

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
            # As a rule the two say the same, in the same words.
            rules += [rule for rule in some if rule not in rules]
        if method == "resources/read":
            rules += [
                one for template, some in self._templates if _fits(template, name) for one in some
            ]
        elif method == "tools/call" and (address := parse_hashed_backend_name(name)):
            rules += self._hashed.get(address[0], ())
        return rules

    def declared(self) -> Mapping[tuple[str, str], Sequence[Rule]]:
        """Return all that is declared."""
        everything = {key: list(rules) for key, rules in self._found.items() if rules}
        for component in self._server._local_provider._components.values():
            if isinstance(component, (Tool, Prompt, Resource, ResourceTemplate)) and (
                rules := _rules_of(component)
            ):
                everything.setdefault(_key(component), rules)
        return everything

    def _rules_of(self, component: Any) -> list[Rule]:
        known = self._known.get(id(component))
        if known is None or known[0] is not component or known[1] is not component.auth:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[id(component)] = (component, component.auth, _rules_of(component))
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


async def _offered(server: FastMCP[Any]) -> list[Any]:
    return [
        *await server.list_tools(run_middleware=False),
        *await server.list_prompts(run_middleware=False),
        *await server.list_resources(run_middleware=False),
        *await server.list_resource_templates(run_middleware=False),
    ]


def _key(component: Any) -> tuple[str, str]:
    if isinstance(component, Tool):
        return ("tools/call", component.name)
    if isinstance(component, Prompt):
        return ("prompts/get", component.name)
    if isinstance(component, ResourceTemplate):
        return ("resources/read", component.uri_template)
    return ("resources/read", str(component.uri))


def _rules_of(component: Any) -> list[Rule]:
    """Return what the component itself says."""
    rules = [*rules_on(getattr(component, "fn", None))]
    checks = component.auth if isinstance(component.auth, list) else [component.auth]
    for check in checks:
        if isinstance(check, requires):
            rules.append(check.rule)
        elif isinstance(check, _RequireScopes) or (
            isinstance(check, _RestrictTag) and check.tag in component.tags
        ):
            rules.append(Rule(check.required_scopes))
    # Said twice, as a check and by the function under it, it is still said once.
    return list(dict.fromkeys(rules))


async def _rules_behind(component: Any) -> list[Rule]:
    """Return what the component says, and what those say that it stands in front of."""
    rules = _rules_of(component)
    if (parent := getattr(component, "parent_tool", None)) is not None:
        rules += await _rules_behind(parent)
    if (server := getattr(component, "_server", None)) is not None:
        _check_inside(server)
        for one in await _offered(server):
            if _key(one)[1] == _original(component) and _key(one)[0] == _key(component)[0]:
                rules += await _rules_behind(one)
    return list(dict.fromkeys(rules))


def _original(component: Any) -> str | None:
    for name in ("_original_name", "_original_uri", "_original_uri_template"):
        if (found := getattr(component, name, None)) is not None:
            return str(found)
    return None


def _check_inside(server: FastMCP[Any]) -> None:
    """Let FastMCP check marked functions itself too, by whatever name a call comes to them."""
    held: Iterable[Any] = server._local_provider._components.values()
    for component in held:
        checks = component.auth if isinstance(component.auth, list) else [component.auth]
        known = [check.rule for check in checks if isinstance(check, requires)]
        marked = rules_on(getattr(component, "fn", None))
        if missing := [_as_check(rule) for rule in marked if rule not in known]:
            component.auth = [*(check for check in checks if check is not None), *missing]


def _as_check(rule: Rule) -> Callable[[Any], bool]:
    return requires(scopes=rule.scopes, roles=rule.roles, kinds=rule.kinds)


def _fits(template: ResourceTemplate, uri: str) -> bool:
    return template.uri_template == uri or template.matches(uri) is not None
