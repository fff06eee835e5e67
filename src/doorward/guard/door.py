"""The door itself: one ASGI application in front of another."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from doorward.errors import (
    NotPermitted,
    RequestRefused,
    ScopeMissing,
    Unavailable,
)
from doorward.guard import audit, cors
from doorward.guard.answers import INSIDE_KEY, Answer, App, Receive, Refusals, Scope, Send, deliver
from doorward.guard.asked import Asked, look_at
from doorward.guard.bearer import read_bearer, require_token
from doorward.guard.body import Gone, read_body, replay, require_json, require_size
from doorward.guard.correlation import new_id
from doorward.guard.exchange import Exchange
from doorward.guard.lifespan import run_lifespan
from doorward.guard.paths import Paths, Place
from doorward.guard.refusals import (
    KindNotAllowed,
    MethodRefused,
    NothingHere,
    PathRefused,
    UnknownMethod,
    UnknownName,
)
from doorward.guard.sessions import Sessions
from doorward.identity import SCOPE_KEY as IDENTITY_KEY
from doorward.identity import Identity
from doorward.policy import Decision, Operation, Policy
from doorward.wire.addresses import Addresses
from doorward.wire.envelope import NAMED, Envelope, read_envelope
from doorward.wire.envelope import SCOPE_KEY as ENVELOPE_KEY

if TYPE_CHECKING:
    from doorward.tokens import TokenVerifier


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything a door needs, decided once at start-up."""

    paths: Paths
    addresses: Addresses
    metadata: bytes
    refusals: Refusals
    policy: Policy
    verifier: "TokenVerifier"
    audit: audit.AuditSink
    clock: Callable[[], float]
    leeway: float
    max_body: int
    serve_other_paths: bool
    open_paths: frozenset[str]
    app_path: str | None


class Visit:
    """One request at the endpoint, and what has become known of it so far."""

    __slots__ = (
        "asked",
        "correlation_id",
        "envelope",
        "http_method",
        "identity",
        "operation",
        "origin",
        "scopes",
    )

    def __init__(self, scope: Scope) -> None:
        self.asked: Asked = look_at(scope["headers"])
        self.http_method: str = scope["method"]
        self.correlation_id = new_id()
        # Set once the origin was judged: only then may its pages read the answer.
        self.origin: bytes | None = None
        self.identity: Identity | None = None
        self.envelope: Envelope | None = None
        # What is asked for, as policy sees it. GET opens a stream and DELETE ends a session: nothing
        # but the base rule speaks of them.
        self.operation = None if self.http_method == "POST" else Operation("")
        self.scopes: frozenset[str] = frozenset()

    def extra_headers(self) -> cors.Headers:
        """What every answer to this request carries, whatever its status."""
        return cors.readable_headers(self.origin)


class Door:
    """
    ``app`` behind a door: the endpoint is guarded, the metadata is answered here.

    Other paths are refused unless the settings serve them.
    """

    def __init__(self, app: App, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._started = False
        self._sessions = Sessions()

    @property
    def policy(self) -> Policy:
        """What decides behind this door, with the rules that an adapter found beside the tools."""
        return self._settings.policy

    @property
    def verifier(self) -> "TokenVerifier":
        """What tells from a token who is calling."""
        return self._settings.verifier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI scope."""
        kind = scope["type"]
        if kind == "lifespan":
            await run_lifespan(
                self._app, scope, receive, send, start=self._start, close=self._close
            )
            return
        # The path of the scope and never a URL put together from Host: "Host: a/?x=" moves that.
        path: str = scope["path"]
        place = self._settings.paths.place(path, scope.get("raw_path"))
        if kind == "http" and place == "endpoint":
            await self._guarded(scope, receive, send)
        elif place == "elsewhere" and self._is_open(path):
            await self._app(scope, receive, send)
        elif kind == "http":
            await self._unguarded(place, scope, send)
        else:
            # A websocket on a guarded path: nothing here knows how to judge one.
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    def _is_open(self, path: str) -> bool:
        return self._settings.serve_other_paths or path in self._settings.open_paths

    async def _unguarded(self, place: Place, scope: Scope, send: Send) -> None:
        """Answer what is neither the endpoint nor the application's: metadata, or nothing."""
        # Pages look for metadata in many places and must be able to read that there is none.
        public = cors.FOR_METADATA if "/.well-known/" in scope["path"] else []
        try:
            if place == "ambiguous":
                raise PathRefused(f"path={scope['path']!r} raw={scope.get('raw_path')!r}")
            if place != "metadata":
                raise NothingHere(f"path={scope['path']!r}")
            if scope["method"] not in ("GET", "HEAD", "OPTIONS"):
                public = [*public, (b"allow", b"GET, HEAD, OPTIONS")]
                raise MethodRefused(f"method={scope['method']!r}")
        except RequestRefused as refusal:
            await self._refuse(Visit(scope), refusal, send, public)
            return
        if scope["method"] == "OPTIONS":
            await deliver(Answer(204, []), send, public)
            return
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(self._settings.metadata)).encode("ascii")),
            (b"cache-control", b"public, max-age=300"),
        ]
        body = b"" if scope["method"] == "HEAD" else self._settings.metadata
        await deliver(Answer(200, headers, body), send, public)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = Visit(scope)
        try:
            self._judge_addresses(visit)
            if visit.http_method == "OPTIONS":
                await self._permit(visit, send)
                return
            # Who is asking comes before what is asked: a stranger's body is not even read.
            token = read_bearer(visit.asked, scope["query_string"])
            # What is recalled was found to be written as a token before it was verified.
            recalled = self._settings.verifier.recall(token)
            visit.identity = recalled or await self._verify(token)
            if b"mcp-session-id" in visit.asked.headers:
                self._judge_session(visit, visit.identity)
            if visit.http_method == "POST":
                require_json(visit.asked)
                require_size(visit.asked, self._settings.max_body)
                body = await read_body(receive, self._settings.max_body)
                self._read_message(visit, body, scope)
                receive = replay(body, receive)
            self._decide(visit, visit.identity)
        except (RequestRefused, Unavailable) as refusal:
            await self._refuse(visit, refusal, send, visit.extra_headers())
            return
        except Gone:
            return
        await self._serve(visit, visit.identity, scope, receive, send)

    def _judge_addresses(self, visit: Visit) -> None:
        """Host before Origin: a page that reached us under a strange name is nobody's page."""
        headers, repeated = visit.asked.headers, visit.asked.repeated
        addresses = self._settings.addresses
        addresses.require_host(None if b"host" in repeated else headers.get(b"host"))
        origin = headers.get(b"origin")
        if origin is not None:
            addresses.require_origin(b"" if b"origin" in repeated else origin)
            visit.origin = origin

    def _judge_session(self, visit: Visit, caller: Identity) -> None:
        headers, repeated = visit.asked.headers, visit.asked.repeated
        # Of two ids the application might take the other one.
        only = b"" if b"mcp-session-id" in repeated else headers[b"mcp-session-id"]
        self._sessions.require_own(only, caller)

    async def _permit(self, visit: Visit, send: Send) -> None:
        """Answer OPTIONS before any token is asked for: browsers send none along."""
        if visit.origin is not None and cors.is_preflight(visit.http_method, visit.asked):
            await deliver(Answer(204, []), send, cors.preflight_headers(visit.origin, visit.asked))
        else:
            allow = [(b"allow", b"GET, POST, DELETE, OPTIONS")]
            await deliver(Answer(204, allow), send, visit.extra_headers())

    async def _verify(self, token: bytes) -> Identity:
        require_token(token)
        if not self._started:
            await self._start()
        identity = await self._settings.verifier.verify(token)
        # First the checks of all who came together, then what they asked for. The two push each
        # other out of the processor's caches: taken in turns, both cost a tenth more.
        await asyncio.sleep(0)
        return identity

    def _read_message(self, visit: Visit, body: bytes, scope: Scope) -> None:
        headers, repeated = visit.asked.headers, visit.asked.repeated
        visit.envelope = envelope = read_envelope(body, scope["headers"] if repeated else headers)
        visit.operation = Operation(envelope.method, envelope.name)

    def _decide(self, visit: Visit, caller: Identity) -> None:
        operation = visit.operation
        if operation is None:
            raise NotPermitted("nothing to decide on")
        decision = self._settings.policy.decide(caller, operation)
        visit.scopes = decision.scopes
        if not decision.allowed:
            raise refusal_of(decision, operation, caller)

    def _serve(
        self, visit: Visit, identity: Identity, scope: Scope, receive: Receive, send: Send
    ) -> Awaitable[None]:
        settings = self._settings
        inner = {**scope, IDENTITY_KEY: identity}
        inner[INSIDE_KEY] = partial(self._refuse_inside, visit, identity)
        if visit.envelope is not None:
            inner[ENVELOPE_KEY] = visit.envelope
        if settings.app_path is not None and scope["path"] != settings.app_path:
            inner["path"] = settings.app_path
            inner["raw_path"] = settings.app_path.encode()
        correlation = (b"x-correlation-id", visit.correlation_id.encode("ascii"))

        def began(status: int, session: bytes | None) -> None:
            if session is not None:
                self._sessions.opened(session, identity)
            self._write_down(visit, "allowed", status, served=True)

        exchange = Exchange(
            send,
            [correlation] if visit.origin is None else [correlation, *visit.extra_headers()],
            began,
            identity,
            settings.leeway,
            settings.clock,
        )
        return exchange.run(self._app, inner, receive)

    async def _refuse(
        self,
        visit: Visit,
        refusal: RequestRefused | Unavailable,
        send: Send,
        extra: cors.Headers,
    ) -> None:
        request_id = visit.envelope.id if visit.envelope is not None else None
        answer = self._settings.refusals.answer(
            refusal, correlation_id=visit.correlation_id, request_id=request_id
        )
        if isinstance(refusal, UnknownMethod) and _is_legacy(visit.envelope):
            # Clients of the initialize era read 404 as "your session is over".
            answer = answer._replace(status=200)
        self._write_down(visit, refusal.code, answer.status, detail=refusal.detail)
        await deliver(answer, send, extra)

    def _refuse_inside(
        self, visit: Visit, caller: Identity, operation: Operation, decision: Decision
    ) -> tuple[RequestRefused, str]:
        """Record what the application refuses by this door's policy, under the request's id."""
        refusal = refusal_of(decision, operation, caller)
        self._settings.audit(
            audit.event(
                time=self._settings.clock(),
                correlation_id=visit.correlation_id,
                reason=refusal.code,
                # The application tells it in an answer of its own.
                status=200,
                http_method=visit.http_method,
                operation=operation,
                identity=caller,
                scopes=decision.scopes,
                detail=refusal.detail,
            )
        )
        return refusal, visit.correlation_id

    def _write_down(
        self, visit: Visit, reason: str, status: int, *, detail: str = "", served: bool = False
    ) -> None:
        self._settings.audit(
            audit.event(
                time=self._settings.clock(),
                correlation_id=visit.correlation_id,
                reason=reason,
                status=status,
                http_method=visit.http_method,
                operation=visit.operation,
                identity=visit.identity,
                scopes=visit.scopes,
                detail=detail,
                served=served,
            )
        )

    async def _start(self) -> None:
        # A server without lifespan events starts the verifier with its first token.
        if not self._started:
            self._started = True
            await self._settings.verifier.start()

    async def _close(self) -> None:
        await self._settings.verifier.aclose()


def _is_legacy(envelope: Envelope | None) -> bool:
    return envelope is not None and envelope.protocol_version is None


def refusal_of(decision: Decision, operation: Operation, identity: Identity) -> RequestRefused:
    """Return what a caller is refused with whom ``decision`` does not allow ``operation``."""
    what = f"{operation.method} {operation.name or ''}".strip()
    if decision.reason == "scope-missing":
        held, wanted = sorted(identity.scopes), sorted(decision.scopes)
        return ScopeMissing(f"{what}: scopes={held}, want {wanted}", decision.scopes)
    if decision.reason == "kind-not-allowed":
        return KindNotAllowed(f"{what}: kind={identity.kind}, want one of {sorted(decision.kinds)}")
    if decision.reason == "role-missing":
        held, wanted = sorted(identity.roles), sorted(decision.roles)
        return NotPermitted(f"{what}: roles={held}, want one of {wanted}")
    if operation.method in NAMED and operation.name is not None:
        return UnknownName(f"no rule for {what}")
    return UnknownMethod(f"no rule for {what}")
