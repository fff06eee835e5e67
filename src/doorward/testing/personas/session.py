"""Speaks MCP as a client does: with a session of older versions, or without one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from doorward.client.mcp.events import read_events
from doorward.client.mcp.messages import MAX_RESPONSE, build_headers, build_request
from doorward.client.oauth.discovery import BearerChallenge, read_challenge
from doorward.testing.personas.http import PersonaHttp, object_in
from doorward.wire.jsonrpc.envelope import LEGACY_VERSIONS, MODERN_VERSIONS
from doorward.wire.strict_json import NotStrictJson, parse_object

_CHALLENGE_META = "mcp/www_authenticate"


@dataclass(frozen=True)
class Answer:
    """
    What came back to one request: the HTTP response and the JSON-RPC message in it.

    ``challenge`` asks for a token, or for a token with more scopes.
    """

    response: httpx2.Response
    message: Mapping[str, Any] | None = field(repr=False)

    @property
    def result(self) -> Mapping[str, Any] | None:
        """The result, if the request succeeded."""
        found = (self.message or {}).get("result")
        return found if self.response.status_code == 200 and isinstance(found, dict) else None

    @property
    def challenge(self) -> BearerChallenge | None:
        """The challenge of an HTTP response with 401 or 403."""
        if self.response.status_code not in (401, 403):
            return None
        return read_challenge(self.response.headers)

    @property
    def challenge_in_result(self) -> BearerChallenge | None:
        """The challenge in the ``_meta`` of a tool result."""
        meta = (self.result or {}).get("_meta")
        headers = meta.get(_CHALLENGE_META) if isinstance(meta, dict) else None
        if not isinstance(headers, list):
            return None
        return read_challenge(httpx2.Headers([("www-authenticate", str(one)) for one in headers]))

    @property
    def problem(self) -> str:
        """A sentence about a request that failed."""
        status = self.response.status_code
        error = (self.message or {}).get("error")
        if isinstance(error, dict):
            return f"answered {status}, error {error.get('code')}: {error.get('message')}"
        if error is not None:
            return f"answered {status} ({error})"
        kind = self.response.headers.get("content-type", "no content type")
        return f"answered {status} with {kind}"


class PersonaSession:
    """One connection of one persona to an MCP endpoint."""

    def __init__(self, http: PersonaHttp, url: str) -> None:
        self.url = url
        self.version: str = http.facts.versions.value[0]
        self._http = http
        self._session_id: str | None = None
        self._number = 0
        self._client = {"name": http.facts.client_name.value, "version": "1.0.0"}

    @property
    def is_modern(self) -> bool:
        """Whether the connection has no session."""
        return self.version in MODERN_VERSIONS

    async def first(self) -> httpx2.Response:
        """Send the request whose answer has the challenge that the client reads."""
        method = self._http.facts.first_request.value
        if method == "POST":
            return (await self.open(None)).response
        headers = {"Accept": "application/json"}
        return await self._http.mcp(method, self.url, headers=headers, token=None)

    async def open(self, token: str | None) -> Answer:
        """
        Return the answer to the request that opens the connection.

        A client that speaks both forms falls back to the older one.
        """
        answer = await self._open(token)
        older = [one for one in self._http.facts.versions.value if one in LEGACY_VERSIONS]
        challenged = answer.response.status_code in (401, 403)
        if self.is_modern and older and answer.result is None and not challenged:
            self.version = older[0]
            answer = await self._open(token)
        return answer

    async def _open(self, token: str | None) -> Answer:
        self._session_id = None
        if self.is_modern:
            return await self.request("server/discover", {}, token)
        params = {
            "protocolVersion": self.version,
            "capabilities": {},
            "clientInfo": self._client,
        }
        answer = await self.request("initialize", params, token)
        if answer.result is not None:
            self._session_id = answer.response.headers.get("mcp-session-id")
            self.version = str(answer.result.get("protocolVersion", self.version))
            await self._post({"jsonrpc": "2.0", "method": "notifications/initialized"}, token)
        return answer

    async def request(self, method: str, params: Mapping[str, Any], token: str | None) -> Answer:
        """Return the answer to one request."""
        self._number += 1
        message = build_request(
            self._number,
            method,
            params,
            version=self.version,
            client=self._client,
            capabilities={},
        )
        response = await self._post(message, token)
        return Answer(response, await _message_in(response, self._number))

    async def _post(self, message: Mapping[str, Any], token: str | None) -> httpx2.Response:
        opens = message.get("method") == "initialize"
        headers = build_headers(message, version=None if opens else self.version)
        if self._session_id is not None:
            headers["Mcp-Session-Id"] = self._session_id
        return await self._http.mcp("POST", self.url, headers=headers, token=token, json=message)


async def _message_in(response: httpx2.Response, number: int) -> Mapping[str, Any] | None:
    """Return the response to the request ``number``, from a document or a stream."""
    if "text/event-stream" not in response.headers.get("content-type", ""):
        return object_in(response)
    # Read whole already; the reader of events takes a stream.
    again = httpx2.Response(200, content=_whole(response.content))
    async for event in read_events(again, MAX_RESPONSE):
        try:
            message = parse_object(event.data) if event.data else {}
        except NotStrictJson:
            continue
        if message.get("id") == number and "method" not in message:
            return message
    return None


async def _whole(body: bytes) -> Any:
    yield body
