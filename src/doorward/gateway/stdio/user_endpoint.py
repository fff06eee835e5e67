"""The MCP endpoint of one user: each request goes to a process of theirs."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import msgspec

from doorward.correlation_id import SCOPE_KEY as CORRELATION_KEY
from doorward.gateway.stdio.call_relay import CallRelay
from doorward.gateway.stdio.capabilities import (
    METHODS,
    has_subscriptions,
    instructions,
    offered,
    require_offered,
    server_info,
)
from doorward.gateway.stdio.child_session import ChildSession
from doorward.gateway.stdio.parked_calls import Parked, ParkedCalls
from doorward.gateway.stdio.processes import Key, StdioProcesses
from doorward.gateway.stdio.refusals import StdioServerRefusal
from doorward.gateway.stdio.settings import StdioCommand
from doorward.identity import principal_of
from doorward.mcp_server.functions.context import Context
from doorward.mcp_server.functions.logging import set_level
from doorward.mcp_server.protocol_revision import negotiate_revision
from doorward.mcp_server.refusals import InvalidParams
from doorward.mcp_server.registry.registry import cache_hints
from doorward.mcp_server.request_context import InterimResult, Method, RequestContext, Result
from doorward.mcp_server.server_state import ServerState
from doorward.mcp_server.streams.session import relevant_capabilities
from doorward.mcp_server.streams.subscriptions import LIST_CHANGED, resource_topic
from doorward.policy import Operation
from doorward.policy.lists import LISTS, only_permitted
from doorward.wire.jsonrpc.envelope import MODERN_VERSIONS

_SERVER_INFO = "io.modelcontextprotocol/serverInfo"
_PROTOCOL_META = "io.modelcontextprotocol/"
_ROUND_TRIP_PARAMS = ("inputResponses", "requestState", "_meta")
_CACHED = (*LISTS, "resources/read")
_encode = msgspec.json.Encoder(order="deterministic").encode

Shows = Callable[[RequestContext, Operation], bool]
Notified = Callable[[str, dict[str, Any]], None]
Open = Callable[[Mapping[str, Any], Notified], Awaitable[ChildSession]]


class UserEndpoint:
    """
    The methods of one user.

    ``shows`` says whether lists show an operation to a caller.
    """

    def __init__(
        self,
        command: StdioCommand,
        processes: StdioProcesses,
        state: ServerState,
        *,
        user: Any,
        open_session: Open,
        shows: Shows,
    ) -> None:
        self.state = state
        self._command = command
        self._processes = processes
        self._user = user
        self._open_session = open_session
        self._shows = shows
        self._parked = ParkedCalls(command.limits.request)

    def methods(self) -> tuple[dict[str, Method], dict[str, Method]]:
        """Return the methods of 2026-07-28 and of older revisions."""
        common: dict[str, Method] = {
            name: self._forward for names in METHODS.values() for name in names
        }
        modern = {
            "server/discover": self._discover,
            "subscriptions/listen": self._listen,
            **common,
        }
        legacy = {
            "initialize": self._initialize,
            "ping": _ping,
            "resources/subscribe": self._subscribe,
            "resources/unsubscribe": self._unsubscribe,
            "logging/setLevel": set_level,
            **common,
        }
        return modern, legacy

    @property
    def in_use(self) -> bool:
        """Whether a session, a stream or a call needs this endpoint."""
        return bool(len(self.state.sessions) or len(self.state.subscriptions) or len(self._parked))

    def close(self) -> None:
        """End sessions and streams."""
        self._parked.close()
        self.state.close()

    async def _initialize(self, request: RequestContext) -> Result:
        for member, kind in (("protocolVersion", str), ("capabilities", dict)):
            if not isinstance(request.params.get(member), kind):
                raise InvalidParams(f"params.{member} is missing or of the wrong type")
        revision = negotiate_revision(request.params["protocolVersion"])
        self.state.begin_session(request, revision)
        assert request.session is not None
        try:
            async with self._session(request) as session:
                found = session.initialized
        except BaseException:
            self.state.sessions.end(request.session)
            raise
        return {
            "protocolVersion": revision.version,
            "capabilities": offered(found),
            "serverInfo": server_info(found),
            **instructions(found),
        }

    async def _discover(self, request: RequestContext) -> Result:
        async with self._session(request) as session:
            found = session.initialized
        return {
            "supportedVersions": list(MODERN_VERSIONS),
            "capabilities": offered(found),
            **instructions(found),
            **cache_hints(0, private=True),
            "_meta": {_SERVER_INFO: server_info(found)},
        }

    async def _forward(self, request: RequestContext) -> Result:
        context = Context(request)
        parked = self._parked.claim(context.state) if request.revision.modern else None
        seconds = self._command.limits.request
        if parked is not None:
            relay = CallRelay(context, parked.session, parked.call, seconds)
            return await self._relayed(request, relay, parked)
        async with self._session(request) as session:
            require_offered(session.initialized, request.method)
            call = await session.begin(
                request.method, _params(request), request.scope.get(CORRELATION_KEY, "")
            )
            relay = CallRelay(context, session, call, seconds)
            return await self._relayed(request, relay, Parked(session, call))

    async def _relayed(self, request: RequestContext, relay: CallRelay, waiting: Parked) -> Result:
        try:
            result = await relay.result(waiting.question)
        except InterimResult:
            assert relay.question is not None
            self._parked.park(relay.state, waiting.session, waiting.call, relay.question)
            raise
        waiting.session.end_call(waiting.call)
        shown = only_permitted(request.method, result, lambda one: self._shows(request, one))
        if not request.revision.modern:
            return shown
        hints = cache_hints(0, private=True) if request.method in _CACHED else {}
        own, meta = {_SERVER_INFO: server_info(waiting.session.initialized)}, shown.get("_meta")
        return {**shown, **hints, "_meta": {**meta, **own} if isinstance(meta, dict) else own}

    async def _subscribe(self, request: RequestContext) -> Result:
        result = await self.state.subscribe(request)
        await self._pass_on(request, "resources/subscribe", request.params["uri"])
        return result

    async def _unsubscribe(self, request: RequestContext) -> Result:
        result = await self.state.unsubscribe(request)
        uri = request.params["uri"]
        if uri not in self.state.subscriptions.resources():
            await self._pass_on(request, "resources/unsubscribe", uri)
        return result

    async def _listen(self, request: RequestContext) -> Result:
        wanted = request.params.get("notifications")
        uris = wanted.get("resourceSubscriptions") if isinstance(wanted, dict) else None
        for uri in uris if isinstance(uris, list) else ():
            if isinstance(uri, str) and self.state.may_read(request, uri):
                await self._pass_on(request, "resources/subscribe", uri)
        return await self.state.subscription_streams.listen(request)

    async def _pass_on(self, request: RequestContext, method: str, uri: str) -> None:
        async with self._session(request) as session:
            if has_subscriptions(session.initialized):
                await _ask_and_ignore(session, method, {"uri": uri}, self._command.limits.start)

    def _session(self, request: RequestContext) -> AbstractAsyncContextManager[ChildSession]:
        declared = {} if self._command.shared else relevant_capabilities(request.capabilities)
        client: Any = None
        if declared and request.revision.modern:
            # Without a session, a client is what its token and its capabilities say.
            client = (principal_of(request.identity), _encode(declared))
        elif declared and request.session is not None:
            client = request.session.id
        key = Key(self._user, client)
        return self._processes.using(key, lambda: self._start(declared))

    async def _start(self, declared: Mapping[str, Any]) -> ChildSession:
        session = await self._open_session(declared, self._notified)
        # A process that was stopped in between knows nothing of its predecessor's subscriptions.
        for uri in self.state.subscriptions.resources():
            await _ask_and_ignore(
                session, "resources/subscribe", {"uri": uri}, self._command.limits.start
            )
        return session

    def _notified(self, method: str, params: dict[str, Any]) -> None:
        uri = params.get("uri")
        if method == "notifications/resources/updated" and isinstance(uri, str):
            self.state.subscriptions.publish(resource_topic(uri), method, {"uri": uri})
        for kind, name in LIST_CHANGED.items():
            if method == name:
                self.state.subscriptions.publish(kind, method, {})


async def _ping(request: RequestContext) -> Result:  # noqa: ARG001 - as every method
    return {}


async def _ask_and_ignore(
    session: ChildSession, method: str, params: Mapping[str, Any], seconds: float
) -> None:
    """Send a request whose result nobody needs; a failure is that of the next call."""
    with suppress(TimeoutError, StdioServerRefusal):
        await session.ask(method, params, seconds)


def _params(request: RequestContext) -> dict[str, Any]:
    """Return the params for the process: without what is between the client and this gateway."""
    meta = {
        name: value for name, value in request.meta.items() if not name.startswith(_PROTOCOL_META)
    }
    params = {k: v for k, v in request.params.items() if k not in _ROUND_TRIP_PARAMS}
    params.pop("_meta", None)
    return {**params, "_meta": meta} if meta else params
