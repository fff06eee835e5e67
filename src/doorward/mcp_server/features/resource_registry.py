"""``resources/list``, ``resources/templates/list`` and ``resources/read``."""

from collections.abc import Mapping

from doorward.errors import ConfigurationError
from doorward.identity import Identity
from doorward.mcp_server.features.resources import Resource, not_found
from doorward.mcp_server.refusals import InvalidParams
from doorward.mcp_server.registry.access_rules import AccessRules
from doorward.mcp_server.registry.pagination import paginate
from doorward.mcp_server.registry.registry import cache_hints
from doorward.mcp_server.request_context import RequestContext, Result
from doorward.policy import Rule
from doorward.wire.resource_uri import is_normal

MAX_URI_LENGTH = 2048


class ResourceRegistry:
    """The resources of a server: fixed URIs and templates, in the order of registration."""

    def __init__(self, access_rules: AccessRules, ttl_ms: int, page_size: int | None) -> None:
        self._access_rules = access_rules
        self._ttl_ms = ttl_ms
        self._page_size = page_size
        self._fixed: dict[str, Resource] = {}
        self._templates: dict[str, Resource] = {}

    def __bool__(self) -> bool:
        """Say whether anything is registered."""
        return bool(self._fixed or self._templates)

    def add(self, resource: Resource, rule: Rule) -> None:
        """Register a resource. Raises: ConfigurationError, with reason ``name-taken``."""
        resources = self._fixed if resource.template is None else self._templates
        if resource.name in resources:
            raise ConfigurationError(
                "name-taken",
                f"There are two resources at {resource.name!r}.",
                "Give one of them another URI.",
            )
        self._access_rules.add(resource.operation, rule)
        resources[resource.name] = resource

    def find(
        self, uri: object, identity: Identity | None
    ) -> tuple[Resource, Mapping[str, str]] | None:
        """Return the resource that this caller may read at ``uri``, and its template's values."""
        if (found := self._at(uri)) is None:
            return None
        # The rule of this URI counts, not that of its template.
        return found if self._access_rules.may_use(identity, found[0].operation, str(uri)) else None

    def may_subscribe(self, uri: str, identity: Identity | None) -> bool:
        """
        Say whether this caller may subscribe to ``uri``.

        The guard sees no URI of a ``subscriptions/listen`` request, so without ``decide`` the rules
        apply as their authors wrote them.
        """
        found = self._at(uri)
        return found is not None and self._access_rules.may_subscribe(
            identity, found[0].operation, uri
        )

    def _at(self, uri: object) -> tuple[Resource, Mapping[str, str]] | None:
        if not isinstance(uri, str) or len(uri) > MAX_URI_LENGTH or not is_normal(uri):
            return None
        for resource in [self._fixed[uri]] if uri in self._fixed else self._templates.values():
            values = {} if resource.template is None else resource.template.match(uri)
            if values is not None:
                # Only the first match counts: a caller who may not read it must not get there by a
                # broader template.
                return resource, values
        return None

    def template(self, text: object, identity: Identity | None) -> Resource | None:
        """Return the template, or fixed resource, with exactly this text that the caller may use."""
        if not isinstance(text, str):
            return None
        found = self._templates.get(text) or self._fixed.get(text)
        allowed = found is not None and self._access_rules.may_use(identity, found.operation)
        return found if allowed else None

    async def read(self, request: RequestContext) -> Result:
        """
        Answer ``resources/read``.

        Raises:
            ResourceNotFound: this caller has no resource at this URI.
            InternalFailure: the author's code failed.

        Spec: MCP 2026-07-28, server/resources, "Reading Resources", "Error Handling"
        """
        uri = request.params.get("uri")
        if not isinstance(uri, str):
            raise InvalidParams("params.uri must be a string")
        if (found := self.find(uri, request.identity)) is None:
            raise not_found(uri, request.revision)
        resource, values = found
        return await resource.read(uri, values, request)

    async def list_page(self, request: RequestContext) -> Result:
        """Answer ``resources/list``. Raises: InvalidParams, for an invalid cursor."""
        return self._page(request, "resources", self._fixed)

    async def list_templates(self, request: RequestContext) -> Result:
        """Answer ``resources/templates/list``. Raises: InvalidParams."""
        return self._page(request, "resourceTemplates", self._templates)

    def _page(
        self, request: RequestContext, member: str, resources: Mapping[str, Resource]
    ) -> Result:
        visible = [
            one
            for one in resources.values()
            if self._access_rules.may_list(request.identity, one.operation)
        ]
        page, next_cursor = paginate(visible, request.params.get("cursor"), self._page_size)
        definitions = [one.definition(request.revision) for one in page]
        result: Result = {member: definitions, **next_cursor}
        if request.revision.modern:
            varies = self._access_rules.varies_by_caller(request.identity)
            result |= cache_hints(self._ttl_ms, private=varies)
        return result
