"""``McpServer``: an MCP endpoint made of typed functions."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from doorward.errors import ConfigurationError
from doorward.identity import Kind
from doorward.mcp_server.catalog import Catalog
from doorward.mcp_server.elicitation.pending_pages import PendingPages
from doorward.mcp_server.elicitation.request_state import RequestStateCipher
from doorward.mcp_server.elicitation.round_trips import MultiRoundTrips
from doorward.mcp_server.features.handshake import Handshake, ServerInfo
from doorward.mcp_server.features.prompts import read_prompt
from doorward.mcp_server.features.resources import read_resource
from doorward.mcp_server.features.subscription_streams import SubscriptionStreams
from doorward.mcp_server.features.tasks import Tasks, TaskSupport
from doorward.mcp_server.features.tools import read_tool
from doorward.mcp_server.functions.invocation import Function
from doorward.mcp_server.http.endpoint import Endpoint
from doorward.mcp_server.http.middleware import McpMiddleware
from doorward.mcp_server.http.notifications import Notifications
from doorward.mcp_server.registry.access_rules import AccessRules, Decide, rule_of
from doorward.mcp_server.server_state import ServerState
from doorward.mcp_server.streams.session import Sessions
from doorward.mcp_server.streams.subscriptions import Subscriptions
from doorward.policy import Rule
from doorward.wire.asgi import ASGIApp
from doorward.wire.host_origin import LOCALHOST, HostOriginPolicy

if TYPE_CHECKING:
    from fastapi import APIRouter

F = TypeVar("F", bound=Callable[..., Any])

_SERVER_INFO = "io.modelcontextprotocol/serverInfo"


class McpServer(Notifications):
    """
    An MCP server made of typed functions.

    ```python
    server = McpServer("demo", version="1.0")

    @server.tool(scopes={"mcp:tools"})
    async def add(a: int, b: int) -> int:
        \"\"\"Add two whole numbers.\"\"\"
        return a + b

    app = server.in_front_of(FastAPI())
    ```

    Speaks 2026-07-28, and 2025-03-26 to 2025-11-25. The batches of 2025-03-26 are refused: no policy
    could decide one as a single operation. Clients of the older revisions get a session only if the
    server needs one: for a function with a ``Context``, or for ``subscriptions``.

    ``meta`` goes into the ``_meta`` of every result of 2026-07-28, and of ``initialize``.
    ``max_body`` is in bytes. ``list_ttl_ms`` is how long clients may cache a list, in milliseconds,
    and ``page_size`` the number of entries in one page. ``subscriptions`` offers streams of change
    notifications, which ``notify_…`` feeds. ``state_key`` is 32 bytes, or several keys of which the
    first seals; processes that share clients must share it. It protects what a client carries
    between the round trips of one request, for ``state_ttl`` seconds. A session ends after
    ``session_idle`` unused seconds, a task after ``task_ttl`` seconds; both live in one process.
    ``allowed_hosts`` and ``allowed_origins`` add to localhost, and apply only without a guard: a
    guard knows the public address. Hosts without a port match every port.

    Does not check tokens: use ``Guard.protect``. Without a guard, a tool or prompt with scopes or
    roles is neither listed nor served.
    """

    def __init__(
        self,
        name: str,
        *,
        version: str,
        title: str | None = None,
        instructions: str | None = None,
        meta: Mapping[str, Any] | None = None,
        max_body: int = 4 * 1024 * 1024,
        list_ttl_ms: int = 60_000,
        page_size: int | None = None,
        subscriptions: bool = False,
        state_key: bytes | Sequence[bytes] | None = None,
        state_ttl: float = 600.0,
        session_idle: float = 1800.0,
        task_ttl: float = 3600.0,
        max_sessions: int = 10_000,
        max_tasks: int = 1000,
        allowed_hosts: Iterable[str] = (),
        allowed_origins: Iterable[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._access_rules = access_rules = AccessRules()
        self._catalog = catalog = Catalog(
            access_rules, ttl_ms=list_ttl_ms, page_size=page_size, has_subscriptions=subscriptions
        )
        streams = Subscriptions()
        tasks = Tasks(access_rules, streams, clock, ttl=task_ttl, limit=max_tasks)
        cipher = RequestStateCipher(state_key)
        pages = PendingPages(cipher, name, state_ttl, clock)
        self._state = ServerState(
            round_trips=MultiRoundTrips(cipher, name, state_ttl, clock, pages),
            sessions=Sessions(clock, limit=max_sessions, idle=session_idle),
            subscriptions=streams,
            tasks=tasks,
            subscription_streams=SubscriptionStreams(
                streams, catalog.may_read, tasks.may_subscribe
            ),
            may_read=catalog.may_read,
            needs_sessions=catalog.needs_sessions,
        )
        server_info = ServerInfo(name, version, title, instructions)
        handshake = Handshake(
            server_info,
            catalog.capabilities,
            list_ttl_ms,
            self._state.begin_session,
            dict(meta or {}),
        )
        modern, legacy = catalog.methods(self._state)
        self._endpoint = Endpoint(
            modern={"server/discover": handshake.discover, **modern},
            legacy={"initialize": handshake.initialize, "ping": handshake.ping, **legacy},
            meta={**(meta or {}), _SERVER_INFO: server_info.implementation},
            state=self._state,
            host_check=HostOriginPolicy(
                LOCALHOST, origins=tuple(allowed_origins), any_port=tuple(allowed_hosts)
            ),
            max_body=max_body,
        )

    @property
    def asgi(self) -> Endpoint:
        """The endpoint as an ASGI application; mount it at any path."""
        return self._endpoint

    @property
    def rules(self) -> Mapping[tuple[str, str], Rule]:
        """The rules beside the functions: ``{("tools/call", "add"): Rule(...)}``."""
        return MappingProxyType(self._access_rules.rules)

    @property
    def decide(self) -> Decide | None:
        """
        The decision that filters lists and checks calls again.

        Set it to the guard's policy: then a list has exactly what the caller may use. Without it,
        lists follow ``rules`` as written, without a hierarchy of scopes.
        """
        return self._access_rules.decide

    @decide.setter
    def decide(self, decide: Decide | None) -> None:
        self._access_rules.decide = decide

    @property
    def shows(self) -> Decide | None:
        """The decision that filters lists in place of ``decide``, for a policy with advertised rules."""
        return self._access_rules.shows

    @shows.setter
    def shows(self, shows: Decide | None) -> None:
        self._access_rules.shows = shows

    def tool(
        self,
        *,
        scopes: Collection[str] = (),
        roles: Collection[str] = (),
        kinds: Collection[Kind] = (),
        public: bool = False,
        advertised: bool = False,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        annotations: Mapping[str, Any] | None = None,
        input_schema: Mapping[str, Any] | None = None,
        task: TaskSupport | None = None,
    ) -> Callable[[F], F]:
        """
        Return a decorator that registers a typed function as a tool, and returns it unchanged.

        Name and description default to those of the function. Its parameters and return type become
        the schemas. The server fills parameters annotated ``Identity`` or ``Context``, and those of
        FastAPI's ``Depends``; clients do not see them. ``kinds`` refuses every other kind of caller:
        ``{"person"}`` is for people only. ``public`` lets in callers without a token too; then an
        ``Identity | None`` is ``None`` for them. ``annotations`` are MCP hints such as
        ``{"readOnlyHint": True}``. ``input_schema`` replaces the published schema; the parameters
        still validate the arguments.

        ``task`` lets a call continue as a task that the client polls. ``"optional"``: for clients
        that support tasks. ``"required"``: other clients cannot call it. ``"deferred"``: from
        ``await ctx.become_task()`` on; before that the function can ask for input.

        Raises:
            ConfigurationError: the function, its name or its scopes cannot be served.

        Spec: MCP 2026-07-28, server/tools
        """
        rule = rule_of(scopes, roles, kinds, public=public, advertised=advertised)

        def register(function: F) -> F:
            tool = read_tool(
                function,
                name=name,
                title=title,
                description=description,
                annotations=annotations,
                input_schema=input_schema,
                task=task,
            )
            _require_served_to_all(tool.function, rule)
            self._catalog.tools.add(tool, rule)
            self._catalog.add_needs(tool.function, task=task)
            return function

        return register

    def prompt(
        self,
        *,
        scopes: Collection[str] = (),
        roles: Collection[str] = (),
        kinds: Collection[Kind] = (),
        public: bool = False,
        advertised: bool = False,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
    ) -> Callable[[F], F]:
        """
        Return a decorator that registers a typed function as a prompt, and returns it unchanged.

        The function returns a text, a ``Message``, or several of either.

        Raises:
            ConfigurationError: the function, its name or its scopes cannot be served.

        Spec: MCP 2026-07-28, server/prompts
        """
        rule = rule_of(scopes, roles, kinds, public=public, advertised=advertised)

        def register(function: F) -> F:
            prompt = read_prompt(function, name=name, title=title, description=description)
            _require_served_to_all(prompt.function, rule)
            self._catalog.prompts.add(prompt, rule)
            self._catalog.add_needs(prompt.function)
            return function

        return register

    def resource(
        self,
        uri: str,
        *,
        scopes: Collection[str] = (),
        roles: Collection[str] = (),
        kinds: Collection[Kind] = (),
        public: bool = False,
        advertised: bool = False,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        mime_type: str | None = None,
        annotations: Mapping[str, Any] | None = None,
        ttl_ms: int = 0,
        shared: bool = False,
    ) -> Callable[[F], F]:
        """
        Return a decorator that registers a typed function as a resource, and returns it unchanged.

        ``uri`` can be a template such as ``notes://{owner}/{+path}``: the function takes its
        variables as parameters, and ``("resources/read", uri)`` is the rule for all its URIs. The
        function returns text, bytes, plain data (sent as JSON) or ``EmbeddedResource`` objects;
        ``None`` or a ``ToolError`` means "not found".

        ``ttl_ms`` is how long clients may cache what they read. ``shared`` lets caches give it to
        other users; set it only if the resource is the same for everybody.

        Raises:
            ConfigurationError: the function, its URI or its scopes cannot be served.

        Spec: MCP 2026-07-28, server/resources
        """
        rule = rule_of(scopes, roles, kinds, public=public, advertised=advertised)

        def register(function: F) -> F:
            resource = read_resource(
                function,
                uri,
                name=name,
                title=title,
                description=description,
                mime_type=mime_type,
                annotations=annotations,
                ttl_ms=ttl_ms,
                shared=shared,
            )
            _require_served_to_all(resource.function, rule)
            self._catalog.resources.add(resource, rule)
            self._catalog.add_needs(resource.function)
            return function

        return register

    def completion(self, of: str, argument: str) -> Callable[[F], F]:
        """
        Return a decorator for the completions of ``argument`` of the prompt or template ``of``.

        ``def complete(value: str, arguments: dict[str, str]) -> list[str]`` gets what the user has
        typed and the other arguments; both parameters are optional. Only callers who may use the
        prompt, or read the template, get completions.

        Raises:
            ConfigurationError: the function takes something else, or there is one already.

        Spec: MCP 2026-07-28, server/utilities/completion
        """

        def register(function: F) -> F:
            self._catalog.completions.add(of, argument, function)
            return function

        return register

    @property
    def pending_pages(self) -> PendingPages:
        """The pages that users were asked to open: a page must check here for whom it is."""
        return self._state.round_trips.pending_pages

    def close(self) -> None:
        """
        Cancel tasks, and end sessions and streams.

        The shutdown of the application calls this: of the endpoint, of the application behind
        ``in_front_of``, or of the one that includes ``router``.
        """
        self._state.close()

    def in_front_of(self, app: ASGIApp, path: str = "/mcp") -> McpMiddleware:
        """
        Return an ASGI application that serves the endpoint at ``path``, and ``app`` elsewhere.

        ``app = guard.protect(server.in_front_of(web))``: calls skip the routing, middleware and
        dependencies of ``web``, which take longer than the call. ``path`` and ``path/`` are both
        served, without redirects; ``app`` handles start-up and shutdown.

        Raises:
            ConfigurationError: with reason ``unusable-path``.
        """
        return McpMiddleware(self._endpoint, app, path, self.close)

    def router(self, path: str = "/mcp") -> "APIRouter":
        """
        Return a FastAPI router that serves the endpoint at ``path`` and ``path/``, without redirects.

        Some clients drop the body at a redirect, others the token. The middleware and dependencies
        of the application run first; without need for them, ``in_front_of`` is faster.

        Raises:
            ConfigurationError: with reason ``unusable-path``.
        """
        # Imported late: FastAPI takes 17 MB, and only this method needs it.
        from doorward.mcp_server.http.router import router_of

        return router_of(self._endpoint, path, self.close)


def _require_served_to_all(function: Function, rule: Rule) -> None:
    if rule.public and function.signature.identity_required:
        raise ConfigurationError(
            "public-without-identity",
            f"{function.signature.function.__qualname__} is public, and a parameter is an Identity.",
            "Annotate it as Identity | None: it is None for a caller without a token.",
        )
