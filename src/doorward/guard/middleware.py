"""The guard as ASGI middleware in front of an application."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from doorward.correlation_id import SCOPE_KEY as CORRELATION_KEY
from doorward.errors import ConfigurationError, MissingToken, RequestRefused, Unavailable
from doorward.guard.hops import GuardHops
from doorward.guard.http import cors
from doorward.guard.http.body import replay, require_json
from doorward.guard.http.lifespan import run_lifespan
from doorward.guard.http.methods import ALLOW, NOT_IN_MESSAGES, operation_of, without_body
from doorward.guard.http.mounts import (
    close_other_paths,
    path_served,
    require_no_mcp_server,
    warn_of_mount_at,
)
from doorward.guard.http.paths import EndpointPaths, Place
from doorward.guard.http.response_stream import ResponseStream
from doorward.guard.http.responses import INSIDE_KEY, Response, deliver
from doorward.guard.lists.described_tools import DescribedTools, lists_tools
from doorward.guard.lists.public_lists import PublicLists
from doorward.guard.pipeline import GuardedRequest, Pipeline
from doorward.guard.refusals import MethodRefused, NothingHere, NotReady, PathRefused
from doorward.guard.sessions import ADOPTED_KEY, SessionOwners
from doorward.identity import SCOPE_KEY as IDENTITY_KEY
from doorward.identity import Identity
from doorward.policy import Operation, Policy
from doorward.policy.lists import LISTS
from doorward.policy.rules import OPEN_STREAM, REFERENCES
from doorward.wire.asgi import ASGIApp, ClientDisconnected, Receive, Scope, Send, read_body
from doorward.wire.host_origin import HostOriginPolicy
from doorward.wire.jsonrpc.envelope import SCOPE_KEY as ENVELOPE_KEY
from doorward.wire.jsonrpc.envelope import Envelope, read_envelope
from doorward.wire.jsonrpc.protocol_refusal import UnknownMethod
from doorward.wire.resource_uri import require_normal_uris

# A caller without a token cannot make this process keep more than this.
_STRANGERS_BODY = 256 * 1024

if TYPE_CHECKING:
    from doorward.tokens import TokenVerifier


class CompanionApplication(Protocol):
    """An application that serves paths of its own beside the endpoint, such as sign-in."""

    def serves(self, path: str) -> bool:
        """Return whether ``path`` is one of its own."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

    async def start(self) -> None:
        """
        Start; called before the first request, if the process has a lifespan.

        Raises:
            DoorwardError: the process must not start.
        """

    async def aclose(self) -> None:
        """Stop."""


@dataclass(frozen=True, kw_only=True)
class GuardSettings:
    """Everything the middleware needs, decided once at start-up."""

    paths: EndpointPaths
    addresses: HostOriginPolicy
    metadata: bytes
    pipeline: Pipeline
    policy: Policy
    describes_tools: bool
    clock: Callable[[], float]
    leeway: float
    max_body: int
    serve_other_paths: bool
    open_paths: frozenset[str]
    app_path: str | None
    companion: CompanionApplication | None = None
    hops: GuardHops | None = None


class GuardMiddleware:
    """
    ASGI middleware that checks requests to the endpoint of ``app`` and serves the metadata.

    Other paths are refused unless the settings serve them.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: GuardSettings,
        prepare: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._app = app
        self._settings = settings
        self._prepare = prepare
        self._prepared = False
        self._mount_checked = False
        self._app_path = settings.app_path or settings.paths.endpoint
        self._pipeline = settings.pipeline
        self._hops = settings.hops
        self._sessions = SessionOwners(outlives_us=getattr(app, "is_remote", False))

    @property
    def policy(self) -> Policy:
        """The policy in use, with the rules that an adapter found on the tools."""
        return self._settings.policy

    @property
    def verifier(self) -> "TokenVerifier":
        """The verifier of access tokens."""
        return self._pipeline.verifier

    def take_over(self, before: "GuardMiddleware") -> None:
        """Keep the owners of the sessions of ``before``, which this middleware replaces."""
        self._sessions = before._sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI scope."""
        kind = scope["type"]
        if kind == "lifespan":
            companion = self._settings.companion
            await run_lifespan(
                self._app,
                scope,
                receive,
                send,
                prepare=None if companion is None else companion.start,
                start=self._start,
                close=self._close,
            )
            return
        # The path of the scope, never that of a URL made from Host: "Host: a/?x=" changes it.
        path: str = scope["path"]
        companion = self._settings.companion
        if companion is not None and kind == "http" and companion.serves(path):
            await companion(scope, receive, send)
            return
        place = self._settings.paths.place(path, scope.get("raw_path"))
        if kind == "http" and place == "endpoint":
            await self._guarded(scope, receive, send)
        elif place == "elsewhere" and self._is_open(path):
            await self._app(scope, receive, send)
        elif kind == "http":
            await self._unguarded(place, scope, send)
        else:
            # A websocket on a guarded path: the guard cannot check its messages.
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    async def _start(self) -> None:
        self._look_at_application()
        await self._pipeline.start()

    async def _close(self) -> None:
        await self._pipeline.aclose()
        if self._settings.companion is not None:
            await self._settings.companion.aclose()

    def _look_at_application(self) -> None:
        if self._prepare is None:
            require_no_mcp_server(self._app, self._app_path)
            close_other_paths(self._app, self._app_path)

    async def _get_ready(self) -> None:
        """
        Start a mounted application, whose lifespan has not run.

        Raises:
            NotReady: 503, it cannot start, or must not be served like this.
        """
        try:
            self._look_at_application()
            if self._prepare is not None:
                await self._prepare()
        except ConfigurationError as error:
            raise NotReady(str(error)) from error
        if self._settings.app_path is None:
            self._app_path = path_served(self._app, self._app_path)
        self._prepared = True

    def _is_open(self, path: str) -> bool:
        return self._settings.serve_other_paths or path in self._settings.open_paths

    async def _unguarded(self, place: Place, scope: Scope, send: Send) -> None:
        """Answer paths outside of the endpoint and the application: metadata, or a refusal."""
        # Browser clients look for metadata in many places, and must be able to read a 404.
        public = cors.FOR_METADATA if "/.well-known/" in scope["path"] else []
        try:
            if place == "ambiguous":
                raise PathRefused(f"path={scope['path']!r} raw={scope.get('raw_path')!r}")
            if place != "metadata":
                raise NothingHere(f"path={scope['path']!r}")
            if scope["method"] not in ("GET", "HEAD", "OPTIONS"):
                raise MethodRefused(f"method={scope['method']!r}")
        except RequestRefused as refusal:
            await deliver(self._pipeline.refuse(GuardedRequest(scope), refusal), send, public)
            return
        if scope["method"] == "OPTIONS":
            await deliver(Response(204, []), send, public)
            return
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(self._settings.metadata)).encode("ascii")),
            (b"cache-control", b"public, max-age=300"),
        ]
        if self._hops is not None:
            self._hops.metadata_read(scope)
        body = b"" if scope["method"] == "HEAD" else self._settings.metadata
        await deliver(Response(200, headers, body), send, public)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = GuardedRequest(scope)
        headers, is_post = request.headers, request.http_method == "POST"
        try:
            if not is_post:
                request.operation = operation_of(request.http_method, headers)
                receive = without_body(receive)
            self._check_host_and_origin(request)
            if not is_post and request.http_method == "OPTIONS":
                await self._answer_options(request, send)
                return
            # The token comes first: the body of an unauthenticated request is not even read.
            caller: Identity | None = None
            longest = self._settings.max_body
            try:
                caller = await self._pipeline.authenticate(request)
            except MissingToken:
                longest = self._admit_stranger(request)
            if not self._prepared:
                await self._get_ready()
            if b"mcp-session-id" in headers.by_name:
                self._check_session(request, caller)
            if is_post:
                require_json(headers)
                declared = headers.by_name.get(b"content-length")
                body = await read_body(receive, longest, declared)
                _read_message(request, body)
                receive = replay(body, receive)
            self._pipeline.authorize(request, self._settings.policy)
            if request.limits:
                request.release = await self._pipeline.count(request)
        except (RequestRefused, Unavailable) as refusal:
            await self._refuse(request, refusal, send)
            return
        except ClientDisconnected:
            return
        await self._serve(request, caller, receive, send)

    async def _refuse(
        self, request: GuardedRequest, refusal: RequestRefused | Unavailable, send: Send
    ) -> None:
        # Here, because the first request of a client that cannot sign in has no token.
        if not self._mount_checked:
            self._mount_checked = True
            warn_of_mount_at(request.scope, self._settings.paths.endpoint)
        answer = self._pipeline.refuse(request, refusal)
        if self._hops is not None:
            self._hops.decided(request, refusal.code, answer.status, served=False)
        await deliver(answer, send, cors.readable_headers(request.origin))

    def _check_host_and_origin(self, request: GuardedRequest) -> None:
        """Check Host before Origin: under a foreign Host, no origin can be trusted."""
        headers, repeated = request.headers.by_name, request.headers.repeated
        addresses = self._settings.addresses
        addresses.require_host(None if b"host" in repeated else headers.get(b"host"))
        origin = headers.get(b"origin")
        if origin is not None:
            addresses.require_origin(b"" if b"origin" in repeated else origin)
            request.origin = origin

    def _admit_stranger(self, request: GuardedRequest) -> int:
        """
        Return how long a message may be of a caller without a token, if something here is public.

        Raises:
            MissingToken: 401.
            MethodRefused: 405, a stream of messages that are for nobody.
        """
        self._pipeline.admit_stranger(request, self._settings.policy)
        if request.operation == OPEN_STREAM:
            # 401 would make clients sign in that want nothing protected yet.
            raise MethodRefused(
                "a stream without a token",
                allow="POST, DELETE, OPTIONS",
                description="Sign in to open a stream. Send messages by POST.",
            )
        return min(self._settings.max_body, _STRANGERS_BODY)

    def _check_session(self, request: GuardedRequest, caller: Identity | None) -> None:
        headers, repeated = request.headers.by_name, request.headers.repeated
        # If there are two ids, the application could use the other one.
        only = b"" if b"mcp-session-id" in repeated else headers[b"mcp-session-id"]
        request.in_adopted_session = self._sessions.require_own(only, caller)

    async def _answer_options(self, request: GuardedRequest, send: Send) -> None:
        """Answer OPTIONS without a token: browsers send none with a preflight."""
        origin, headers = request.origin, request.headers
        if origin is not None and cors.is_preflight(request.http_method, headers):
            await deliver(Response(204, []), send, cors.preflight_headers(origin, headers))
        else:
            allow = [(b"allow", ALLOW.encode("ascii"))]
            await deliver(Response(204, allow), send, cors.readable_headers(origin))

    def _serve(
        self, request: GuardedRequest, caller: Identity | None, receive: Receive, send: Send
    ) -> Awaitable[None]:
        settings, scope, app_path = self._settings, request.scope, self._app_path
        inside = partial(self._pipeline.refuse_inside, request)
        correlation_id = request.correlation_id
        inner = {
            **scope,
            IDENTITY_KEY: caller,
            INSIDE_KEY: inside,
            CORRELATION_KEY: correlation_id,
        }
        if request.envelope is not None:
            inner[ENVELOPE_KEY] = request.envelope
        if request.in_adopted_session:
            inner[ADOPTED_KEY] = True
        if scope["path"] != app_path:
            inner["path"] = app_path
            inner["raw_path"] = app_path.encode()
        correlation = (b"x-correlation-id", correlation_id.encode("ascii"))

        def began(status: int, session: bytes | None) -> None:
            if session is not None:
                self._sessions.opened(session, caller)
            self._pipeline.record(request, "allowed", status, served=True)
            if request.is_first_call and self._hops is not None:
                self._hops.decided(request, "allowed", status, served=True)

        origin = request.origin
        stream = ResponseStream(
            send,
            [correlation] if origin is None else [correlation, *cors.readable_headers(origin)],
            began,
            caller,
            settings.leeway,
            settings.clock,
        )
        app = self._app if caller is not None else self._for_stranger(request)
        if settings.describes_tools and lists_tools(request.operation, request.headers):
            app = DescribedTools(app, settings.policy, lambda e: self._pipeline.refuse(request, e))
        running = stream.run(app, inner, receive)
        return running if request.release is None else _released(running, request.release)

    def _for_stranger(self, request: GuardedRequest) -> ASGIApp:
        """Return the application, whose lists show a caller without a token what the policy lists."""
        operation, policy = request.operation, self._settings.policy
        if operation is None or operation.method not in LISTS:
            return self._app
        return PublicLists(
            self._app,
            operation.method,
            lambda wanted: policy.decide(None, wanted).is_listed,
            lambda problem: self._pipeline.refuse(request, problem),
        )


async def _released(running: Awaitable[None], release: Callable[[], None]) -> None:
    try:
        await running
    finally:
        release()


def _operation(envelope: Envelope) -> Operation:
    if envelope.method != "completion/complete" or envelope.name is None:
        return Operation(envelope.method, envelope.name)
    # The envelope has a name only where params has a reference.
    kind = envelope.params["ref"].get("type")
    reaches = REFERENCES.get(kind) if isinstance(kind, str) else None
    return Operation(envelope.method, envelope.name, reaches)


def _read_message(request: GuardedRequest, body: bytes) -> None:
    headers = request.headers
    once = request.scope["headers"] if headers.repeated else headers.by_name
    request.envelope = envelope = read_envelope(body, once)
    request.operation = _operation(envelope)
    require_normal_uris(envelope)
    # The rule for GET or DELETE would otherwise decide a message method of the application.
    if envelope.method in NOT_IN_MESSAGES:
        detail = f"{envelope.method} is not a method of messages"
        raise UnknownMethod(UnknownMethod.public, detail=detail)
