"""``McpServer``: typed functions in, an MCP endpoint out."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

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
from doorward.mcp_server.http.endpoint import Endpoint
from doorward.mcp_server.http.host_check import HostOriginCheck
from doorward.mcp_server.http.middleware import App, McpMiddleware
from doorward.mcp_server.http.notifications import Notifications
from doorward.mcp_server.registry.access_rules import AccessRules, Decide, rule_of
from doorward.mcp_server.server_state import ServerState
from doorward.mcp_server.streams.session import Sessions
from doorward.mcp_server.streams.subscriptions import Subscriptions
from doorward.policy import Rule

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

    Speaks 2026-07-28, and 2025-03-26 to 2025-11-25 without the batches of 2025-03-26, which no
    policy could judge as one operation. Clients of those get a session only where something on
    offer takes one: a function with a ``Context``, or ``subscriptions``.

    ``meta`` is put into the ``_meta`` of every result of 2026-07-28, and into that of ``initialize``.
    ``max_body`` is in bytes, ``list_ttl_ms`` is how long clients may keep a list, in milliseconds,
    ``page_size`` how many entries one page of it has. ``subscriptions`` offers streams of change
    notifications, which ``notify_…`` feeds. ``state_key`` (32 bytes, or several, the first of which
    seals) is for processes that share their clients: it protects what a client carries between the
    rounds of one request, for ``state_ttl`` seconds. Sessions end unused after ``session_idle``
    seconds, tasks are kept for ``task_ttl`` seconds; both live in one process. ``allowed_hosts`` and
    ``allowed_origins`` add to this machine's own names, and count only where no guard stands in
    front: a guard knows the public address. Hosts given without a port count on every port.

    Does not check tokens: put ``Guard.protect`` round it. Without a guard, a tool or prompt that has
    scopes or roles is neither listed nor served.
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
            access_rules, ttl_ms=list_ttl_ms, page_size=page_size, watchable=subscriptions
        )
        streams = Subscriptions()
        tasks = Tasks(access_rules, streams, clock, ttl=task_ttl, most=max_tasks)
        seal = RequestStateCipher(state_key)
        pages = PendingPages(seal, name, state_ttl, clock)
        self._state = ServerState(
            rounds=MultiRoundTrips(seal, name, state_ttl, clock, pages),
            sessions=Sessions(clock, most=max_sessions, idle=session_idle),
            subscriptions=streams,
            tasks=tasks,
            listening=SubscriptionStreams(streams, catalog.may_read, tasks.may_subscribe),
            may_read=catalog.may_read,
            needs_sessions=catalog.needs_sessions,
        )
        about = ServerInfo(name, version, title, instructions)
        handshake = Handshake(
            about, catalog.capabilities, list_ttl_ms, self._state.begin_session, dict(meta or {})
        )
        modern, legacy = catalog.methods(self._state)
        self._endpoint = Endpoint(
            modern={"server/discover": handshake.discover, **modern},
            legacy={"initialize": handshake.initialize, "ping": handshake.ping, **legacy},
            meta=msgspec.json.encode({**(meta or {}), _SERVER_INFO: about.implementation}),
            state=self._state,
            host_check=HostOriginCheck(allowed_hosts, allowed_origins),
            max_body=max_body,
        )

    @property
    def asgi(self) -> Endpoint:
        """The endpoint as an ASGI application; it answers at whatever path it is put."""
        return self._endpoint

    @property
    def rules(self) -> Mapping[tuple[str, str], Rule]:
        """What authors wrote beside their functions: ``{("tools/call", "add"): Rule(...)}``."""
        return MappingProxyType(self._access_rules.rules)

    @property
    def decide(self) -> Decide | None:
        """
        The decision that filters lists and repeats itself at each call.

        Set it to the policy that also stands in the guard, so that a list shows what a call would
        be granted. Without it, lists follow ``rules`` as written, without a hierarchy of scopes.
        """
        return self._access_rules.decide

    @decide.setter
    def decide(self, decide: Decide | None) -> None:
        self._access_rules.decide = decide

    def tool(
        self,
        *,
        scopes: Collection[str] = (),
        roles: Collection[str] = (),
        kinds: Collection[Kind] = (),
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        annotations: Mapping[str, Any] | None = None,
        input_schema: Mapping[str, Any] | None = None,
        task: TaskSupport | None = None,
    ) -> Callable[[F], F]:
        """
        Return a decorator that offers a typed function as a tool, and leaves it as it is.

        Name and description are the function's own unless given. Parameters and return type
        become the schemas; one annotated ``Identity`` is filled with the verified caller and is
        invisible to peers, and so are one annotated ``Context`` and those of FastAPI's ``Depends``.
        ``kinds`` keeps out every other kind of caller: ``{"person"}`` is for people alone.
        ``annotations`` are MCP hints such as ``{"readOnlyHint": True}``. ``input_schema`` is
        published in place of the one made of the parameters, which still judge what is sent.

        ``task`` lets calls go on as a task that the client polls: ``"optional"`` for every client
        that knows tasks, ``"required"`` and no other client may call, ``"deferred"`` from where the
        function awaits ``ctx.become_task()``, before which it may ask for input.

        Raises:
            ConfigurationError: the function, its name or its scopes cannot be served.

        Spec: MCP 2026-07-28, server/tools
        """
        rule = rule_of(scopes, roles, kinds)

        def catalog(function: F) -> F:
            tool = read_tool(
                function,
                name=name,
                title=title,
                description=description,
                annotations=annotations,
                input_schema=input_schema,
                task=task,
            )
            self._catalog.tools.add(tool, rule)
            self._catalog.note(tool.function, task=task)
            return function

        return catalog

    def prompt(
        self,
        *,
        scopes: Collection[str] = (),
        roles: Collection[str] = (),
        kinds: Collection[Kind] = (),
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
    ) -> Callable[[F], F]:
        """
        Return a decorator that offers a typed function as a prompt, and leaves it as it is.

        The function returns a text, a ``Message``, or several of either.

        Raises:
            ConfigurationError: the function, its name or its scopes cannot be served.

        Spec: MCP 2026-07-28, server/prompts
        """
        rule = rule_of(scopes, roles, kinds)

        def catalog(function: F) -> F:
            prompt = read_prompt(function, name=name, title=title, description=description)
            self._catalog.prompts.add(prompt, rule)
            self._catalog.note(prompt.function)
            return function

        return catalog

    def resource(
        self,
        uri: str,
        *,
        scopes: Collection[str] = (),
        roles: Collection[str] = (),
        kinds: Collection[Kind] = (),
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        mime_type: str | None = None,
        annotations: Mapping[str, Any] | None = None,
        ttl_ms: int = 0,
        shared: bool = False,
    ) -> Callable[[F], F]:
        """
        Return a decorator that offers a typed function as a resource, and leaves it as it is.

        ``uri`` may be a template such as ``notes://{owner}/{+path}``: its variables are then the
        function's parameters, and ``("resources/read", uri)`` is one rule for all of them. The
        function returns text, bytes, plain data (sent as JSON) or ``EmbeddedResource`` objects;
        ``None`` or a ``ToolError`` is "not found".

        ``ttl_ms`` is how long a client may keep what it read. ``shared`` lets caches give it to
        other users too; say it only of what is the same for everybody.

        Raises:
            ConfigurationError: the function, its URI or its scopes cannot be served.

        Spec: MCP 2026-07-28, server/resources
        """
        rule = rule_of(scopes, roles, kinds)

        def catalog(function: F) -> F:
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
            self._catalog.resources.add(resource, rule)
            self._catalog.note(resource.function)
            return function

        return catalog

    def completion(self, of: str, argument: str) -> Callable[[F], F]:
        """
        Return a decorator: the function completes ``argument`` of the prompt or template ``of``.

        ``def complete(value: str, arguments: dict[str, str]) -> list[str]``: what was typed so far
        and the arguments already chosen, either of which it may leave out. Whoever may not use the
        prompt or read the template may not have it completed.

        Raises:
            ConfigurationError: the function takes something else, or there is one already.

        Spec: MCP 2026-07-28, server/utilities/completion
        """

        def catalog(function: F) -> F:
            self._catalog.completions.add(of, argument, function)
            return function

        return catalog

    @property
    def pending_pages(self) -> PendingPages:
        """Whose the pages are that users were asked to open: what a page asks before it is shown."""
        return self._state.rounds.pending_pages

    def close(self) -> None:
        """
        End what outlives requests: tasks, sessions, and streams, each with its last word.

        Done by itself at the end of the endpoint's own lifespan, of the one it stands in front of,
        and of the one that includes its router.
        """
        self._state.close()

    def in_front_of(self, app: App, path: str = "/mcp") -> McpMiddleware:
        """
        Return an ASGI application that serves the endpoint, and hands what is elsewhere to ``app``.

        ``app = guard.protect(server.in_front_of(web))``: a call passes none of the routing,
        middleware and dependencies of ``web``, which cost more than the rest of it. ``path`` and
        ``path/`` are both served, redirecting neither; start-up and shutdown are those of ``app``.

        Raises:
            ConfigurationError: with reason ``unusable-path``.
        """
        return McpMiddleware(self._endpoint, app, path, self.close)

    def router(self, path: str = "/mcp") -> "APIRouter":
        """
        Return a router that serves the endpoint at ``path`` and at ``path/``, redirecting neither.

        A redirect would drop the body in some clients and the token in others. The middleware and
        the dependencies of the application are run first; ``in_front_of`` is the quicker way in
        where no call depends on them.

        Raises:
            ConfigurationError: with reason ``unusable-path``.
        """
        # A server in front of an application, or alone, does without 20 MB of web framework.
        from doorward.mcp_server.http.router import router_of

        return router_of(self._endpoint, path, self.close)
