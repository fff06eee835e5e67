"""Named things that a server offers: kept in the order they came, listed by who asks."""

import re
from typing import Generic, Protocol, TypeVar

from doorward.errors import ConfigurationError
from doorward.identity import Identity
from doorward.mcp_server.protocol_revision import ProtocolRevision
from doorward.mcp_server.refusals import InvalidParams
from doorward.mcp_server.registry.access_rules import AccessRules
from doorward.mcp_server.registry.pagination import paginate
from doorward.mcp_server.request_context import RequestContext
from doorward.policy import Operation, Rule

# Spec: MCP 2026-07-28, server/tools, "Tool Names". What is a SHOULD there is kept here, so that
# every name also fits a header and a file name.
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")


class Registered(Protocol):
    """A tool, a prompt: something with a name and a description on the wire."""

    @property
    def name(self) -> str:
        """The name that a peer uses."""

    def definition(self, revision: ProtocolRevision) -> bytes:
        """Return the description in a list, as JSON text."""


T = TypeVar("T", bound=Registered)


class Registry(Generic[T]):
    """
    Everything of one kind that a server offers.

    ``kind`` is the word for one of them, ``operation`` the method that uses one.
    """

    def __init__(
        self,
        kind: str,
        operation: str,
        access_rules: AccessRules,
        ttl_ms: int,
        page_size: int | None = None,
    ) -> None:
        self._kind = kind
        self._operation = operation
        self._access_rules = access_rules
        self._ttl_ms = ttl_ms
        self._page_size = page_size
        self._items: dict[str, tuple[T, Operation]] = {}

    def __bool__(self) -> bool:
        """Say whether anything is offered."""
        return bool(self._items)

    def add(self, item: T, rule: Rule) -> None:
        """
        Offer one more.

        Raises:
            ConfigurationError: with reason ``unusable-name`` or ``name-taken``.
        """
        if not _NAME.fullmatch(item.name):
            raise ConfigurationError(
                "unusable-name",
                f"{item.name!r} is not a name for a {self._kind}.",
                "Use 1 to 128 letters, digits, '_', '-' and '.'.",
            )
        if item.name in self._items:
            raise ConfigurationError(
                "name-taken",
                f"There are two {self._kind}s named {item.name!r}.",
                "Give one of them another name.",
            )
        operation = Operation(self._operation, item.name)
        self._access_rules.add(operation, rule)
        self._items[item.name] = (item, operation)

    def find(self, name: object, identity: Identity | None) -> T:
        """
        Return what this caller may use under this name.

        Raises:
            InvalidParams: in the same words whether there is no such thing, or it is not for them.
        """
        found = self._items.get(name) if isinstance(name, str) else None
        if found is None or not self._access_rules.may_use(identity, found[1]):
            # One text for both: a difference would be a list of what is hidden.
            raise InvalidParams(f"Unknown {self._kind}: {_shown(name)}")
        return found[0]

    async def list_page(self, request: RequestContext) -> bytes:
        """
        Return the members of a list result: what this caller may use, in the order it came.

        Raises:
            InvalidParams: a cursor that this caller was not given.

        Spec: MCP 2026-07-28, server/tools, "Listing Tools"; server/utilities/caching, pagination
        """
        shown = [
            item
            for item, operation in self._items.values()
            if self._access_rules.may_list(request.identity, operation)
        ]
        page, next_cursor = paginate(shown, request.params.get("cursor"), self._page_size)
        entries = b",".join(item.definition(request.revision) for item in page)
        members = b'"%bs":[%b]%b' % (self._kind.encode(), entries, next_cursor)
        if not request.revision.modern:
            return members
        return members + cache_hints(
            self._ttl_ms, private=self._access_rules.varies_by_caller(request.identity)
        )


def cache_hints(ttl_ms: int, *, private: bool) -> bytes:
    """
    Return the caching hints of a result, as more members of it.

    Spec: MCP 2026-07-28, server/utilities/caching
    """
    return b',"ttlMs":%d,"cacheScope":"%b"' % (ttl_ms, b"private" if private else b"public")


def _shown(name: object) -> str:
    return name[:128] if isinstance(name, str) else "(no name)"
