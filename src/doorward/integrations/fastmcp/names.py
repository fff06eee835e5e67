"""The names by which callers reach the components of a FastMCP server."""

import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from fastmcp import FastMCP
from fastmcp.resources.template import ResourceTemplate, expand_uri_template
from fastmcp.server.providers.addressing import parse_hashed_backend_name, tool_identity
from fastmcp.tools.base import Tool

from doorward.integrations.fastmcp.components import (
    READ,
    Component,
    Name,
    implementation_keys,
    name_of,
    original_name,
)
from doorward.policy import Operation

_RELOAD_INTERVAL = 1.0


class ComponentNames:
    """
    The public names of the components of ``server``, and the other names of each component.

    A component can have two public names. Its name on a mounted server, or before a transform, is
    also another name, unless it is the public name of another component.
    """

    def __init__(
        self,
        server: FastMCP[Any],
        read_again: Callable[[], Awaitable[None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.server = server
        self._reload = read_again
        self._servers: dict[int, FastMCP[Any]] = {id(server): server}
        self._proxied_by_id: dict[int, FastMCP[Any]] = {}
        self._public: dict[Name, Any] = {}
        self._inside: dict[tuple[int, str, str], set[str]] = {}
        self._other_names: dict[Name, tuple[Operation, ...]] = {}
        self._templates: list[ResourceTemplate] = []
        self._hashed: dict[str, str] = {}
        self._clock = clock
        self._next_reload = 0.0

    def __contains__(self, server: FastMCP[Any]) -> bool:
        return id(server) in self._servers or id(server) in self._proxied_by_id

    def is_proxied(self, server: FastMCP[Any]) -> bool:
        """Return whether ``server`` is reached only through a proxy."""
        return id(server) not in self._servers

    def add(self, server: FastMCP[Any]) -> None:
        """Add a server that was mounted since the last snapshot."""
        self._servers[id(server)] = server

    def with_other_names(self) -> Collection[Name]:
        """Return the public names of components that also have other names."""
        return self._other_names

    def update(
        self,
        servers: Iterable[FastMCP[Any]],
        beyond: Iterable[FastMCP[Any]],
        chains: Sequence[Sequence[Component]],
        held: Iterable[Any],
    ) -> None:
        """
        Replace the names with those of a new snapshot.

        It has the servers, the servers behind proxies, each public component with all that it
        wraps, and the providers' own components.
        """
        self._servers = {id(one): one for one in servers}
        self._proxied_by_id = {id(one): one for one in beyond}
        self._public = {name_of(chain[0].component): chain[0].component for chain in chains}
        self._templates = [
            one for one in self._public.values() if isinstance(one, ResourceTemplate)
        ]
        self._inside, self._hashed = {}, {}
        alike: dict[Any, set[Name]] = {}
        for chain in chains:
            self._index_chain(chain, alike)
        # The names of components before any transform.
        before: dict[Any, set[Name]] = {}
        for component in held:
            for what in implementation_keys(component):
                before.setdefault(what, set()).add(name_of(component))
        self._other_names = {
            name: others
            for chain in chains
            if (
                others := self._find_other_names(
                    name := name_of(chain[0].component), chain, alike, before
                )
            )
        }

    def _index_chain(self, chain: Sequence[Component], alike: dict[Any, set[Name]]) -> None:
        public = name_of(chain[0].component)
        for server, component in chain:
            if server is not self.server:
                place = (id(server), *name_of(component))
                self._inside.setdefault(place, set()).add(public[1])
            for what in implementation_keys(component):
                alike.setdefault(what, set()).add(public)
            if isinstance(component, Tool) and (digest := tool_identity(component)):
                self._hashed.setdefault(digest, public[1])

    def _find_other_names(
        self,
        public: Name,
        chain: Sequence[Component],
        alike: dict[Any, set[Name]],
        held: dict[Any, set[Name]],
    ) -> tuple[Operation, ...]:
        same = {
            name for _, one in chain for what in implementation_keys(one) for name in alike[what]
        }
        same |= {
            (public[0], name)
            for server, one in chain
            for name in self._inside.get((id(server), *name_of(one)), ())
        }
        before = {name_of(one) for _, one in chain}
        before |= {
            (public[0], name) for _, one in chain if (name := original_name(one)) is not None
        }
        before |= {
            name
            for _, one in chain
            for what in implementation_keys(one)
            for name in held.get(what, ())
        }
        # A name that is public now belongs to that public component.
        found = same | {name for name in before if name not in self._public}
        return tuple(Operation(*name) for name in sorted(found - {public}))

    def other_names(self, operation: Operation) -> Sequence[Operation]:
        """Return the operations that run the same component under another name."""
        method, name = operation.method, operation.name
        if name is None or not self._other_names:
            return ()
        if method != READ or (method, name) in self._public:
            return self._other_names.get((method, name), ())
        found: list[Operation] = []
        for template in self._templates:
            others = self._other_names.get((READ, template.uri_template))
            if others and (params := template.matches(name)) is not None:
                found += self._expanded(others, params)
        return found

    def _expanded(
        self, templates: Sequence[Operation], params: dict[str, Any]
    ) -> Iterator[Operation]:
        for template in templates:
            uri = expand_uri_template(template.name or "", params)
            public = (READ, template.name) in self._public
            if public or not self._is_public(uri):
                yield Operation(READ, uri)

    def _is_public(self, uri: str) -> bool:
        return (READ, uri) in self._public or any(
            template.matches(uri) is not None for template in self._templates
        )

    def listed(self, operation: Operation) -> Operation:
        """Return ``operation`` with the name that lists show, if it addresses the tool of an app."""
        name = operation.name
        if not self._hashed or operation.method != "tools/call" or name is None:
            return operation
        address = parse_hashed_backend_name(name)
        known = self._hashed.get(address[0]) if address else None
        if known is None or (operation.method, name) in self._public:
            return operation
        return Operation(operation.method, known)

    async def reload_if_unknown(self, name: Name) -> None:
        """Take a new snapshot if ``name`` is not known yet."""
        if name not in self._public:
            await self.reload()

    async def reload(self) -> None:
        """Take a new snapshot, at most once in ``_RELOAD_INTERVAL`` seconds."""
        if self._clock() >= self._next_reload:
            self._next_reload = self._clock() + _RELOAD_INTERVAL
            await self._reload()

    async def public(
        self, server: FastMCP[Any], method: str, name: str, *, is_there: bool
    ) -> Collection[str]:
        """
        Return the public names of the component ``name`` of ``server``, a mounted server.

        If ``is_there`` and the name is unknown, a new snapshot is taken, at most once in
        ``_RELOAD_INTERVAL`` seconds: callers choose the names.
        """
        place = (id(server), method, name)
        if place not in self._inside and is_there:
            await self.reload()
        return self._inside.get(place, ())
