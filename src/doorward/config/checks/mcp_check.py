"""Asks an MCP server over HTTP which revision it speaks, and compares its tools with the policy."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from doorward.client.mcp.messages import MODERN, build_headers, build_request
from doorward.config.checks.findings import Finding, failed, ok
from doorward.config.checks.tools import compared, tools_in
from doorward.config.settings import McpServerSettings
from doorward.net import Fetcher, FetchFailed, FetchRequest, FetchResponse
from doorward.wire.event_stream import EventRewriter
from doorward.wire.jsonrpc.envelope import LEGACY_VERSIONS
from doorward.wire.strict_json import NotStrictJson, parse_object

_LARGEST = 1024 * 1024
_MOST_PAGES = 100
_LEGACY = max(LEGACY_VERSIONS)
_CLIENT = {"name": "doorward-check", "version": "1"}
# What the request of the fetcher sets by itself.
_OF_FETCHES = ("Accept", "Accept-Encoding", "Content-Type")
# Sent to the server by the gateway with each call; what the caller has cannot be tried here.
_OF_CALLERS = ("provider_token", "exchange", "pasted_key")


@dataclass
class _Session:
    """What was learned from one server: its revision, its capabilities, the session that it began."""

    url: str
    fetcher: Fetcher
    credentials: dict[str, str] = field(repr=False)
    version: str | None = None
    session: str | None = None
    capabilities: Mapping[str, Any] = field(default_factory=dict)

    async def begin(self) -> FetchResponse:
        """
        Return the last answer; ``version`` is set if it is that of an MCP server.

        Spec: MCP 2026-07-28 server/discover; 2025-11-25 lifecycle, "Initialization"
        """
        answer = await self._send("server/discover", {}, MODERN, MODERN)
        if self._learned(answer, MODERN):
            return answer
        params = {"protocolVersion": _LEGACY, "capabilities": {}, "clientInfo": _CLIENT}
        answer = await self._send("initialize", params, _LEGACY, None)
        if self._learned(answer, _LEGACY):
            self.session = answer.headers.get("mcp-session-id")
            await self._send("notifications/initialized", {}, _LEGACY, _LEGACY)
        return answer

    async def tools(self) -> list[dict[str, Any]] | None:
        """Return its tools; ``None`` if it does not list them."""
        found: list[dict[str, Any]] = []
        params: dict[str, Any] = {}
        for _ in range(_MOST_PAGES):
            assert self.version is not None
            answer = await self._send("tools/list", params, self.version, self.version)
            result = _result(answer)
            if result is None:
                return None
            found += tools_in(result)
            cursor = result.get("nextCursor")
            if not isinstance(cursor, str):
                break
            params = {"cursor": cursor}
        return found

    async def end(self) -> None:
        """End the session that ``begin`` has begun."""
        if self.session is not None:
            headers = {"Mcp-Session-Id": self.session, "MCP-Protocol-Version": _LEGACY}
            await self._fetch("DELETE", headers)

    def _learned(self, answer: FetchResponse, version: str) -> bool:
        result = _result(answer)
        if result is None or not isinstance(result.get("capabilities"), dict):
            return False
        # A server of sessions can answer the question, and say that it has no such revision.
        if version not in result.get("supportedVersions", (version,)):
            return False
        self.version, self.capabilities = version, result["capabilities"]
        return True

    async def _send(
        self, method: str, params: Mapping[str, Any], version: str, told: str | None
    ) -> FetchResponse:
        message = build_request(1, method, params, version=version, client=_CLIENT, capabilities={})
        if method.startswith("notifications/"):
            del message["id"]
        headers = build_headers(message, version=told)
        for name in _OF_FETCHES:
            del headers[name]
        if self.session is not None:
            headers["Mcp-Session-Id"] = self.session
        return await self._fetch("POST", headers, json.dumps(message).encode())

    async def _fetch(
        self, method: str, headers: dict[str, str], body: bytes = b""
    ) -> FetchResponse:
        request = FetchRequest(
            method=method,
            accept="application/json, text/event-stream",
            body=body,
            content_type="application/json" if body else None,
            more_headers=headers | self.credentials,
        )
        return await self.fetcher.send(self.url, request, limit=_LARGEST)


def _session(server: McpServerSettings, fetcher: Fetcher) -> _Session:
    assert server.upstream is not None
    given = server.upstream_credentials
    credentials = {} if "secret" not in given else server.identity().secret_headers()
    return _Session(server.upstream, fetcher, credentials)


async def list_tools(server: McpServerSettings, fetcher: Fetcher) -> list[dict[str, Any]] | None:
    """
    Return the tools of an MCP server; ``None`` if it does not list them without a caller.

    Raises:
        FetchFailed: it cannot be reached.
    """
    session = _session(server, fetcher)
    await session.begin()
    if session.version is None:
        return None
    try:
        return await session.tools()
    finally:
        await session.end()


async def check_upstream(setting: str, server: McpServerSettings, fetcher: Fetcher) -> Finding:
    """Return whether an MCP server answers at ``upstream``, and has the tools that rules name."""
    assert server.upstream is not None
    session = _session(server, fetcher)
    try:
        answer = await session.begin()
        if session.version is None:
            return _no_server(setting, server, answer)
        tools = await session.tools() if "tools" in session.capabilities else []
        await session.end()
    except FetchFailed as error:
        return failed(
            setting,
            f"The MCP server cannot be reached: {error.detail}.",
            "Start it, or correct the URL.",
        )
    if tools is None:
        return failed(
            setting, "The MCP server does not list its tools.", "Look into the log of the server."
        )
    names = {one["name"] for one in tools}
    said = f"{server.upstream} speaks MCP {session.version}, and has {len(names)} tools."
    return compared(setting, server.policy, names) or ok(setting, said)


def _no_server(setting: str, server: McpServerSettings, answer: FetchResponse) -> Finding:
    url, given = server.upstream, server.upstream_credentials
    if answer.status in (401, 403):
        if server.forward_token or any(name in given for name in _OF_CALLERS):
            return ok(setting, f"{url} asks for the token that it gets with each call.")
        if "secret" in given:
            return failed(
                setting,
                f"The MCP server refuses the secret in upstream_credentials ({answer.status}).",
                "Correct the secret, or its header.",
            )
        return failed(
            setting,
            "The MCP server asks for a token, and gets none.",
            "Let it accept requests of this process, set upstream_credentials, or set"
            " forward_token = true where it verifies tokens of the same issuer.",
        )
    if 300 <= answer.status < 400:
        return failed(
            setting,
            f"{url} redirects to {answer.headers.get('location', 'nowhere')[:200]!r}.",
            "Set upstream to the address of the endpoint itself: redirects are not followed.",
        )
    if answer.status in (404, 405):
        return failed(
            setting, f"{url} answers {answer.status}.", "Add the path of its endpoint, often /mcp."
        )
    kind = answer.media_type or "nothing"
    return failed(
        setting,
        f"{url} is no MCP server: it answers {answer.status} and {kind}.",
        "Set upstream to a server that speaks streamable HTTP, of 2025-11-25 or 2026-07-28.",
    )


def _result(answer: FetchResponse) -> Mapping[str, Any] | None:
    """Return the result in a JSON body, or in an event of a stream."""
    bodies = [answer.body]
    if answer.media_type == "text/event-stream":
        bodies = []

        def keep(data: bytes) -> bytes:
            bodies.append(data)
            return data

        EventRewriter(keep).feed(answer.body + b"\n\n")
    for body in bodies:
        try:
            result = parse_object(body).get("result")
        except NotStrictJson:
            continue
        if answer.status == 200 and isinstance(result, dict):
            return result
    return None
