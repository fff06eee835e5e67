"""Forwards the messages of a stdio client to a protected HTTP server, and back."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any

import anyio
import httpx2

from doorward.client.http.http_client import read_limited
from doorward.client.mcp.events import Event, read_events
from doorward.client.mcp.exchange import (
    CANCELLED,
    HttpExchange,
    SessionLost,
    raise_for_status,
    send_cancelled,
)
from doorward.client.mcp.messages import MAX_RESPONSE, MODERN, build_headers, encode, session_of
from doorward.client.mcp.parameter_headers import marked_parameters, parameter_headers
from doorward.client.mcp.standard_streams import Send
from doorward.client.refusals import CallFailed, ClientRefused, ProtocolBroken
from doorward.errors import ConfigurationError, DoorwardError
from doorward.wire.jsonrpc.envelope import LEGACY_VERSIONS, MODERN_VERSIONS, VERSION_META
from doorward.wire.strict_json import NotStrictJson, parse_object

_MAX_RESUMPTIONS = 10
_MAX_SCHEMAS = 1000
_PAUSE = 1.0
_PARSE_ERROR, _INTERNAL_ERROR = -32700, -32603
FAULT = "fault"
_INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


class Bridge:
    """
    Forwards each message of one stdio client to the MCP server at ``url``.

    The client chooses the protocol version; the bridge adds the HTTP headers, and ``http`` adds the
    token. An error becomes the JSON-RPC error response to its message. A lost session is initialized
    again with the client's own ``initialize``, and the message is sent once more. The server refused
    it the first time, so nothing is done twice.

    Spec: MCP 2026-07-28 and 2025-11-25, stdio and streamable HTTP
    """

    def __init__(self, url: str, http: httpx2.AsyncClient) -> None:
        self._url, self._http = url, http
        self._version: str | None = None
        self._session: str | None = None
        self._initialize_message: Mapping[str, Any] | None = None
        self._session_lock = asyncio.Lock()
        self._schemas: dict[str, Mapping[str, Any]] = {}
        self._in_flight: dict[str | int, asyncio.Task[None]] = {}
        self._listening: list[asyncio.Task[None]] = []
        self._cancelled_ids: tuple[str | int, ...] = ()

    async def run(self, incoming: AsyncIterator[bytes], send: Send) -> None:
        """Forward every line of ``incoming`` until its end, then end the session."""
        try:
            async with asyncio.TaskGroup() as tasks:
                try:
                    await self._forward_all(incoming, send, tasks)
                finally:
                    self._cancelled_ids = tuple(self._in_flight)
                    for task in (*self._in_flight.values(), *self._listening):
                        task.cancel()
        finally:
            await self._close_session()

    async def _forward_all(
        self, incoming: AsyncIterator[bytes], send: Send, tasks: asyncio.TaskGroup
    ) -> None:
        async for line in incoming:
            message = await self._read(line, send)
            if message is None or self._is_cancelled(message):
                continue
            task = tasks.create_task(self._forward_request(message, send))
            number = message.get("id")
            if isinstance(number, str | int) and "method" in message:
                self._in_flight[number] = task
                task.add_done_callback(self._done(number))
            if message.get("method") == "notifications/initialized" and not self._listening:
                await task
                self._listening.append(tasks.create_task(self._listen(send)))

    def _done(self, number: str | int) -> Callable[[asyncio.Task[None]], None]:
        def forget(task: asyncio.Task[None]) -> None:
            if self._in_flight.get(number) is task:
                del self._in_flight[number]

        return forget

    @staticmethod
    async def _read(line: bytes, send: Send) -> dict[str, Any] | None:
        if not line.strip():
            return None
        try:
            return parse_object(line)
        except NotStrictJson:
            await send(_failure(None, _PARSE_ERROR, "The line is not a JSON-RPC message.", None))
            return None

    def _is_cancelled(self, message: Mapping[str, Any]) -> bool:
        """Cancel a request by closing its stream; return whether that was enough (2026-07-28)."""
        if message.get("method") != CANCELLED or self._session is not None:
            return False
        self._cancel_task(message)
        return True

    def _cancel_task(self, message: Mapping[str, Any]) -> None:
        params = message.get("params")
        number = params.get("requestId") if isinstance(params, dict) else None
        task = self._in_flight.get(number) if isinstance(number, str | int) else None
        if task is not None:
            task.cancel()

    async def _forward_request(self, message: Mapping[str, Any], send: Send) -> None:
        number = message.get("id") if "method" in message else None
        try:
            await self._send(message, send)
        except DoorwardError as refusal:
            # A notification has no response.
            if number is not None:
                await send(_error_response(number, refusal))
        except OSError:
            # The stdio client has closed its input.
            raise
        except Exception as error:  # noqa: BLE001  (one message must not end all the others)
            if number is not None:
                await send(_internal_error(number, error))
        if message.get("method") == CANCELLED:
            # The server now ends the stream without a response; otherwise it would be resumed.
            self._cancel_task(message)

    async def _send(self, message: Mapping[str, Any], send: Send) -> None:
        if message.get("method") == "initialize":
            self._initialize_message, self._session = message, None
        async with self._session_lock:
            # Wait while a new session is being initialized.
            session = self._session
        try:
            await self._exchange(message, send)
        except SessionLost:
            await self._reinitialize(session)
            await self._exchange(message, send)

    async def _exchange(self, message: Mapping[str, Any], send: Send) -> None:
        session = self._session
        async with self._post(message, self._headers(message)) as response:
            if response.status_code == 404 and session is not None:
                raise SessionLost(self._url)
            await raise_for_status(self._url, response)
            await self._forward_response(message, response, send)

    async def _reinitialize(self, lost: str | None) -> None:
        """Initialize a new session, once for all requests that found the old one lost."""
        async with self._session_lock:
            if self._session != lost or self._initialize_message is None:
                return
            agreed = self._version
            self._version, self._session = None, None
            try:
                await self._exchange(self._initialize_message, _discard)
            except ClientRefused:
                self._session = lost
                raise
            finally:
                met, self._version = self._version, agreed
            if met != agreed:
                # The stdio client has already negotiated a version, and cannot change it.
                self._initialize_message, self._session = None, lost
                raise SessionLost(self._url)
            await self._exchange(_INITIALIZED, _discard)

    def _headers(self, message: Mapping[str, Any]) -> dict[str, str]:
        params = message.get("params")
        meta = params.get("_meta") if isinstance(params, dict) else None
        said = meta.get(VERSION_META) if isinstance(meta, dict) else None
        version = said if isinstance(said, str) else self._version
        if version in MODERN_VERSIONS and "method" not in message:
            version = None
        headers = build_headers(message, version=version)
        if version in MODERN_VERSIONS and message.get("method") == "tools/call":
            called = params if isinstance(params, dict) else {}
            schema = self._schemas.get(str(called.get("name")), {})
            headers |= parameter_headers(schema, called.get("arguments") or {})
        return headers

    def _post(self, message: Mapping[str, Any], headers: Mapping[str, str]) -> HttpExchange:
        request = self._http.build_request(
            "POST",
            self._url,
            headers={**headers, **self._session_headers()},
            content=encode(message),
        )
        return HttpExchange(self._http, request, {})

    def _session_headers(self) -> dict[str, str]:
        return {} if self._session is None else {"Mcp-Session-Id": self._session}

    async def _forward_response(
        self, request: Mapping[str, Any], response: httpx2.Response, send: Send
    ) -> None:
        if request.get("method") == "initialize":
            self._session = session_of(response)
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "text/event-stream":
            body = await read_limited(response, MAX_RESPONSE)
            if body.strip():
                await self._forward_message(request, body, send)
            return
        answered, last = await self._forward_events(request, response, send)
        for _ in range(_MAX_RESUMPTIONS):
            if answered or last is None or last.id is None or self._version in MODERN_VERSIONS:
                return
            await anyio.sleep(_PAUSE if last.retry is None else last.retry)
            async with self._stream(last.id) as again:
                await raise_for_status(self._url, again)
                answered, last = await self._forward_events(request, again, send)

    async def _forward_events(
        self, request: Mapping[str, Any], response: httpx2.Response, send: Send
    ) -> tuple[bool, Event | None]:
        last: Event | None = None
        async for event in read_events(response, MAX_RESPONSE):
            last = event
            if event.data and await self._forward_message(request, event.data, send):
                return True, last
        return False, last

    async def _forward_message(self, request: Mapping[str, Any], body: bytes, send: Send) -> bool:
        """Forward one message; return whether it is the response to ``request``."""
        try:
            message = parse_object(body)
        except NotStrictJson as error:
            raise ProtocolBroken(
                "answer-not-json", f"The server sent something other than a JSON object ({error})."
            ) from error
        answers = "method" not in message and message.get("id") == request.get("id")
        if answers and isinstance(result := message.get("result"), dict):
            self._learn(request, result)
        # ASCII only: some line readers treat U+2028 and similar characters as a line end.
        await send(json.dumps(message, separators=(",", ":")).encode())
        return answers

    def _learn(self, request: Mapping[str, Any], result: dict[str, Any]) -> None:
        if request.get("method") == "initialize":
            version = result.get("protocolVersion")
            self._version = version if version in LEGACY_VERSIONS else None
        tools = result.get("tools")
        if request.get("method") == "tools/list" and isinstance(tools, list):
            self._learn_schemas(request, tools)
            if self._version is None:
                # The stdio client does not know ``x-mcp-header``; the HTTP side must check it.
                result["tools"] = [tool for tool in tools if _is_callable(tool)]

    def _learn_schemas(self, request: Mapping[str, Any], tools: list[Any]) -> None:
        """Store the schemas with header parameters; the first page of a list replaces them all."""
        params = request.get("params")
        if not (isinstance(params, dict) and params.get("cursor")):
            self._schemas.clear()
        for tool in tools:
            schema = tool.get("inputSchema") if isinstance(tool, dict) else None
            # A server with ever new tools could otherwise fill the memory.
            room = len(self._schemas) < _MAX_SCHEMAS
            if room and isinstance(schema, dict) and marked_parameters(schema):
                self._schemas[str(tool.get("name"))] = schema

    async def _listen(self, send: Send) -> None:
        """Forward messages of an older server outside of responses, as long as it offers a stream."""
        last: str | None = None
        begun: str | None = None
        while True:
            with suppress(DoorwardError):
                session = self._session
                async with self._stream(last) as response:
                    if response.status_code == 404 and session not in (None, begun):
                        await self._reinitialize(session)
                        last, begun = None, self._session
                        continue
                    kind = response.headers.get("content-type", "")
                    if response.status_code != 200 or "text/event-stream" not in kind:
                        return
                    async for event in read_events(response, MAX_RESPONSE):
                        last = event.id or last
                        if event.data:
                            await self._forward_message({}, event.data, send)
            await anyio.sleep(_PAUSE)

    def _stream(self, after: str | None) -> HttpExchange:
        headers = {
            "Accept": "text/event-stream",
            "Accept-Encoding": "identity",
            "MCP-Protocol-Version": self._version or MODERN,
            **self._session_headers(),
        }
        if after is not None:
            headers["Last-Event-ID"] = after
        # The HTML standard sends an event id back as UTF-8.
        encoded = httpx2.Headers(headers, encoding="utf-8")
        return HttpExchange(
            self._http, self._http.build_request("GET", self._url, headers=encoded), {}
        )

    async def _close_session(self) -> None:
        if self._session is None:
            return
        headers = {"MCP-Protocol-Version": self._version or "", **self._session_headers()}
        request = self._http.build_request("DELETE", self._url, headers=headers)
        greeting = (self._initialize_message or {}).get("id")
        left = [number for number in self._cancelled_ids if number != greeting]
        # Before the DELETE: a server may not support it.
        headers = {**build_headers({}, version=self._version), **self._session_headers()}
        await send_cancelled(self._http, self._url, headers, left)
        with suppress(DoorwardError), anyio.move_on_after(5, shield=True):
            async with HttpExchange(self._http, request, {}):
                pass


async def _discard(line: bytes) -> None:
    """Discard a message that the stdio client has already received."""


def _is_callable(tool: Any) -> bool:
    schema = tool.get("inputSchema") if isinstance(tool, dict) else None
    return not isinstance(schema, dict) or marked_parameters(schema) is not None


def _error_response(number: str | int, refusal: DoorwardError) -> bytes:
    if isinstance(refusal, CallFailed):
        return _failure(number, refusal.number, refusal.message, refusal.data)
    if isinstance(refusal, ClientRefused | ConfigurationError):
        text = f"{refusal.problem} {refusal.hint}".strip()
        return _failure(number, _INTERNAL_ERROR, text, {"reason": refusal.reason})
    return _failure(number, _INTERNAL_ERROR, "The message was refused.", {"reason": refusal.code})


def _internal_error(number: str | int, error: Exception) -> bytes:
    text = f"The message could not be forwarded ({type(error).__name__})."
    return _failure(number, _INTERNAL_ERROR, text, {"reason": FAULT})


def _failure(number: str | int | None, code: int, message: str, data: Any) -> bytes:
    error: dict[str, Any] = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return json.dumps({"jsonrpc": "2.0", "id": number, "error": error}).encode()
