"""What a server offers: the capabilities and the table of methods that follow from it."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from doorward.errors import ConfigurationError
from doorward.mcp_server.features.completion import Completions
from doorward.mcp_server.features.prompts import Prompt, get_prompt
from doorward.mcp_server.features.resource_registry import ResourceRegistry
from doorward.mcp_server.features.tasks import EXTENSION as TASKS_EXTENSION
from doorward.mcp_server.features.tasks import METHODS as TASK_METHODS
from doorward.mcp_server.features.tasks import TaskSupport
from doorward.mcp_server.features.tools import Tool, call_tool
from doorward.mcp_server.functions.invocation import Function
from doorward.mcp_server.functions.logging import set_level
from doorward.mcp_server.registry.access_rules import AccessRules
from doorward.mcp_server.registry.registry import Registry
from doorward.mcp_server.request_context import Method, RequestContext, Result
from doorward.mcp_server.server_state import ServerState
from doorward.wire.jsonrpc.protocol_refusal import UnknownMethod


class Catalog:
    """
    The tools, prompts, resources and completions of a server.

    A method whose capability is absent is unknown. ``has_subscriptions`` offers change
    notifications.
    """

    def __init__(
        self,
        access_rules: AccessRules,
        *,
        ttl_ms: int,
        page_size: int | None,
        has_subscriptions: bool,
    ) -> None:
        self.tools: Registry[Tool] = Registry("tool", "tools/call", access_rules, ttl_ms, page_size)
        self.prompts: Registry[Prompt] = Registry(
            "prompt", "prompts/get", access_rules, ttl_ms, page_size
        )
        self.resources = ResourceRegistry(access_rules, ttl_ms, page_size)
        self.completions = Completions(self.prompts, self.resources)
        self.has_subscriptions = has_subscriptions
        self._access_rules = access_rules
        self._has_tasks = False
        self._has_context = False

    def add_needs(self, function: Function, *, task: TaskSupport | None = None) -> None:
        """Add the capabilities that a function needs: logging, sessions, tasks."""
        if function.signature.context:
            self._has_context = True
        if task is not None:
            self._has_tasks = True
            for method in TASK_METHODS:
                self._access_rules.allow(method)

    def needs_sessions(self) -> bool:
        """Say whether clients of older revisions need a session for anything."""
        return self._has_context or self.has_subscriptions

    def may_read(self, request: RequestContext, uri: str) -> bool:
        """Say whether this caller may subscribe to the resource at ``uri``."""
        return self.resources.may_subscribe(uri, request.identity)

    def capabilities(self, modern: bool) -> dict[str, Any]:
        """Return the capabilities of the server, in 2026-07-28 or in older revisions."""
        changes = {"listChanged": True} if self.has_subscriptions else {}
        found: dict[str, Any] = {}
        if self.tools:
            found["tools"] = {**changes}
        if self.prompts:
            found["prompts"] = {**changes}
        if self.resources:
            subscribe = {"subscribe": True} if self.has_subscriptions else {}
            found["resources"] = {**changes, **subscribe}
        if self.completions:
            found["completions"] = {}
        if self._has_context:
            found["logging"] = {}
        if self._has_tasks and modern:
            found["extensions"] = {TASKS_EXTENSION: {}}
        return found

    def methods(self, state: ServerState) -> tuple[dict[str, Method], dict[str, Method]]:
        """Return the methods of 2026-07-28 and of older revisions, without the handshake."""
        tools, prompts, resources = self.tools, self.prompts, self.resources
        common: dict[str, Method] = {
            "tools/list": partial(_if_registered, tools, tools.list_page),
            "tools/call": partial(call_tool, tools, state.tasks),
            "prompts/list": partial(_if_registered, prompts, prompts.list_page),
            "prompts/get": partial(_if_registered, prompts, partial(get_prompt, prompts)),
            "resources/list": partial(_if_registered, resources, resources.list_page),
            "resources/templates/list": partial(
                _if_registered, resources, resources.list_templates
            ),
            "resources/read": partial(_if_registered, resources, resources.read),
            "completion/complete": partial(
                _if_registered, self.completions, self.completions.complete
            ),
        }
        modern, legacy = dict(common), dict(common)
        for name, method in state.tasks.methods.items():
            modern[name] = partial(_if_offered, lambda: self._has_tasks, method)
        modern["subscriptions/listen"] = self._subscription(state.subscription_streams.listen)
        legacy["resources/subscribe"] = self._subscription(state.subscribe)
        legacy["resources/unsubscribe"] = self._subscription(state.unsubscribe)
        legacy["logging/setLevel"] = partial(_if_offered, self.needs_sessions, set_level)
        return modern, legacy

    def require_subscriptions(self) -> None:
        """Return if the server has subscriptions. Raises: ConfigurationError, ``no-subscriptions``."""
        if not self.has_subscriptions:
            raise ConfigurationError(
                "no-subscriptions",
                "No client can be notified: this server offers no subscriptions.",
                "Make it with McpServer(..., subscriptions=True).",
            )

    def _subscription(self, method: Method) -> Method:
        return partial(_if_offered, lambda: self.has_subscriptions, method)


def _if_offered(
    offered: Callable[[], bool], method: Method, request: RequestContext
) -> Awaitable[Result]:
    if not offered():
        raise UnknownMethod("Method not found")
    return method(request)


def _if_registered(registry: object, method: Method, request: RequestContext) -> Awaitable[Result]:
    """Answer with ``method`` if anything is registered; else the capability is absent."""
    if not registry:
        raise UnknownMethod("Method not found")
    return method(request)
