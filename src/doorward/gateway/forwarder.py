"""The gateway: an ASGI application in front of upstream servers."""

import json
import ssl
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from doorward.audit import Outcome
from doorward.correlation_id import new_correlation_id
from doorward.downstream.refusals import AccountNotConnected
from doorward.errors import BadRequest, ConfigurationError, HttpError, NotPermitted
from doorward.gateway import browsers
from doorward.gateway.headers import Header, request_headers, require_forwardable
from doorward.gateway.refusals import METHODS, MethodNotForwarded, UpstreamWantsCredentials
from doorward.gateway.routes import Route, authority_of, find, require_origin
from doorward.gateway.upstream.credentials import Credentials, sent_back, sent_upstream
from doorward.gateway.upstream.document import read_document
from doorward.gateway.upstream.exchange import Upstream, UpstreamRequest, UpstreamResponse
from doorward.gateway.upstream.identity import UpstreamIdentity
from doorward.gateway.upstream.mcp_response import require_mcp
from doorward.gateway.upstream.shortened_lists import ShortenedLists
from doorward.guard.http.cors import is_preflight
from doorward.guard.http.request_headers import RequestHeaders, read_headers
from doorward.identity import SCOPE_KEY as IDENTITY_KEY
from doorward.identity import Identity
from doorward.mcp_server.http.disconnect import watched
from doorward.wire.asgi import ClientDisconnected, Receive, Scope, Send, read_body
from doorward.wire.error_response import (
    as_asgi,
    error_response,
    oauth_body,
    tool_error,
    tool_error_body,
)
from doorward.wire.host_origin import HostOriginPolicy
from doorward.wire.jsonrpc.envelope import SCOPE_KEY as ENVELOPE_KEY
from doorward.wire.jsonrpc.envelope import Envelope

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class ForwardedRequest:
    """
    One forwarded or refused request, for the log.

    ``path`` has no query, because queries can contain codes and tokens.

    ``status`` is what the caller got, ``reason`` ``forwarded`` or the code of a refusal.
    """

    time: float
    decision: Outcome
    method: str
    path: str
    upstream: str | None
    status: int
    reason: str
    detail: str
    seconds: float
    correlation_id: str


class Gateway:
    """
    Forward the paths of ``routes`` to upstream servers, and refuse everything else.

    ```python
    gateway = Gateway(
        public="https://mcp.example",
        routes=[Route(path="/mcp", upstream="http://localhost:9000")],
    )
    app = guard.protect(gateway)
    ```

    ``public`` is the origin under which clients reach this gateway. The gateway sends it upstream
    in ``Host`` and ``X-Forwarded-Host``, whatever the client sent. Upstream servers then name
    addresses and an issuer that clients know. The gateway forwards the headers that MCP, tracing,
    content negotiation and sign-in pages need, and ``pass_headers``. ``max_body`` is in bytes,
    ``timeout`` in seconds. Each upstream server gets at most ``connections`` calls at once, and as many
    streams. ``audit`` gets an event for every request. ``credentials`` says which of them
    pass: behind a guard, the upstream server needs none. ``lists`` removes from lists what their reader
    may not use. ``identity`` names the caller whom a guard has verified.

    Raises:
        ConfigurationError: ``not-an-origin``, ``not-a-host``, ``not-a-header``,
            ``header-not-passed``.

    Spec: RFC 9110 §7.6; RFC 7239 §5
    """

    # For a guard in front: upstream sessions outlive this process.
    is_remote = True

    def __init__(
        self,
        *,
        public: str,
        routes: Sequence[Route],
        allowed_origins: Collection[str] = (),
        allowed_hosts: Collection[str] = (),
        pass_headers: Collection[str] = (),
        max_body: int = 4 * MEBIBYTE,
        timeout: float = 60.0,
        connections: int = 200,
        credentials: Credentials = "all",
        lists: ShortenedLists | None = None,
        identity: UpstreamIdentity | None = None,
        audit: Callable[[ForwardedRequest], None] = lambda _event: None,
    ) -> None:
        self.routes = tuple(routes)
        self._own_headers = _own_headers(require_origin(public))
        self._host_policy = HostOriginPolicy(public, allowed_hosts, allowed_origins)
        self._more_headers = frozenset(require_forwardable(name) for name in pass_headers)
        self._max_body = max_body
        self._audit = audit
        self._credentials = credentials
        self._lists = lists
        self._identity = identity
        if identity is not None:
            _require_own_headers(identity, self._more_headers, credentials)
        # If all upstream servers use plain http, no CA certificates need to be loaded.
        secure = any(route.upstream.startswith("https:") for route in self.routes)
        tls = ssl.create_default_context() if secure else None
        self._upstream = Upstream(timeout=timeout, connections=connections, tls=tls)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI scope."""
        if scope["type"] == "lifespan":
            await self._run_lifespan(receive, send)
        elif scope["type"] == "http":
            await _RequestCycle(self, scope, send).run(receive)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    async def _run_lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._upstream.aclose()
        await send({"type": "lifespan.shutdown.complete"})


class _RequestCycle:
    """One request, from the checks to the end of its response."""

    def __init__(self, gateway: Gateway, scope: Scope, send: Send) -> None:
        self._gateway = gateway
        self._scope = scope
        self._send = send
        self._headers: RequestHeaders = read_headers(scope["headers"])
        self._id = new_correlation_id()
        self._began = time.monotonic()
        self._route: Route | None = None
        lists = gateway._lists
        self._list_methods = lists.methods_in(scope) if lists is not None else ()
        self._origin: bytes | None = None
        self._status: int | None = None

    async def run(self, receive: Receive) -> None:
        try:
            upstream_request = await self._read(receive)
            if upstream_request is not None:
                await watched(receive, self._forward(upstream_request))
        except ClientDisconnected:
            return
        except AccountNotConnected as missing:
            await self._say_not_connected(missing)
        except UpstreamWantsCredentials as refusal:
            await self._say_refused(refusal)
        except HttpError as refusal:
            await self._refuse(refusal)

    async def _say_refused(self, refusal: UpstreamWantsCredentials) -> None:
        """Tell the caller to replace a refused credential, if the caller can."""
        identity, caller = self._gateway._identity, self._scope.get(IDENTITY_KEY)
        refused = None if identity is None else identity.refused
        if refused is None or not isinstance(caller, Identity):
            await self._refuse(refusal)
            return
        try:
            await self._say_not_connected(await refused(caller))
        except HttpError as failure:
            await self._refuse(failure)

    async def _read(self, receive: Receive) -> UpstreamRequest | None:
        """Return the upstream request after all checks; ``None`` if the gateway has answered."""
        gateway, scope, headers = self._gateway, self._scope, self._headers
        # A page whose name was rebound to this machine's address sends that name as Host.
        host = None if b"host" in headers.repeated else headers.by_name.get(b"host")
        gateway._host_policy.require_host(host)
        self._route = route = find(gateway.routes, scope["path"], scope.get("raw_path"))
        self._origin = browsers.allowed_origin(route.cors, gateway._host_policy, headers)
        if scope["method"] not in METHODS:
            raise MethodNotForwarded(f"method={scope['method']!r}")
        if route.cors != "upstream" and is_preflight(scope["method"], headers):
            await self._answer(204, browsers.preflight_headers(self._origin, headers))
            return None
        declared = headers.by_name.get(b"content-length")
        body = await read_body(receive, gateway._max_body, declared)
        return UpstreamRequest(
            method=scope["method"],
            origin=route.upstream,
            target=_target(route, scope),
            headers=[
                *sent_upstream(self._upstream_headers(), gateway._credentials),
                *await self._caller_headers(),
            ],
            body=body,
            is_stream=self._is_stream(),
        )

    def _is_stream(self) -> bool:
        """Return whether the caller listens, for hours perhaps, and waits for no result."""
        envelope = self._scope.get(ENVELOPE_KEY)
        if isinstance(envelope, Envelope):
            return envelope.method == "subscriptions/listen"
        return bool(self._scope["method"] == "GET")

    def _upstream_headers(self) -> list[Header]:
        given = self._scope["headers"]
        if self._list_methods:
            # Only what is not compressed can be read here.
            given = [one for one in given if one[0] != b"accept-encoding"]
        client = self._scope.get("client") or ("unknown",)
        forwarded_for = (b"x-forwarded-for", str(client[0]).encode("ascii", "replace"))
        return request_headers(
            given,
            added=(*self._gateway._own_headers, forwarded_for),
            more=self._gateway._more_headers,
        )

    async def _caller_headers(self) -> list[Header]:
        identity, caller = self._gateway._identity, self._scope.get(IDENTITY_KEY)
        if identity is None or not isinstance(caller, Identity):
            return []
        return await identity.headers(caller, time.time())

    async def _forward(self, upstream_request: UpstreamRequest) -> None:
        assert self._route is not None
        if self._route.issuer is not None:
            document = await read_document(
                self._gateway._upstream, upstream_request, issuer=self._route.issuer
            )
            await self._answer(document.status, document.headers, document.body)
            return
        async with self._gateway._upstream.send(upstream_request) as response:
            await self._stream_response(await self._shortened(response))

    async def _shortened(self, response: UpstreamResponse) -> UpstreamResponse:
        lists = self._gateway._lists
        if lists is None or not self._list_methods:
            return response
        return await lists.shortened(response, self._list_methods, self._scope)

    async def _stream_response(self, response: UpstreamResponse) -> None:
        assert self._route is not None
        # Our own server adds Date.
        headers = [one for one in response.headers if one[0] != b"date"]
        headers = sent_back(response.status, headers, self._gateway._credentials)
        if isinstance(self._scope.get(ENVELOPE_KEY), Envelope):
            require_mcp(response.status, headers, self._headers)
        await self._start(
            response.status, browsers.with_cors(headers, self._route.cors, self._origin)
        )
        async for chunk in response.chunks:
            await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
        await self._send({"type": "http.response.body", "body": b""})

    async def _answer(self, status: int, headers: list[Header], body: bytes = b"") -> None:
        """Send a complete response."""
        assert self._route is not None
        if not any(name == b"access-control-allow-methods" for name, _ in headers):
            headers = browsers.with_cors(headers, self._route.cors, self._origin)
        await self._start(status, headers)
        sent = b"" if self._scope["method"] == "HEAD" else body
        await self._send({"type": "http.response.body", "body": sent})

    async def _start(self, status: int, headers: list[Header]) -> None:
        self._status = status
        self._log(status, "forwarded")
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def _refuse(self, refusal: HttpError) -> None:
        if self._status is not None:
            # The response has begun. Without its end, no client takes it for a complete one.
            self._log(self._status, refusal.code, refusal.detail)
            return
        error_body = {**oauth_body(refusal), "error": refusal.code, "correlation_id": self._id}
        body = json.dumps(error_body).encode()
        response = error_response(refusal)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            *as_asgi(response.headers),
        ]
        if self._route is not None:
            headers = browsers.with_cors(headers, self._route.cors, self._origin)
        self._log(refusal.status, refusal.code, refusal.detail)
        await self._send(
            {"type": "http.response.start", "status": refusal.status, "headers": headers}
        )
        await self._send({"type": "http.response.body", "body": body})

    async def _say_not_connected(self, missing: AccountNotConnected) -> None:
        """Answer a call with the sentence and the link, and any other request with an error."""
        envelope = self._scope.get(ENVELOPE_KEY)
        if not isinstance(envelope, Envelope) or envelope.method != "tools/call":
            await self._refuse(NotPermitted(missing.detail, description=missing.description))
            return
        body = tool_error_body(tool_error(missing.description), envelope)
        kind = (b"content-type", b"application/json")
        await self._answer(200, [kind, (b"content-length", str(len(body)).encode())], body)

    def _log(self, status: int, reason: str, detail: str = "") -> None:
        self._gateway._audit(
            ForwardedRequest(
                time=time.time(),
                decision="served" if reason == "forwarded" else "refused",
                method=self._scope["method"],
                path=self._scope["path"],
                upstream=self._route.upstream if self._route else None,
                status=status,
                reason=reason,
                detail=detail,
                seconds=time.monotonic() - self._began,
                correlation_id=self._id,
            )
        )


def _target(route: Route, scope: Scope) -> bytes:
    query: bytes = scope["query_string"]
    if not query.isascii() or any(byte <= 0x20 or byte == 0x7F for byte in query):
        raise BadRequest("the query is not plain ASCII")
    path = (route.target or scope["path"]).encode("ascii")
    return path + (b"?" + query if query else b"")


def _require_own_headers(
    identity: UpstreamIdentity, passed: Collection[bytes], credentials: Credentials
) -> None:
    """Refuse headers of the gateway that callers could send as well."""
    for name in identity.names:
        lowered = name.lower().encode()
        spellings = {one.replace(b"_", b"-") for one in passed}
        both = lowered.replace(b"_", b"-") in spellings
        if both or (lowered == b"authorization" and credentials != "none"):
            raise ConfigurationError(
                "caller-header",
                f"{name!r} is written by the gateway, and callers could send it too.",
                f"Remove {name!r} from pass_headers, or forward_token.",
            )


def _own_headers(public: str) -> tuple[Header, ...]:
    """Return what the gateway says in every request, whatever the caller said."""
    host, parts = authority_of(public).encode(), urlsplit(public)
    port = str(parts.port or {"http": 80, "https": 443}[parts.scheme])
    return (
        (b"host", host),
        (b"via", b"1.1 doorward"),
        (b"x-forwarded-host", host),
        (b"x-forwarded-proto", parts.scheme.encode()),
        (b"x-forwarded-port", port.encode()),
    )
