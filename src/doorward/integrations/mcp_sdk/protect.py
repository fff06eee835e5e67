"""
Servers of the official SDK behind a guard: ``app = protect(server, guard)``.

Needs the SDK: the extra ``doorward[mcp]``.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any

from mcp.server.lowlevel.server import Server
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.resolve import Resolve
from mcp.server.transport_security import TransportSecuritySettings

from doorward.errors import ConfigurationError
from doorward.guard.guard import Guard
from doorward.guard.http.mounts import applications_at, path_served, session_manager_at
from doorward.guard.middleware import GuardMiddleware
from doorward.identity import Identity, current_identity
from doorward.integrations.declared_rules import (
    DeclaredPolicy,
    SingleNameDeclarations,
    requires,
    rules_on,
)
from doorward.integrations.error_reporting import report_to_caller, require_caller
from doorward.integrations.mcp_sdk.adapter import SdkAdapter, connect
from doorward.integrations.mcp_sdk.events import keep_events_apart
from doorward.integrations.mcp_sdk.lifespan import ServerLifespan, is_running, mounted_lifespan
from doorward.integrations.mcp_sdk.nested_calls import authorize_nested_calls
from doorward.policy import Operation, Rule
from doorward.policy.rule_index import is_usable, not_normal
from doorward.wire.asgi import ASGIApp

_CACHE_SIZE = 4096

__all__ = ["CurrentUser", "OptionalUser", "current_user", "protect", "requires"]


def current_user() -> Identity:
    """
    Return the caller of the tool that is running.

    ```python
    server = MCPServer("orders")

    @server.tool()
    @requires(public=True)
    async def greeting(user: OptionalUser) -> str:
        \"\"\"Greet the caller, who may have no token.\"\"\"
        return "Hello" if user is None else f"Hello {user.name}"

    @server.tool()
    @requires()
    async def whoami() -> str:
        \"\"\"Say who calls.\"\"\"
        return current_user().subject
    ```

    Raises:
        ToolError: the server is not behind a guard, so there is no caller.
    """
    return require_caller(ToolError)


CurrentUser = Annotated[Identity, Resolve(current_user)]
"""A tool parameter with the caller. Peers cannot send it, and no schema shows it."""

OptionalUser = Annotated[Identity | None, Resolve(current_identity)]
"""The same for public tools: ``None`` for a caller without a token."""


def protect(
    server: MCPServer[Any] | Server[Any],
    guard: Guard,
    *,
    app: ASGIApp | None = None,
    **options: Any,
) -> GuardMiddleware:
    """
    Return ``server`` as an ASGI application behind ``guard``.

    ```python
    server = MCPServer("orders")

    @server.tool()
    @requires(scopes={"orders:read"})
    async def my_orders(user: CurrentUser) -> list[str]:
        \"\"\"List the orders of the caller.\"\"\"
        return [f"an order of {user.subject}"]

    app = protect(server, guard)
    ```

    ``options`` are those of ``server.streamable_http_app``. The guard sets the path and checks Host
    and Origin. Give ``app`` if the server is already mounted in an application, for example under a
    prefix. The guard's settings ``open_paths`` and ``serve_other_paths`` decide about its other
    paths. Every tool needs a rule: its author's (``requires``), the operator's, or
    ``Policy(unknown="base")``.

    Raises:
        ConfigurationError: with reason ``two-judges``, ``not-mounted`` or ``uri-not-normal``.
    """
    if isinstance(server, MCPServer) and server.settings.auth is not None:
        raise ConfigurationError(
            "two-judges",
            f"The server {server.name!r} has auth settings of its own.",
            "Leave out its auth and token_verifier: the guard takes their place.",
        )
    core: Server[Any] = server._lowlevel_server if isinstance(server, MCPServer) else server
    declared = _SdkDeclarations(server, guard.policy.rules)
    declared.require_normal_uris()
    policy = DeclaredPolicy(guard.policy, declared)
    connect(core)
    if isinstance(server, MCPServer):
        authorize_nested_calls(server)
        # The only place between a tool and the result that the SDK makes of its exception.
        server.call_tool = report_to_caller(server.call_tool, _raised, ToolError)  # type: ignore[method-assign]
    # The guard has checked Host. The SDK's own list would refuse the public name.
    unchecked = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    if app is None:
        own = server.streamable_http_app(
            **{
                "streamable_http_path": guard.path,
                "max_request_body_size": guard.max_body,
                "transport_security": unchecked,
                **options,
            }
        )
        manager = server.session_manager
        keep_events_apart(manager)
        adapter = SdkAdapter(
            own,
            policy,
            issuers=guard.issuers,
            endpoint=manager.handle_request,
            lifespan=lambda _: ServerLifespan(own, lambda: is_running(manager)),
            manager=lambda: manager,
        )
        return guard.protect(adapter, policy=policy, prepare=adapter.prepare)
    manager = _manager_of(server, core, app, guard.app_path)
    manager.security_settings = unchecked
    keep_events_apart(manager)
    adapter = SdkAdapter(
        app,
        policy,
        issuers=guard.issuers,
        mounted=True,
        lifespan=lambda started: mounted_lifespan(
            app, guard.app_path, core, manager, started=started
        ),
        manager=lambda: manager,
    )
    return guard.protect(adapter, policy=policy, prepare=adapter.prepare)


def _raised(error: BaseException) -> BaseException | None:
    """Return the exception of a tool, unless its text is meant for the caller."""
    cause: BaseException | None = error
    # Exceptions are nested where a tool called a tool.
    while isinstance(cause, UnexpectedToolError):
        cause = cause.__cause__
    return None if cause is error else cause


def _manager_of(
    server: MCPServer[Any] | Server[Any], core: Server[Any], app: ASGIApp, path: str
) -> Any:
    # The author's own manager, as the SDK's docs show for a low-level server.
    found = session_manager_at(applications_at(app, path_served(app, path)))
    if found is not None and found.app is core:
        return found
    try:
        return server.session_manager
    except RuntimeError:
        raise ConfigurationError(
            "not-mounted",
            "The server was not mounted in the given application.",
            "Mount server.streamable_http_app() in it first, or leave app out.",
        ) from None


class _SdkDeclarations(SingleNameDeclarations):
    """The rules declared at the functions of a server; a low-level ``Server`` has no tools."""

    def __init__(
        self, server: MCPServer[Any] | Server[Any], ruled: Collection[tuple[str, str]]
    ) -> None:
        self.server = server if isinstance(server, MCPServer) else None
        self._ruled = ruled
        self._known: dict[int, tuple[Any, tuple[Rule, ...]]] = {}

    def rules_of(self, operation: Operation) -> Sequence[Rule]:
        """Return every rule declared for ``operation``."""
        if self.server is None or operation.name is None:
            return ()
        if operation.method == "tools/call":
            return self._rules(self.server._tool_manager.get_tool(operation.name))
        if operation.method == "prompts/get":
            return self._rules(self.server._prompt_manager.get_prompt(operation.name))
        if operation.method == "resources/read":
            return [rule for one in self._resources(operation.name) for rule in self._rules(one)]
        return ()

    def declared(self) -> Mapping[tuple[str, str], Sequence[Rule]]:
        """Return all that is declared."""
        return {key: rules for key, one in self._all() if (rules := self._rules(one))}

    def offered(self) -> Collection[tuple[str, str]]:
        """Return all that the server offers."""
        return [key for key, _ in self._all()]

    def other_names(self, operation: Operation) -> Sequence[Operation]:
        """
        Return the resource and the templates that the SDK would serve ``operation`` with.

        Its matcher may know spellings that the policy does not know.
        """
        method, uri = operation.method, operation.name
        if method != "resources/read" or self.server is None or uri is None:
            return ()
        # An operator's rule for the exact URI decides alone, as in every policy.
        if (method, uri) in self._ruled:
            return ()
        keys = (_key_of(one) for one in self._resources(uri))
        return [Operation(method, key) for key in keys if key != uri]

    def require_normal_uris(self) -> None:
        """
        Refuse a resource that no client could read, because its URI is not in normal form.

        Raises:
            ConfigurationError: with reason ``uri-not-normal``.
        """
        for method, name in self.offered():
            if not is_usable(method, name):
                raise not_normal(f"The resource {name!r}", name)

    def _rules(self, component: Any) -> tuple[Rule, ...]:
        known = self._known.get(id(component))
        if known is None or known[0] is not component:
            if len(self._known) >= _CACHE_SIZE:
                self._known.clear()
            known = (component, rules_on(getattr(component, "fn", None)))
            self._known[id(component)] = known
        return known[1]

    def _resources(self, uri: str) -> Iterator[Any]:
        assert self.server is not None
        known = self.server._resource_manager
        if uri in known._resources:
            yield known._resources[uri]
        for template in known.list_templates():
            if template.uri_template == uri or _fits(template, uri):
                yield template

    def _all(self) -> Iterator[tuple[tuple[str, str], Any]]:
        if self.server is None:
            return
        for tool in self.server._tool_manager.list_tools():
            yield ("tools/call", tool.name), tool
        for prompt in self.server._prompt_manager.list_prompts():
            yield ("prompts/get", prompt.name), prompt
        known = self.server._resource_manager
        for component in (*known.list_resources(), *known.list_templates()):
            yield ("resources/read", _key_of(component)), component


def _key_of(component: Any) -> str:
    """Return the URI of a resource, or the text of a template."""
    template: str | None = getattr(component, "uri_template", None)
    return str(component.uri) if template is None else template


def _fits(template: Any, uri: str) -> bool:
    try:
        return template.matches(uri) is not None
    except Exception:  # noqa: BLE001 - it refuses path traversal, and such a URI fits
        return True
