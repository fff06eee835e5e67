"""
FastMCP servers behind a guard: ``mcp = FastMCP("orders", auth=GuardAuth(guard))``.

Needs FastMCP: the extra ``doorward[fastmcp]``.
"""

from collections.abc import Callable
from typing import Annotated, Any

from fastmcp import FastMCP
from fastmcp.dependencies import Depends
from fastmcp.exceptions import FastMCPError, PromptError, ResourceError, ToolError
from fastmcp.server.auth import AccessToken, AuthProvider
from fastmcp.server.http import HostOriginGuardMiddleware
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from doorward.errors import ConfigurationError
from doorward.guard.guard import Guard
from doorward.guard.http.mounts import applications_at, path_served, session_manager_at
from doorward.guard.middleware import GuardMiddleware
from doorward.identity import Identity, current_identity
from doorward.integrations.declared_rules import DeclaredPolicy, requires
from doorward.integrations.error_reporting import report_to_caller, require_caller
from doorward.integrations.fastmcp.declared_rules import FastMcpDeclarations
from doorward.integrations.fastmcp.input_schemas import InputSchemas
from doorward.integrations.mcp_sdk.adapter import BEARER_PLACEHOLDER, SdkAdapter, connect
from doorward.integrations.mcp_sdk.lifespan import ServerLifespan, is_running, mounted_lifespan
from doorward.wire.asgi import ASGIApp, Receive, Scope, Send
from doorward.wire.oauth.resource_metadata import WELL_KNOWN

# A FastMCP server with an auth provider refuses requests without this header.
_PLACEHOLDER_HEADER = (b"authorization", f"Bearer {BEARER_PLACEHOLDER}".encode())

Lifespan = Callable[[bool], ServerLifespan | None]

__all__ = ["CurrentUser", "GuardAuth", "OptionalUser", "current_user", "protect", "requires"]


def current_user() -> Identity:
    """
    Return the caller of the tool that is running.

    Raises:
        ToolError: the server is not behind a guard, so there is no caller.
    """
    return require_caller(ToolError)


CurrentUser = Annotated[Identity, Depends(current_user)]
"""A tool parameter with the caller. Peers cannot send it, and no schema shows it."""

OptionalUser = Annotated[Identity | None, Depends(current_identity)]
"""The same for public tools: ``None`` for a caller without a token."""


def protect(
    server: FastMCP[Any], guard: Guard, *, app: ASGIApp | None = None, **options: Any
) -> GuardMiddleware:
    """
    Return ``server`` as an ASGI application behind ``guard``.

    ```python
    mcp = FastMCP("orders")

    @mcp.tool
    @requires(scopes={"orders:read"})
    async def my_orders(user: CurrentUser) -> list[str]:
        \"\"\"List the orders of the caller.\"\"\"
        return [f"an order of {user.subject}"]

    app = protect(mcp, guard)
    ```

    ``options`` are those of ``server.http_app``. The guard sets the path and checks Host and
    Origin. Give ``app`` if the server is already mounted in an application, for example under a
    prefix. The guard's settings ``open_paths`` and ``serve_other_paths`` decide about its other
    paths. Every tool needs a rule: its author's (``requires``, or ``auth=``), the operator's, or
    ``Policy(unknown="base")``.

    Raises:
        ConfigurationError: with reason ``two-judges``.
    """
    if server.auth is not None:
        raise ConfigurationError(
            "two-judges",
            f"The server {server.name!r} has an auth provider of its own.",
            "Leave out auth=: the guard takes its place.",
        )
    if app is None:
        own = {"path": guard.path, "host_origin_protection": False, **options}
        inner = server.http_app(**own)
        return _guarded_app(server, guard, inner, _own_lifespan(inner, inner), mounted=False)

    def lifespan(started: bool) -> ServerLifespan | None:
        return mounted_lifespan(app, guard.app_path, server._mcp_server, None, started=started)

    return _guarded_app(server, guard, app, lifespan, mounted=True)


def _own_lifespan(web: Starlette, app: ASGIApp) -> Lifespan:
    """Return the lifespan of ``web``, an application of FastMCP's, which ``app`` runs."""
    endpoints = [one for one in _endpoints(web) if hasattr(one, "session_manager")]

    def running() -> bool:
        return any(is_running(one.session_manager) for one in endpoints)

    # Another transport: its lifespan leaves no session manager to check.
    return lambda _: ServerLifespan(app, running) if endpoints else None


def _endpoints(web: Starlette) -> list[Any]:
    endpoints = [getattr(route, "endpoint", None) for route in web.routes]
    return [getattr(one, "app", one) for one in endpoints]


def _endpoint_behind_auth(web: Starlette) -> ASGIApp | None:
    """Return the MCP endpoint of ``web`` without FastMCP's check of tokens."""
    return next((one for one in _endpoints(web) if hasattr(one, "session_manager")), None)


def _guarded_app(
    server: FastMCP[Any],
    guard: Guard,
    app: ASGIApp,
    lifespan: Lifespan,
    *,
    mounted: bool,
    header: tuple[bytes, bytes] | None = None,
    public_endpoint: ASGIApp | None = None,
) -> GuardMiddleware:
    declared = FastMcpDeclarations(server)
    policy = DeclaredPolicy(guard.policy, declared)
    connect(server._mcp_server)
    _report_errors(server)

    async def read() -> None:
        await declared.read()
        # Components of mounted servers and providers are known only now.
        guard.require_hideable(policy)

    adapter = SdkAdapter(
        app,
        policy,
        issuers=guard.issuers,
        token_type=AccessToken,
        mounted=mounted,
        lifespan=lifespan,
        started=read,
        before=InputSchemas(server).select_lookup,
        # A FastMCP proxy would forward the token to its backend.
        hides_token=True,
        header=header,
        public_endpoint=public_endpoint,
        # FastMCP makes its manager at the start.
        manager=lambda: session_manager_at(applications_at(app, path_served(app, guard.app_path))),
    )
    return guard.protect(adapter, policy=policy, prepare=adapter.prepare)


def _report_errors(server: FastMCP[Any]) -> None:
    # Not a FastMCP middleware: other middleware would see details that no peer may see.
    server.call_tool = report_to_caller(server.call_tool, _original_error, ToolError)  # type: ignore[method-assign]
    server.render_prompt = report_to_caller(server.render_prompt, _original_error, PromptError)  # type: ignore[method-assign]
    server.read_resource = report_to_caller(server.read_resource, _original_error, ResourceError)  # type: ignore[method-assign]


# The texts with which FastMCP wraps an unexpected exception. An author's own FastMCPError, with any
# cause, is not changed.
_FASTMCP_PREFIXES = ("Error calling tool ", "Error rendering prompt ", "Error reading resource ")


def _original_error(error: BaseException) -> BaseException | None:
    """Return the exception that FastMCP wrapped, raised by a tool, prompt or resource."""
    if not isinstance(error, FastMCPError) or not str(error).startswith(_FASTMCP_PREFIXES):
        return None
    cause = error.__cause__
    unresolved = isinstance(cause, RuntimeError) and str(cause).startswith("Failed to resolve dep")
    return cause.__cause__ if unresolved and cause is not None else cause


class GuardAuth(AuthProvider):
    """
    A guard as FastMCP's auth provider, for ``mcp.run()`` and ``mcp.http_app()``.

    ```python
    mcp = FastMCP("orders", auth=GuardAuth(guard))
    app = mcp.http_app()  # or mcp.run(transport="http", port=8000)
    ```

    FastMCP sees a request only after the guard has allowed it. If ``mcp.http_app()`` is mounted in
    another application, add ``get_well_known_routes()`` to the root of that application.
    """

    def __init__(self, guard: Guard) -> None:
        super().__init__(base_url=guard.resource)
        self.guard = guard
        guard.awaits_server = True

    def policy_of(self, server: FastMCP[Any]) -> DeclaredPolicy:
        """Return the policy that decides for ``server``, whose auth provider this is."""
        return DeclaredPolicy(self.guard.policy, FastMcpDeclarations(server))

    async def verify_token(self, token: str) -> AccessToken | None:  # noqa: ARG002 - FastMCP's hook
        """Return ``None``: the guard has already verified the token."""
        return None

    def get_routes(self, mcp_path: str | None = None) -> list[Route]:
        """
        Return no routes: the guard serves the metadata.

        Raises:
            ConfigurationError: with reason ``another-path``.
        """
        own = (mcp_path or "").rstrip("/")
        if not self.guard.path.rstrip("/").endswith(own):
            raise ConfigurationError(
                "another-path",
                f"FastMCP serves {own!r}, and the guard's endpoint is {self.guard.path!r}.",
                f"Give http_app() or run() path={self.guard.path!r}, with transport='http'.",
            )
        return []

    def get_middleware(self) -> list[Middleware]:
        """Return the middleware that puts the guard in front of the application."""
        return [Middleware(_GuardInFront, guard=self.guard)]

    def get_well_known_routes(self, mcp_path: str | None = None) -> list[Route]:  # noqa: ARG002
        """Return the metadata route, for the root of the outer application."""
        content = self.guard.metadata()

        async def metadata(_: Request) -> Response:
            return Response(
                content,
                media_type="application/json",
                headers={
                    "access-control-allow-origin": "*",
                    "cache-control": "public, max-age=300",
                },
            )

        where = self.guard.metadata_url.partition(WELL_KNOWN)[2]
        return [Route(WELL_KNOWN + where, metadata, methods=["GET"])]


class _GuardInFront:
    """
    FastMCP's middleware slot, from which the guard moves in front of the whole application.

    FastMCP checks Host and Origin and parses a request before this slot. The guard must refuse an
    unauthenticated request before that, by its own lists of hosts and origins.
    """

    def __init__(self, app: ASGIApp, guard: Guard) -> None:  # noqa: ARG002 - Starlette gives it
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the first scope, a lifespan or a request. The guard answers all later ones."""
        web: Starlette = scope["app"]
        if not isinstance(web.middleware_stack, GuardMiddleware):
            here: set[object] = {HostOriginGuardMiddleware, _GuardInFront}
            web.user_middleware = [one for one in web.user_middleware if one.cls not in here]
            inner = web.build_middleware_stack()
            server: FastMCP[Any] = web.state.fastmcp_server
            lifespan = _own_lifespan(web, web.router)
            web.middleware_stack = _guarded_app(
                server,
                self._guard,
                inner,
                lifespan,
                mounted=True,
                header=_PLACEHOLDER_HEADER,
                # FastMCP's own check refuses every request without a token.
                public_endpoint=_endpoint_behind_auth(web),
            )
        await web.middleware_stack(scope, receive, send)
