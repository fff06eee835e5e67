"""The wire side of one MCP client: requests go out, results come back, in either era."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from typing import Any

import anyio
import httpx2

from doorward.client.http.response_limits import EXTENSION, ResponseLimit
from doorward.client.http.url_policy import UrlPolicy, unreachable
from doorward.client.mcp.elicitation import METHOD as ELICITATION
from doorward.client.mcp.elicitation import Elicit, Mode, answer_question, capabilities_of
from doorward.client.mcp.events import Event, read_events
from doorward.client.mcp.exchange import HttpExchange, SessionLost, require_service, tell_cancelled
from doorward.client.mcp.messages import (
    LARGEST_ANSWER,
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

# -32020 header mismatch, -32021 missing capability, -32022 unsupported version: only a server of
# the new era says these, so there is no point in greeting it in the old way.
_UNSUPPORTED_VERSION = -32022
_MODERN_ERRORS = frozenset({-32020, -32021, _UNSUPPORTED_VERSION})
_MOST_RESUMPTIONS = 10
_PAUSE = 1.0


@dataclass(frozen=True)
class _Asked:
    """One request of the caller's, as it is sent to a server of either era."""

    method: str
    params: Mapping[str, Any]
    headers: Mapping[str, str]
    limit: ResponseLimit


class Session:
    """
    Speaks 2026-07-28, and greets a server that does not with ``initialize``.

    ``initialize`` greets in the old way at once. ``elicit`` answers what the server asks its user;
    without it the server is told that nobody can. A stream of the old era that ends before its
    answer is taken up again where it ended, after the pause that the server asked for. A session
    that the server lost is begun again, once per request. A session is told when the caller gives
    a request up, or when its answer takes too long.

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
        self._id: str | None = None
        self._number = 0
        self._client = {"name": "doorward", "version": installed_version("doorward")}
        self._modes, self._url_policy = modes, url_policy
        self._capabilities = capabilities_of(elicit, modes)
        self._listening: asyncio.Task[None] | None = None

    def limit(self, octets: int = LARGEST_ANSWER) -> ResponseLimit:
        """Return a fresh limit for one answer."""
        return ResponseLimit(self._seconds, octets)

    async def request(
        self,
        method: str,
        params: Mapping[str, Any],
        headers: Mapping[str, str] | None = None,
        limit: ResponseLimit | None = None,
    ) -> dict[str, Any]:
        """
        Return the result of one request; several that share a ``limit`` are one answer to it.

        Raises:
            ClientRefused: whatever went wrong, by its class.
        """
        asked = _Asked(method, params, headers or {}, limit or self.limit())
        if self.version is None and self._initialize:
            self.version = await self._greet()
        if self.version is None:
            found = await self._first(asked)
            if found is not None:
                return found
            self.version = await self._greet()
        try:
            return await self._ask(asked, self.version)
        except SessionLost:
            await self.aclose()
            self._id = None
            self.version = await self._greet()
            return await self._ask(asked, self.version)

    def post(
        self,
        message: Mapping[str, Any],
        version: str | None,
        extra: Mapping[str, str] | None = None,
        limit: ResponseLimit | None = None,
        **options: Any,
    ) -> HttpExchange:
        """Return the exchange that posts ``message``, to be entered."""
        headers = {**build_headers(message, version=version), **self._belonging(), **(extra or {})}
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
        """Stop listening for what the server asks."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    async def _first(self, asked: "_Asked") -> dict[str, Any] | None:
        """Return the result from a server of the new era; ``None`` when it may be an old one."""
        for last in (False, True):
            message = self.message(asked.method, asked.params, MODERN)
            async with self.post(message, MODERN, asked.headers, asked.limit) as response:
                if await _may_be_legacy(response):
                    return None
                try:
                    await require_service(self.url, response)
                except CallFailed as refusal:
                    supported = _supported(refusal)
                    if last or supported.isdisjoint({*MODERN_VERSIONS, *LEGACY_VERSIONS}):
                        raise
                    if MODERN not in supported:
                        return None
                    continue
                self.version = MODERN
                return result_of(await self._answer(response, message["id"], asked.limit))
        return None

    async def _ask(self, asked: "_Asked", version: str) -> dict[str, Any]:
        message = self.message(asked.method, asked.params, version)
        try:
            async with self.post(message, version, asked.headers, asked.limit) as response:
                if response.status_code == 404 and self._id is not None:
                    raise SessionLost(self.url)
                await require_service(self.url, response)
                return result_of(await self._answer(response, message["id"], asked.limit))
        except asyncio.CancelledError:
            await self._take_back(message["id"], version)
            raise
        except Unreachable as refusal:
            if refusal.reason == "timeout":
                await self._take_back(message["id"], version)
            raise

    async def _take_back(self, number: int, version: str) -> None:
        """Tell a session that its answer is not waited for; a closed stream does not say that."""
        if self._id is not None:
            headers = {**build_headers({}, version=version), **self._belonging()}
            await tell_cancelled(self._http, self.url, headers, [number])

    async def _greet(self) -> str:
        """Return the version that a server of the ``initialize`` era agreed to."""
        offer = LEGACY_VERSIONS[-1]
        params = {
            "protocolVersion": offer,
            "capabilities": self._capabilities,
            "clientInfo": self._client,
        }
        message = self.message("initialize", params, offer)
        limit = self.limit()
        async with self.post(message, None, limit=limit) as response:
            await require_service(self.url, response)
            self._id = session_of(response)
            answer = result_of(await self._answer(response, message["id"], limit))
        agreed = answer.get("protocolVersion")
        if agreed not in LEGACY_VERSIONS:
            raise ProtocolBroken("no-common-version", f"The server wants MCP {agreed!r}.")
        note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        async with self.post(note, str(agreed)) as response:
            await require_service(self.url, response)
        if self._elicit is not None:
            self._listening = asyncio.create_task(self._listen(str(agreed)))
        return str(agreed)

    async def _answer(
        self, response: httpx2.Response, number: int, limit: ResponseLimit
    ) -> dict[str, Any]:
        """Return the response to the request ``number``, from a document or a stream."""
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "text/event-stream":
            return await read_message(response, number)
        last: Event | None = None
        async for event in read_events(response, LARGEST_ANSWER):
            last = event
            answer = await self._take(event, response, number)
            if answer is not None:
                return answer
        return await self._resumed(last, number, limit)

    async def _resumed(
        self, last: Event | None, number: int, limit: ResponseLimit
    ) -> dict[str, Any]:
        for _ in range(_MOST_RESUMPTIONS):
            if last is None or last.id is None or self.version in MODERN_VERSIONS:
                break
            await _pause(_PAUSE if last.retry is None else last.retry, limit, self.url)
            async with self._stream(last.id, limit=limit) as response:
                await require_service(self.url, response)
                async for event in read_events(response, LARGEST_ANSWER):
                    last = event
                    answer = await self._take(event, response, number)
                    if answer is not None:
                        return answer
        raise ProtocolBroken(
            "no-answer", "The server's answer holds no response to the request.", "Try again."
        )

    async def _take(
        self, event: Event, response: httpx2.Response, number: int | None
    ) -> dict[str, Any] | None:
        """Return the response to ``number`` if ``event`` is it; answer what the server asks."""
        if not event.data:
            return None
        message = parse_message(event.data, response)
        if "method" in message:
            await self._serve(message)
            return None
        answers = message.get("id") == number or ("error" in message and "id" not in message)
        return message if answers and ("result" in message or "error" in message) else None

    async def _serve(self, message: Mapping[str, Any]) -> None:
        # The new era asks in results, never on a stream; a notification needs no answer.
        if "id" not in message or self._elicit is None or self.version in MODERN_VERSIONS:
            return
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": message["id"]}
        if message["method"] == ELICITATION:
            params = message.get("params")
            answer |= await self._asked(self._elicit, params if isinstance(params, dict) else {})
        elif message["method"] == "ping":
            answer["result"] = {}
        else:
            answer["error"] = {"code": METHOD_NOT_FOUND, "message": "Method not found"}
        async with self.post(answer, self.version) as response:
            await require_service(self.url, response)

    async def _asked(self, elicit: Elicit, params: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return {"result": await answer_question(elicit, params, self._modes, self._url_policy)}
        except ProtocolBroken as refusal:
            return {"error": {"code": INVALID_PARAMS, "message": refusal.problem}}

    async def _listen(self, version: str) -> None:
        """Answer what the server asks outside of any call, for as long as it offers a stream."""
        last: str | None = None
        while True:
            try:
                async with self._stream(last, version) as response:
                    kind = response.headers.get("content-type", "")
                    if response.status_code != 200 or "text/event-stream" not in kind:
                        return
                    async for event in read_events(response, LARGEST_ANSWER):
                        last = event.id or last
                        await self._take(event, response, None)
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
            **self._belonging(),
        }
        if after is not None:
            headers["Last-Event-ID"] = after
        # A stream on which nothing happens is alive for as long as its connection is.
        timeout = httpx2.Timeout(30.0, read=None)
        request = self._http.build_request(
            "GET",
            self.url,
            # HTML has an event's id sent back as the UTF-8 that it came in.
            headers=httpx2.Headers(headers, encoding="utf-8"),
            timeout=timeout,
            extensions={EXTENSION: limit},
        )
        return HttpExchange(self._http, request, {})

    def _belonging(self) -> dict[str, str]:
        return {} if self._id is None else {"Mcp-Session-Id": self._id}


def _supported(refusal: CallFailed) -> frozenset[str]:
    if refusal.number != _UNSUPPORTED_VERSION or not isinstance(refusal.data, dict):
        return frozenset()
    named = refusal.data.get("supported")
    if not isinstance(named, list):
        return frozenset()
    return frozenset(name for name in named if isinstance(name, str))


async def _pause(seconds: float, limit: ResponseLimit, url: str) -> None:
    try:
        await limit.waited(anyio.sleep(seconds))
    except httpx2.TimeoutException as error:
        raise unreachable(url, error) from error


async def _may_be_legacy(response: httpx2.Response) -> bool:
    """
    Say whether this answer leaves room for a server of the ``initialize`` era.

    Spec: MCP 2026-07-28 streamable HTTP, backward compatibility
    """
    if response.status_code not in (400, 404, 405, 406, 415):
        return False
    error = await read_error(response)
    if error is None:
        return True
    # A 404 with "method not found" is how the new era refuses a method; an old server's 404 is a
    # lost session or a wrong path, and has no such body.
    unknown_method = response.status_code == 404 and error["code"] == METHOD_NOT_FOUND
    return error["code"] not in _MODERN_ERRORS and not unknown_method
