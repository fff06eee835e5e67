"""The components of a FastMCP server, and the components that each of them runs."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from contextvars import ContextVar
from inspect import isawaitable, ismethod
from typing import Any, NamedTuple

from fastmcp import FastMCP
from fastmcp.prompts.base import Prompt
from fastmcp.resources.template import ResourceTemplate
from fastmcp.server.providers import FastMCPProvider
from fastmcp.server.providers.aggregate import AggregateProvider
from fastmcp.server.providers.fastmcp_provider import (
    FastMCPProviderPrompt,
    FastMCPProviderResource,
    FastMCPProviderResourceTemplate,
    FastMCPProviderTool,
)
from fastmcp.server.providers.proxy import (
    ProxyPrompt,
    ProxyProvider,
    ProxyResource,
    ProxyTemplate,
    ProxyTool,
)
from fastmcp.server.transforms import PromptsAsTools, ResourcesAsTools
from fastmcp.server.transforms.catalog import CatalogTransform
from fastmcp.tools.base import Tool
from fastmcp.tools.tool_transform import TransformedTool

from doorward.errors import ConfigurationError

Name = tuple[str, str]
READ = "resources/read"


# The attribute in which a component keeps the name of the component that it wraps.
_MOUNTED: Mapping[type[Any], str] = {
    FastMCPProviderTool: "_original_name",
    FastMCPProviderPrompt: "_original_name",
    FastMCPProviderResource: "_original_uri",
    FastMCPProviderResourceTemplate: "_original_uri_template",
}
_PROXIED: Mapping[type[Any], str] = {
    ProxyTool: "_backend_name",
    ProxyPrompt: "_backend_name",
    ProxyResource: "_backend_uri",
    ProxyTemplate: "_backend_uri_template",
}


_NAME_ATTRIBUTES: dict[type[Any], tuple[str | None, bool]] = {}


def _name_attribute(kind: type[Any]) -> tuple[str | None, bool]:
    """Return the attribute with the wrapped name, and whether a mounted server runs it."""
    known = _NAME_ATTRIBUTES.get(kind)
    if known is None:
        known = _NAME_ATTRIBUTES[kind] = _find_name_attribute(kind)
    return known


def _find_name_attribute(kind: type[Any]) -> tuple[str | None, bool]:
    for names, is_mounted in ((_MOUNTED, True), (_PROXIED, False)):
        for one, attribute in names.items():
            if issubclass(kind, one):
                return attribute, is_mounted
    return None, False


def server_behind(component: Any) -> FastMCP[Any] | None:
    """Return the mounted server that runs a component."""
    return component._server if _name_attribute(type(component))[1] else None


def name_of(component: Any) -> Name:
    """Return the method that runs a component, and the name by which its server lists it."""
    if isinstance(component, Tool):
        return ("tools/call", component.name)
    if isinstance(component, Prompt):
        return ("prompts/get", component.name)
    if isinstance(component, ResourceTemplate):
        return (READ, component.uri_template)
    return (READ, str(component.uri))


def providers_in(server: FastMCP[Any]) -> Iterator[Any]:
    """Yield ``server`` and every provider in it, those of mounted servers included."""
    seen: set[int] = set()
    todo: list[Any] = [server]
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        todo += getattr(one, "providers", ())
        todo += [inner] if (inner := getattr(one, "_inner", None)) is not None else []
        todo += [one.server] if isinstance(one, FastMCPProvider) else []


def unmodified_components(server: FastMCP[Any]) -> Mapping[str, Any] | None:
    """Return the components of ``server``, if no provider or transform adds to or changes them."""
    held = server._local_provider
    is_plain = server.providers == [held] and not server._transforms and not held._transforms
    return held._components if is_plain and type(server).get_tool is FastMCP.get_tool else None


def _bypass_switches(server: FastMCP[Any]) -> list[ContextVar[bool]]:
    """
    Return the context variables that make search transforms list the tools that they hide.

    Raises:
        ConfigurationError: ``unknown-transform``.
    """
    found: list[ContextVar[bool]] = []
    for provider in providers_in(server):
        for transform in provider._transforms:
            if not isinstance(transform, CatalogTransform):
                continue
            if (bypass := getattr(transform, "_bypass", None)) is None:
                raise ConfigurationError(
                    "unknown-transform",
                    f"The server {server.name!r} has a {type(transform).__name__}, and this release"
                    " of FastMCP does not say which tools that hides.",
                    "Remove the transform, or install a release of FastMCP that Doorward supports.",
                )
            found.append(bypass)
    return found


async def proxied_servers(server: FastMCP[Any]) -> list[FastMCP[Any]]:
    """Return every server of this process that ``server`` reaches through a proxy."""
    found: list[FastMCP[Any]] = []
    todo = [server]
    while todo:
        for provider in providers_in(todo.pop()):
            if not isinstance(provider, ProxyProvider):
                continue
            proxied = await _proxied(provider.client_factory)
            if proxied is not None and proxied not in found:
                todo.append(proxied)
                found += [one for one in providers_in(proxied) if isinstance(one, FastMCP)]
    return found


def require_no_hidden_lists(server: FastMCP[Any], beyond: Iterable[FastMCP[Any]]) -> None:
    """
    Refuse a proxy of a server in this process that has tools which list or replace others.

    A proxy caches one list for all of its callers, so lists behind it cannot be filtered.

    Raises:
        ConfigurationError: ``proxied-transform``.
    """
    for inner in beyond:
        for one in providers_in(inner):
            for transform in one._transforms:
                if isinstance(transform, (CatalogTransform, ResourcesAsTools, PromptsAsTools)):
                    raise ConfigurationError(
                        "proxied-transform",
                        f"The server {server.name!r} reaches {inner.name!r} through a proxy, and it"
                        f" has a {type(transform).__name__}: its tools show others that no rule"
                        " allows.",
                        f"Mount {inner.name!r} itself, or add the transform to {server.name!r}.",
                    )


async def _proxied(client_factory: Callable[[], Any]) -> FastMCP[Any] | None:
    """Return the server in this process that a proxy connects to, if it does."""
    try:
        made = client_factory()
        client = await made if isawaitable(made) else made
    except Exception:  # noqa: BLE001 - the author's code, which can need a request
        return None
    server = getattr(client.transport, "server", None)
    return server if isinstance(server, FastMCP) else None


class Component(NamedTuple):
    """A component, and the server on which it runs."""

    server: FastMCP[Any]
    component: Any


class ServerComponents:
    """A snapshot of all components of a server and of the servers mounted in it."""

    def __init__(self) -> None:
        self._offered: dict[int, list[Any]] = {}
        self._proxied: dict[Callable[[], Any], FastMCP[Any] | None] = {}

    async def offered(self, server: FastMCP[Any]) -> list[Any]:
        """Return every component of ``server``, including those that a search transform hides."""
        known = self._offered.get(id(server))
        if known is None:
            known = self._offered[id(server)] = await _offered(server)
        return known

    async def held(self, providers: Iterable[Any]) -> list[Any]:
        """Return the own components of ``providers``, with their names before any transform."""
        return [
            component
            for provider in providers
            # Components of these come from other providers, or from a remote server.
            if not isinstance(provider, (AggregateProvider, FastMCPProvider, ProxyProvider))
            and getattr(provider, "_inner", None) is None
            for component in (
                *await provider._list_tools(),
                *await provider._list_prompts(),
                *await provider._list_resources(),
                *await provider._list_resource_templates(),
            )
        ]

    async def chain(self, server: FastMCP[Any], component: Any) -> list[Component]:
        """Return the component, and all components that it wraps."""
        links = [Component(server, component)]
        if isinstance(component, TransformedTool):
            parent = component.parent_tool
            links += await self.chain(server, parent)
        if (
            inner := server_behind(component) or await self._server_behind_proxy(component)
        ) is not None:
            method, name = name_of(component)
            # A proxy keeps the remote name only if it shows another one.
            wanted = (method, original_name(component) or name)
            for one in await self.offered(inner):
                if name_of(one) == wanted:
                    links += await self.chain(inner, one)
        return links

    async def _server_behind_proxy(self, component: Any) -> FastMCP[Any] | None:
        """Return the server in this process that runs the proxy's component."""
        # The proxy connects without a token, so that server makes no checks of its own.
        factory = getattr(component, "_client_factory", None)
        if factory is None:
            return None
        if factory not in self._proxied:
            self._proxied[factory] = await _proxied(factory)
        return self._proxied[factory]


async def _offered(server: FastMCP[Any]) -> list[Any]:
    switches = _bypass_switches(server)
    found = [
        *await server.list_tools(run_middleware=False),
        *await server.list_prompts(run_middleware=False),
        *await server.list_resources(run_middleware=False),
        *await server.list_resource_templates(run_middleware=False),
    ]
    if not switches:
        return found
    with ExitStack() as stack:
        for bypass in switches:
            stack.callback(bypass.reset, bypass.set(True))
        hidden = await server.list_tools(run_middleware=False)
    known = {tool.key for tool in found}
    return found + [tool for tool in hidden if tool.key not in known]


def original_name(component: Any) -> str | None:
    """Return the component's name on the mounted server or on the proxy's backend."""
    attribute, _ = _name_attribute(type(component))
    found = None if attribute is None else getattr(component, attribute)
    return None if found is None else str(found)


def implementation_keys(component: Any) -> Iterator[Any]:
    """Yield keys that are equal for all components that run the same code."""
    # Wrapped functions are not followed: many tools can share one function.
    function = getattr(component, "fn", None)
    if ismethod(function):
        yield (id(function.__self__), function.__func__)
    elif function is not None:
        yield id(function)
    # A request of an OpenAPI server.
    if (route := getattr(component, "_route", None)) is not None:
        yield id(route)
