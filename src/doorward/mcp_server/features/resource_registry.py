"""The resources of a server: found by URI, listed by who asks."""

from collections.abc import Mapping

from doorward.errors import ConfigurationError
from doorward.identity import Identity
from doorward.mcp_server.features.resources import Resource, not_found, operation_of
from doorward.mcp_server.refusals import InvalidParams
from doorward.mcp_server.registry.access_rules import AccessRules
from doorward.mcp_server.registry.pagination import paginate
from doorward.mcp_server.registry.registry import cache_hints
from doorward.mcp_server.request_context import RequestContext
from doorward.policy import Rule
from doorward.wire.resource_uri import is_normal

MAX_URI_LENGTH = 2048


class ResourceRegistry:
    """Everything that can be read, fixed URIs before templates, in the order they came."""

    def __init__(self, access_rules: AccessRules, ttl_ms: int, page_size: int | None) -> None:
        self._access_rules = access_rules
        self._ttl_ms = ttl_ms
        self._page_size = page_size
        self._fixed: dict[str, Resource] = {}
        self._templates: dict[str, Resource] = {}

    def __bool__(self) -> bool:
        """Say whether anything is offered."""
        return bool(self._fixed or self._templates)

    def add(self, resource: Resource, rule: Rule) -> None:
        """Offer one more. Raises: ConfigurationError, with reason ``name-taken``."""
        kept = self._fixed if resource.template is None else self._templates
        if resource.name in kept:
            raise ConfigurationError(
                "name-taken",
                f"There are two resources at {resource.name!r}.",
                "Give one of them another URI.",
            )
        self._access_rules.add(operation_of(resource), rule)
        kept[resource.name] = resource

    def find(
        self, uri: object, identity: Identity | None
    ) -> tuple[Resource, Mapping[str, str]] | None:
        """Return what this caller may read at ``uri``, and the values of its variables."""
        if (found := self._at(uri)) is None:
            return None
        # A rule for this very URI counts, and not the one for the template that serves it.
        operation = operation_of(found[0])
        return found if self._access_rules.may_use(identity, operation, str(uri)) else None

    def may_subscribe(self, uri: str, identity: Identity | None) -> bool:
        """
        Say whether this caller may hear that what is at ``uri`` has changed.

        The guard sees no URI of a subscription to several, so that without a ``decide`` the rules
        count as their authors wrote them.
        """
        found = self._at(uri)
        return found is not None and self._access_rules.may_list(
            identity, operation_of(found[0]), uri
        )

    def _at(self, uri: object) -> tuple[Resource, Mapping[str, str]] | None:
        if not isinstance(uri, str) or len(uri) > MAX_URI_LENGTH or not is_normal(uri):
            return None
        for resource in [self._fixed[uri]] if uri in self._fixed else self._templates.values():
            values = {} if resource.template is None else resource.template.match(uri)
            if values is not None:
                # The first that fits decides: a caller who may not read it must not be led round
                # to a broader template.
                return resource, values
        return None

    def template(self, text: object, identity: Identity | None) -> Resource | None:
        """Return the template, or fixed resource, of exactly this text that the caller may use."""
        if not isinstance(text, str):
            return None
        found = self._templates.get(text) or self._fixed.get(text)
        admitted = found is not None and self._access_rules.may_use(identity, operation_of(found))
        return found if admitted else None

    async def read(self, request: RequestContext) -> bytes:
        """
        Answer ``resources/read``.

        Raises:
            ResourceNotFound: there is nothing at this URI for this caller.
            InternalFailure: the author's code failed.

        Spec: MCP 2026-07-28, server/resources, "Reading Resources", "Error Handling"
        """
        uri = request.params.get("uri")
        if not isinstance(uri, str):
            raise InvalidParams("params.uri must be a string")
        if (found := self.find(uri, request.identity)) is None:
            raise not_found(uri, request.revision)
        resource, values = found
        return await resource.answer(uri, values, request)

    async def list_page(self, request: RequestContext) -> bytes:
        """Answer ``resources/list``. Raises: InvalidParams, for a cursor that is not one."""
        return self._list(request, b"resources", self._fixed)

    async def list_templates(self, request: RequestContext) -> bytes:
        """Answer ``resources/templates/list``. Raises: InvalidParams."""
        return self._list(request, b"resourceTemplates", self._templates)

    def _list(self, request: RequestContext, member: bytes, kept: Mapping[str, Resource]) -> bytes:
        shown = [
            one
            for one in kept.values()
            if self._access_rules.may_list(request.identity, operation_of(one))
        ]
        page, next_cursor = paginate(shown, request.params.get("cursor"), self._page_size)
        entries = b",".join(one.definition(request.revision) for one in page)
        members = b'"%b":[%b]%b' % (member, entries, next_cursor)
        if not request.revision.modern:
            return members
        return members + cache_hints(
            self._ttl_ms, private=self._access_rules.varies_by_caller(request.identity)
        )
