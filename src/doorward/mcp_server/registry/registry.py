"""The tools or the prompts of a server: lookup by name, lists by caller."""

import re
from typing import Any, Generic, Protocol, TypeVar

from msgspec import Raw

from doorward.errors import ConfigurationError
from doorward.identity import Identity
from doorward.mcp_server.protocol_revision import ProtocolRevision
from doorward.mcp_server.refusals import InvalidParams
from doorward.mcp_server.registry.access_rules import AccessRules
from doorward.mcp_server.registry.pagination import Named, paginate
from doorward.mcp_server.request_context import RequestContext, Result
from doorward.policy import Operation, Rule

# Spec: MCP 2026-07-28, server/tools, "Tool Names". Its SHOULD is a must here: then every name fits
# into a header and a file name.
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")


class Registered(Named, Protocol):
    """A tool or a prompt."""

    def definition(self, revision: ProtocolRevision) -> Raw:
        """Return the definition as lists have it."""


T = TypeVar("T", bound=Registered)


class Registry(Generic[T]):
    """
    Everything of one kind that a server offers.

    ``kind`` is "tool" or "prompt", ``operation`` the method that uses one.
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
        """Say whether anything is registered."""
        return bool(self._items)

    def add(self, item: T, rule: Rule) -> None:
        """
        Register an item with its rule.

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
        Return the item of this name, if this caller may use it.

        Raises:
            InvalidParams: the same for an unknown item and one that this caller may not use.
        """
        found = self._items.get(name) if isinstance(name, str) else None
        if found is None or not self._access_rules.may_use(identity, found[1]):
            # One text for both: a difference would reveal hidden names.
            shown = name[:128] if isinstance(name, str) else "(no name)"
            raise InvalidParams(f"Unknown {self._kind}: {shown}")
        return found[0]

    async def list_page(self, request: RequestContext) -> Result:
        """
        Answer a list method with what this caller may use, in the order of registration.

        Raises:
            InvalidParams: this caller was not given the cursor.

        Spec: MCP 2026-07-28, server/tools, "Listing Tools"; server/utilities/caching, pagination
        """
        visible = [
            item
            for item, operation in self._items.values()
            if self._access_rules.may_list(request.identity, operation)
        ]
        page, next_cursor = paginate(visible, request.params.get("cursor"), self._page_size)
        definitions = [item.definition(request.revision) for item in page]
        result: Result = {f"{self._kind}s": definitions, **next_cursor}
        if request.revision.modern:
            varies = self._access_rules.varies_by_caller(request.identity)
            result |= cache_hints(self._ttl_ms, private=varies)
        return result


def cache_hints(ttl_ms: int, *, private: bool) -> dict[str, Any]:
    """
    Return the members of a result that say how long and for whom clients may cache it.

    Spec: MCP 2026-07-28, server/utilities/caching
    """
    return {"ttlMs": ttl_ms, "cacheScope": "private" if private else "public"}
