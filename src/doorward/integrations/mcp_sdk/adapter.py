"""Adapts a guard to a server of the official SDK: the caller becomes the SDK's user."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import Context, ContextVar
from dataclasses import replace
from hashlib import sha256
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

import msgspec
from mcp.server._otel import OpenTelemetryMiddleware
from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser, authorization_context
from mcp.server.auth.provider import AccessToken
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, CallToolResult, TextContent
from opentelemetry import trace
from pydantic import BaseModel
from starlette.authentication import AuthCredentials
from starlette.requests import Request

from doorward.errors import ConfigurationError, RequestRefused
from doorward.guard.http.responses import INSIDE_KEY
from doorward.guard.issuers import Issuer
from doorward.guard.sessions import ADOPTED_KEY
from doorward.identity import SCOPE_KEY as IDENTITY_KEY
from doorward.identity import Identity, reset_current_identity, set_current_identity
from doorward.integrations.error_reporting import account_of, public_sentence
from doorward.integrations.mcp_sdk.account_links import account_missing_in, ask_to_connect
from doorward.integrations.mcp_sdk.lifespan import ServerLifespan
from doorward.integrations.mcp_sdk.tasks import note_task, require_own_tool
from doorward.policy import Decision, Operation, Policy
from doorward.policy.lists import LISTS, only_permitted, without_subscriptions
from doorward.wire.asgi import ASGIApp, Message, Receive, Scope, Send

# The key in an ASGI scope for the policy that shortens lists.
_POLICY_KEY = "doorward.policy"

# The prefix of the placeholder that replaces the caller's token. Only the guard has the token: a
# server that forwards it would be the confused deputy that MCP forbids.
BEARER_PLACEHOLDER = "kept-by-the-guard"

_CACHE_SIZE = 1024
_Key = tuple[str, str, str | None, float]

# Characters of a client id that are not encoded. A space, a "|" and a "%" are.
_UNENCODED = ":/?#[]@!$&'()*+,;="


class SdkRequest(NamedTuple):
    """The caller of the current message, and the policy that decides its nested calls."""

    caller: Identity | None
    policy: Policy
    refuse: Callable[[Operation, Decision], tuple[RequestRefused, str]]
    """Records a refusal; returns it, with its correlation id."""


_sdk_request: ContextVar[SdkRequest | Literal["the-server-itself"] | None] = ContextVar(
    "doorward_sdk_request", default=None
)
current_sdk_request = _sdk_request.get


@contextmanager
def without_caller() -> Iterator[None]:
    """Run the block without a caller: nothing in it is decided by a policy."""
    token = _sdk_request.set("the-server-itself")
    try:
        yield
    finally:
        _sdk_request.reset(token)


class SdkAdapter:
    """
    An application of the SDK that gets the guard's caller as the SDK's user.

    ``get_access_token()`` works in tools. Sessions, request states and tasks belong to their
    principal. With several ``issuers``, the principal's ``client_id`` starts with the issuer and a
    space. ``mounted`` means that the application has a path prefix, which it keeps in its scope.
    ``endpoint`` skips the application's routing: the guard has already matched the path.
    ``lifespan`` returns the server's lifespan; its argument tells whether the application's own
    lifespan ran. ``started`` runs once after start-up, ``before`` runs before each request.
    ``hides_token`` removes the ``Authorization`` header from an application that forwards its
    callers' headers. ``header`` replaces it, if the application requires one. ``public_endpoint``
    serves callers without a token, if the application's own endpoint requires one. ``manager``
    returns the session manager, which learns here that a session's client has signed in.
    """

    def __init__(
        self,
        app: ASGIApp,
        policy: Policy,
        *,
        issuers: Sequence[Issuer],
        token_type: type[AccessToken] = AccessToken,
        mounted: bool = False,
        endpoint: ASGIApp | None = None,
        lifespan: Callable[[bool], ServerLifespan | None] | None = None,
        started: Callable[[], Awaitable[None]] | None = None,
        before: Callable[[], None] | None = None,
        hides_token: bool = False,
        header: tuple[bytes, bytes] | None = None,
        public_endpoint: ASGIApp | None = None,
        manager: Callable[[], Any] | None = None,
    ) -> None:
        self._app = app
        self._policy = policy
        self._sole_issuer = issuers[0].issuer if len(issuers) == 1 else None
        self._token_type = token_type
        self._mounted = mounted
        self._endpoint = endpoint or app
        self._lifespan = lifespan
        self._started = started
        self._running: ServerLifespan | None = None
        self._preparing: asyncio.Task[None] | None = None
        self._before = before
        self._hides_token = hides_token
        self._header = header
        self._public_endpoint = public_endpoint
        self._manager = manager
        self._scopes: frozenset[str] | None = None
        self._users: dict[_Key, tuple[Identity, AuthenticatedUser, AuthCredentials]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI scope that the guard let through."""
        if IDENTITY_KEY not in scope:
            if scope["type"] == "lifespan":
                await self._run_lifespan(scope, receive, send)
            else:
                await self._app(scope, receive, send)
            return
        identity, user, endpoint = scope[IDENTITY_KEY], None, self._endpoint
        scope = {**scope, _POLICY_KEY: self._policy}
        if identity is None:
            endpoint = self._public_endpoint or endpoint
        else:
            _, user, credentials = self._user(identity)
            scope["user"], scope["auth"] = user, credentials
            if ADOPTED_KEY in scope:
                self._adopt_session(scope, user)
        if not self._mounted:
            # The application sees the whole path, wherever the guard is mounted.
            scope["root_path"] = ""
            scope["app"] = self._app
        if self._hides_token:
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"authorization"]
        if self._header is not None:
            scope["headers"] = [*scope["headers"], self._header]
        if self._before is not None:
            self._before()
        # The guard serves all waiting requests before the application runs. Both cost less, because
        # they do not evict each other from the processor's caches.
        await asyncio.sleep(0)
        token = auth_context_var.set(user)
        try:
            await endpoint(scope, receive, send)
        finally:
            auth_context_var.reset(token)

    def _adopt_session(self, scope: Scope, user: AuthenticatedUser) -> None:
        """Make ``user`` the owner of a session without one, as the guard did."""
        owners = getattr(self._manager() if self._manager else None, "_session_owners", None)
        if owners is not None:
            session = dict(scope["headers"])[b"mcp-session-id"].decode("latin-1")
            owners.setdefault(session, authorization_context(user))

    def _user(self, identity: Identity) -> tuple[Identity, AuthenticatedUser, AuthCredentials]:
        key = (identity.issuer, identity.subject, identity.token_id, identity.expires_at)
        known = self._users.get(key)
        # The key is not the whole token: only an equal identity is the same one.
        if known is not None and known[0] == identity:
            return known
        user = AuthenticatedUser(self._token_of(identity))
        if len(self._users) >= _CACHE_SIZE:
            self._users.clear()
        made = self._users[key] = (identity, user, AuthCredentials(user.scopes))
        return made

    def _token_of(self, identity: Identity) -> AccessToken:
        return self._token_type(
            # FastMCP caches responses by token. With one value for all, callers would share them.
            token=f"{BEARER_PLACEHOLDER}:{_digest(identity)}",
            client_id=self._client_of(identity),
            scopes=sorted(identity.scopes | self._implied(identity)),
            expires_at=int(identity.expires_at),
            subject=identity.subject,
            claims={**identity.claims, "iss": identity.issuer, "sub": identity.subject},
        )

    def _client_of(self, identity: Identity) -> str:
        """
        Return a client id for ``identity`` that is unique across issuers.

        FastMCP's tasks belong to ``client_id|sub``, without an issuer.
        """
        client = identity.client_id or identity.subject
        if identity.issuer == self._sole_issuer and " " not in client and "|" not in client:
            return client
        # No issuer contains a space, so the first one ends it.
        return f"{identity.issuer} {quote(client, safe=_UNENCODED)}"

    def _implied(self, identity: Identity) -> frozenset[str]:
        """Return the scopes of rules that the caller's broader scopes contain."""
        if self._scopes is None:
            self._scopes = frozenset(
                scope for line in self._policy.matrix() for scope in line.scopes
            )
        return frozenset(one for one in self._scopes if self._policy.reaches(identity, one))

    async def prepare(self, *, lifespan: bool = False) -> None:
        """
        Start the server, unless it has started; ``lifespan`` says that its application just did.

        Raises:
            ConfigurationError: it cannot start, or the application does not serve it.
        """
        if self._preparing is None:
            task = asyncio.get_running_loop().create_task(
                self._prepare(lifespan), context=Context()
            )
            self._preparing = task
        await asyncio.shield(self._preparing)

    async def _prepare(self, started: bool) -> None:
        if self._lifespan is not None:
            self._running = self._lifespan(started)
        if self._running is not None:
            await self._running.start()
        if self._started is not None:
            await self._started()

    async def _run_lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = False

        async def send_once_ready(message: Message) -> None:
            nonlocal refused
            if message["type"] == "lifespan.startup.complete":
                try:
                    await self.prepare(lifespan=True)
                except ConfigurationError as error:
                    refused = True
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    raise
            # The application would report the same failure again, with a traceback.
            if not refused:
                await send(message)

        try:
            await self._app(scope, self._stopping(receive), send_once_ready)
        except ConfigurationError:
            if not refused:
                raise

    def _stopping(self, receive: Receive) -> Receive:
        async def receive_and_stop() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown" and self._running is not None:
                await self._running.stop()
            return message

        return receive_and_stop


def _digest(identity: Identity) -> str:
    """Return a digest that two callers share only if their tokens have the same content."""
    fields = (
        identity.issuer,
        identity.subject,
        identity.client_id,
        identity.kind,
        sorted(identity.scopes),
        sorted(identity.roles),
        identity.expires_at,
        identity.token_id,
        identity.claims_json,
    )
    return sha256(msgspec.json.encode(fields)).hexdigest()


async def guard_middleware(
    ctx: ServerRequestContext[Any, Any], call_next: CallNext
) -> HandlerResult:
    """
    Serve one message as the middleware of a guarded server.

    ``current_identity()`` is the caller of this message, in whatever task it is served. Lists
    contain only what that caller may use.

    Raises:
        MCPError: an HTTP request bypassed the guard.
    """
    if ctx.request is None:
        # Not HTTP: a pipe on this machine. Its owner is the caller.
        return await call_next(ctx)
    scope = ctx.request.scope
    identity, policy = scope.get(IDENTITY_KEY), scope.get(_POLICY_KEY)
    if IDENTITY_KEY not in scope or policy is None:
        # The same server, reached through a second path that has no guard.
        raise MCPError(INVALID_REQUEST, "This server is reached through its guard alone.")
    if any(name == b"mcp-session-id" for name, _ in scope["headers"]):
        ctx = _without_unknown_session(ctx)
    token = set_current_identity(identity)
    request_token = _sdk_request.set(SdkRequest(identity, policy, scope[INSIDE_KEY]))
    try:
        if ctx.method.startswith("tasks/"):
            require_own_tool(ctx.params, identity, policy)
        if ctx.method not in LISTS and ctx.method != "subscriptions/listen":
            result = await call_next(ctx)
            if ctx.method == "tools/call":
                result = await _after_call(ctx, call_next, result)
            return _with_private_cache_scope(result)
        return await _filtered_list(ctx, call_next, lambda wanted: policy.decide(identity, wanted))
    except MCPError as error:
        raise _with_reason(error) from error.__cause__
    except Exception as error:
        # A handler of a low-level server, whose exceptions nothing else catches.
        text = public_sentence(error, str((ctx.params or {}).get("name", ctx.method)))
        if text is None:
            raise
        failure = _error_result(ctx.method, text)
        missing = account_of(error)
        return (
            failure if missing is None else await ask_to_connect(ctx, call_next, missing, failure)
        )
    finally:
        _sdk_request.reset(request_token)
        reset_current_identity(token)


async def _after_call(
    ctx: ServerRequestContext[Any, Any], call_next: CallNext, result: HandlerResult
) -> HandlerResult:
    note_task(ctx.params, result)
    missing = account_missing_in(result)
    return result if missing is None else await ask_to_connect(ctx, call_next, missing, result)


def _without_unknown_session(
    ctx: ServerRequestContext[Any, Any],
) -> ServerRequestContext[Any, Any]:
    """
    Return ``ctx`` without a session id that names no session of this server.

    FastMCP keeps state under the header's value: two callers who send the same would share it.
    """
    connection = getattr(ctx.session, "_connection", None)
    if ctx.request is None or getattr(connection, "session_id", None) is not None:
        return ctx
    kept = [pair for pair in ctx.request.scope["headers"] if pair[0] != b"mcp-session-id"]
    scope = {**ctx.request.scope, "headers": kept}
    return replace(ctx, request=Request(scope, ctx.request.receive))


def _with_reason(error: MCPError) -> MCPError:
    """Return ``error`` with the reason code of the refusal that caused it."""
    data = getattr(error.__cause__, "doorward_data", None)
    if data is None:
        return error
    return MCPError(INVALID_PARAMS, str(error.__cause__), data)


def _error_result(method: str, text: str) -> HandlerResult:
    if method != "tools/call":
        raise MCPError(INTERNAL_ERROR, text)
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)


async def _filtered_list(
    ctx: ServerRequestContext[Any, Any],
    call_next: CallNext,
    decide: Callable[[Operation], Decision],
) -> HandlerResult:
    if ctx.method == "subscriptions/listen" and ctx.params is not None:
        ctx = replace(
            ctx, params=without_subscriptions(ctx.params, lambda one: decide(one).allowed)
        )
    result = await call_next(ctx)
    if isinstance(result, BaseModel):
        result = result.model_dump(by_alias=True, mode="json", exclude_none=True)
    if result is None:
        return None
    return only_permitted(ctx.method, result, lambda one: decide(one).is_listed)


def _with_private_cache_scope(result: HandlerResult) -> HandlerResult:
    if isinstance(result, dict) and result.get("cacheScope") == "public":
        return {**result, "cacheScope": "private"}
    return result


class _OptionalTracing(OpenTelemetryMiddleware):
    """
    The SDK's tracing, only if a tracer provider is set or the client sent a trace context.

    Without a tracer provider, spans are empty and take an eighth of a call's time. A trace context
    of the client is passed on even then.
    """

    async def __call__(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """Serve one message."""
        # Compares the type: isinstance() on an abstract class takes as long as the rest.
        if type(trace.get_tracer_provider()) is trace.ProxyTracerProvider and _is_plain(ctx):
            return await call_next(ctx)
        return await super().__call__(ctx, call_next)


def _is_plain(ctx: ServerRequestContext[Any, Any]) -> bool:
    """Return whether the message contains nothing that a propagator could read."""
    meta = ctx.params.get("_meta") if ctx.params else None
    if meta is None:
        return True
    return isinstance(meta, Mapping) and all(
        key == "progressToken" or key.startswith("io.modelcontextprotocol/") for key in meta
    )


def connect(server: Server[Any]) -> None:
    """Make ``server`` refuse HTTP requests that bypass its guard. A second call does nothing."""
    if guard_middleware in server.middleware:
        return
    for place, one in enumerate(server.middleware):
        # The exact class: a subclass belongs to the server's author.
        if type(one) is OpenTelemetryMiddleware:
            server.middleware[place] = _OptionalTracing()
    # Outermost: no later middleware can add entries to a filtered list.
    server.middleware.insert(0, guard_middleware)
