"""Sends requests and receives results, with 2026-07-28 or with a session of older versions."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from typing import Any

import anyio
import httpx2

from doorward.client.http.response_limits import EXTENSION, ResponseLimit
from doorward.client.http.url_policy import UrlPolicy, connection_error
from doorward.client.mcp.elicitation import METHOD as ELICITATION
from doorward.client.mcp.elicitation import Elicit, Mode, answer_elicitation, capabilities_of
from doorward.client.mcp.events import Event, read_events
from doorward.client.mcp.exchange import HttpExchange, SessionLost, raise_for_status, send_cancelled
from doorward.client.mcp.messages import (
    MAX_RESPONSE,
    MODERN,
    build_headers,
    build_request,
    encode,
    parse_message,
    read_error,
    read_message,
    result_of,
    session_of,
)
from doorward.client.refusals import CallFailed, ClientRefused, ProtocolBroken, Unreachable
from doorward.wire.jsonrpc.envelope import (
    INVALID_PARAMS,
    LEGACY_VERSIONS,
    METHOD_NOT_FOUND,
    MODERN_VERSIONS,
)

# -32020 header mismatch, -32021 missing capability, -32022 unsupported version: only a 2026-07-28
# server sends these, so ``initialize`` would not help.
_UNSUPPORTED_VERSION = -32022
_MODERN_ERRORS = frozenset({-32020, -32021, _UNSUPPORTED_VERSION})
_MAX_RESUMPTIONS = 10
_PAUSE = 1.0


@dataclass(frozen=True)
class _ClientRequest:
    """One request of the caller, in a form for modern and legacy servers."""

    method: str
    params: Mapping[str, Any]
    headers: Mapping[str, str]
    limit: ResponseLimit


class Session:
    """
    Speaks 2026-07-28, and falls back to a session with ``initialize`` for older servers.

    ``initialize=True`` starts with the session. ``elicit`` answers the server's elicitations;
    without it, the client declares no such capability. A stream of an older server that ends early
    is resumed after the server's retry time. A lost session is initialized again, once per request.
    The server is notified when the caller cancels a request, or when the response takes too long.

    Spec: MCP 2026-07-28 streamable HTTP, backward compatibility; MCP 2025-11-25 resumability,
    cancellation
    """

    def __init__(
        self,
        url: str,
        http: httpx2.AsyncClient,
        *,
        seconds: float = 60.0,
        initialize: bool = False,
        elicit: Elicit | None = None,
        modes: tuple[Mode, ...] = ("form",),
        url_policy: UrlPolicy | None = None,
    ) -> None:
        self.url = url
        self.version: str | None = None
        self._http, self._seconds = http, seconds
        self._initialize = initialize
        self._elicit = elicit
        self._session_id: str | None = None
        self._number = 0
        self._client = {"name": "doorward", "version": installed_version("doorward")}
        self._modes, self._url_policy = modes, url_policy
        self._capabilities = capabilities_of(elicit, modes)
        self._listener: asyncio.Task[None] | None = None

    def limit(self, octets: int = MAX_RESPONSE) -> ResponseLimit:
        """Return a new limit for one response."""
        return ResponseLimit(self._seconds, octets)

    async def request(
        self,
        method: str,
        params: Mapping[str, Any],
        headers: Mapping[str, str] | None = None,
        limit: ResponseLimit | None = None,
    ) -> dict[str, Any]:
        """
        Return the result of one request; several requests can share a ``limit``.

        Raises:
            ClientRefused: the request or the sign-in failed; the class says which.
        """
        request = _ClientRequest(method, params, headers or {}, limit or self.limit())
        if self.version is None and self._initialize:
            self.version = await self._initialize_session()
        if self.version is None:
            found = await self._request_modern(request)
            if found is not None:
                return found
            self.version = await self._initialize_session()
        try:
            return await self._request_once(request, self.version)
        except SessionLost:
            await self.aclose()
            self._session_id = None
            self.version = await self._initialize_session()
            return await self._request_once(request, self.version)

    def post(
        self,
        message: Mapping[str, Any],
        version: str | None,
        extra: Mapping[str, str] | None = None,
        limit: ResponseLimit | None = None,
        **options: Any,
    ) -> HttpExchange:
        """Return the exchange that posts ``message``; enter it to send."""
        headers = {
            **build_headers(message, version=version),
            **self._session_headers(),
            **(extra or {}),
        }
        request = self._http.build_request(
            "POST",
            self.url,
            headers=headers,
            content=encode(message),
            extensions={EXTENSION: limit or self.limit()},
        )
        return HttpExchange(self._http, request, options)

    def message(self, method: str, params: Mapping[str, Any], version: str) -> dict[str, Any]:
        """Return a new request with an id of its own."""
        self._number += 1
        return build_request(
            self._number,
            method,
            params,
            version=version,
            client=self._client,
            capabilities=self._capabilities,
        )

    async def aclose(self) -> None:
        """Stop listening for requests of the server."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)

    async def _request_modern(self, request: "_ClientRequest") -> dict[str, Any] | None:
        """Return the result of a modern server; ``None`` when the server may be a legacy one."""
        for last in (False, True):
            message = self.message(request.method, request.params, MODERN)
            async with self.post(message, MODERN, request.headers, request.limit) as response:
                if await _may_be_legacy(response):
                    return None
                try:
                    await raise_for_status(self.url, response)
                except CallFailed as refusal:
                    supported = _supported(refusal)
                    if last or supported.isdisjoint({*MODERN_VERSIONS, *LEGACY_VERSIONS}):
                        raise
                    if MODERN not in supported:
                        return None
                    continue
                self.version = MODERN
                return result_of(await self._read_response(response, message["id"], request.limit))
        return None

    async def _request_once(self, request: "_ClientRequest", version: str) -> dict[str, Any]:
        message = self.message(request.method, request.params, version)
        try:
            async with self.post(message, version, request.headers, request.limit) as response:
                if response.status_code == 404 and self._session_id is not None:
                    raise SessionLost(self.url)
                await raise_for_status(self.url, response)
                return result_of(await self._read_response(response, message["id"], request.limit))
        except asyncio.CancelledError:
            await self._cancel_request(message["id"], version)
            raise
        except Unreachable as refusal:
            if refusal.reason == "timeout":
                await self._cancel_request(message["id"], version)
            raise

    async def _cancel_request(self, number: int, version: str) -> None:
        """Notify the session of the cancellation; a closed stream is not a notification there."""
        if self._session_id is not None:
            headers = {**build_headers({}, version=version), **self._session_headers()}
            await send_cancelled(self._http, self.url, headers, [number])

    async def _initialize_session(self) -> str:
        """Start a session with ``initialize``; return the negotiated version."""
        offer = LEGACY_VERSIONS[-1]
        params = {
            "protocolVersion": offer,
            "capabilities": self._capabilities,
            "clientInfo": self._client,
        }
        message = self.message("initialize", params, offer)
        limit = self.limit()
        async with self.post(message, None, limit=limit) as response:
            await raise_for_status(self.url, response)
            self._session_id = session_of(response)
            answer = result_of(await self._read_response(response, message["id"], limit))
        agreed = answer.get("protocolVersion")
        if agreed not in LEGACY_VERSIONS:
            raise ProtocolBroken(
                "no-common-version",
                f"The server wants MCP {agreed!r}, expected one of {', '.join(LEGACY_VERSIONS)}.",
                "Upgrade Doorward, or the server.",
            )
        note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        async with self.post(note, str(agreed)) as response:
            await raise_for_status(self.url, response)
        if self._elicit is not None:
            self._listener = asyncio.create_task(self._listen(str(agreed)))
        return str(agreed)

    async def _read_response(
        self, response: httpx2.Response, number: int, limit: ResponseLimit
    ) -> dict[str, Any]:
        """Return the response to the request ``number``, from a document or a stream."""
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "text/event-stream":
            return await read_message(response, number)
        last: Event | None = None
        async for event in read_events(response, MAX_RESPONSE):
            last = event
            answer = await self._handle_event(event, response, number)
            if answer is not None:
                return answer
        return await self._resume(last, number, limit)

    async def _resume(
        self, last: Event | None, number: int, limit: ResponseLimit
    ) -> dict[str, Any]:
        for _ in range(_MAX_RESUMPTIONS):
            if last is None or last.id is None or self.version in MODERN_VERSIONS:
                break
            await _pause(_PAUSE if last.retry is None else last.retry, limit, self.url)
            async with self._stream(last.id, limit=limit) as response:
                await raise_for_status(self.url, response)
                async for event in read_events(response, MAX_RESPONSE):
                    last = event
                    answer = await self._handle_event(event, response, number)
                    if answer is not None:
                        return answer
        raise ProtocolBroken(
            "no-answer", "The server's answer holds no response to the request.", "Try again."
        )

    async def _handle_event(
        self, event: Event, response: httpx2.Response, number: int | None
    ) -> dict[str, Any] | None:
        """Return the response to ``number`` if ``event`` is it; answer what the server asks."""
        if not event.data:
            return None
        message = parse_message(event.data, response)
        if "method" in message:
            await self._answer_server(message)
            return None
        answers = message.get("id") == number or ("error" in message and "id" not in message)
        return message if answers and ("result" in message or "error" in message) else None

    async def _answer_server(self, message: Mapping[str, Any]) -> None:
        # Modern servers ask in results, never on a stream; a notification needs no answer.
        if "id" not in message or self._elicit is None or self.version in MODERN_VERSIONS:
            return
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": message["id"]}
        if message["method"] == ELICITATION:
            params = message.get("params")
            answer |= await self._elicit_result(
                self._elicit, params if isinstance(params, dict) else {}
            )
        elif message["method"] == "ping":
            answer["result"] = {}
        else:
            answer["error"] = {"code": METHOD_NOT_FOUND, "message": "Method not found"}
        async with self.post(answer, self.version) as response:
            await raise_for_status(self.url, response)

    async def _elicit_result(self, elicit: Elicit, params: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return {
                "result": await answer_elicitation(elicit, params, self._modes, self._url_policy)
            }
        except ProtocolBroken as refusal:
            return {"error": {"code": INVALID_PARAMS, "message": refusal.problem}}

    async def _listen(self, version: str) -> None:
        """Answer requests of the server outside of calls, as long as it offers a stream."""
        last: str | None = None
        while True:
            try:
                async with self._stream(last, version) as response:
                    kind = response.headers.get("content-type", "")
                    if response.status_code != 200 or "text/event-stream" not in kind:
                        return
                    async for event in read_events(response, MAX_RESPONSE):
                        last = event.id or last
                        await self._handle_event(event, response, None)
            except ClientRefused:
                pass
            await anyio.sleep(_PAUSE)

    def _stream(
        self, after: str | None, version: str | None = None, limit: ResponseLimit | None = None
    ) -> HttpExchange:
        headers = {
            "Accept": "text/event-stream",
            "Accept-Encoding": "identity",
            "MCP-Protocol-Version": version or self.version or LEGACY_VERSIONS[-1],
            **self._session_headers(),
        }
        if after is not None:
            headers["Last-Event-ID"] = after
        # An idle stream is alive as long as its connection is.
        timeout = httpx2.Timeout(30.0, read=None)
        request = self._http.build_request(
            "GET",
            self.url,
            # The HTML standard sends an event id back as UTF-8.
            headers=httpx2.Headers(headers, encoding="utf-8"),
            timeout=timeout,
            extensions={EXTENSION: limit},
        )
        return HttpExchange(self._http, request, {})

    def _session_headers(self) -> dict[str, str]:
        return {} if self._session_id is None else {"Mcp-Session-Id": self._session_id}


def _supported(refusal: CallFailed) -> frozenset[str]:
    if refusal.number != _UNSUPPORTED_VERSION or not isinstance(refusal.data, dict):
        return frozenset()
    named = refusal.data.get("supported")
    if not isinstance(named, list):
        return frozenset()
    return frozenset(name for name in named if isinstance(name, str))


async def _pause(seconds: float, limit: ResponseLimit, url: str) -> None:
    try:
        await limit.wait_for(anyio.sleep(seconds))
    except httpx2.TimeoutException as error:
        raise connection_error(url, error) from error


async def _may_be_legacy(response: httpx2.Response) -> bool:
    """
    Return whether the response can be from a legacy server, which needs ``initialize``.

    Spec: MCP 2026-07-28 streamable HTTP, backward compatibility
    """
    if response.status_code not in (400, 404, 405, 406, 415):
        return False
    error = await read_error(response)
    if error is None:
        return True
    # A modern server refuses a method with 404 and "method not found"; a legacy server's 404 is a
    # lost session or a wrong path, and has no such body.
    unknown_method = response.status_code == 404 and error["code"] == METHOD_NOT_FOUND
    return error["code"] not in _MODERN_ERRORS and not unknown_method
