"""A small MCP client: list the tools of a server and call one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import httpx2

from doorward.client.http.http_client import no_cookies
from doorward.client.http.response_limits import LimitedTransport, ResponseLimit
from doorward.client.http.url_policy import PinnedTransport, UrlPolicy
from doorward.client.mcp.elicitation import Elicit, Mode, retry_params, visited_required_urls
from doorward.client.mcp.messages import MODERN, read_error
from doorward.client.mcp.parameter_headers import marked_parameters, parameter_headers
from doorward.client.mcp.session import Session
from doorward.client.oauth.discovery import BearerChallenge, read_challenge
from doorward.client.refusals import CallFailed, DiscoveryFailed, ProtocolBroken

_MAX_PAGES = 100
MAX_LIST = 16 * 1024 * 1024
"""Bytes of all pages of a list together."""
_MAX_ROUNDS = 10
# Each one asks the user.
_MAX_URL_VISITS = 3


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One tool in the server's list."""

    name: str
    title: str | None = None
    description: str | None = None
    input_schema: Mapping[str, Any] = field(default_factory=dict)
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class ToolResult:
    """The result of a tool call: ``content`` as in MCP, and ``structured`` content, if any."""

    content: tuple[Mapping[str, Any], ...] = field(repr=False)
    structured: Any = field(default=None, repr=False)
    is_error: bool = False
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def text(self) -> str:
        """Every text in the content, one after the other."""
        texts = (part.get("text") for part in self.content if part.get("type") == "text")
        return "\n".join(str(text) for text in texts if text is not None)


class McpClient:
    """
    A client of one MCP server over Streamable HTTP.

    ```python
    async with McpClient("https://mcp.example/mcp", auth=OAuth("https://mcp.example/mcp")) as client:
        tools: tuple[Tool, ...] = await client.list_tools()
        result: ToolResult = await client.call_tool("add", {"a": 2, "b": 3})
    assert result.text == "5"
    ```

    Speaks 2026-07-28, and falls back to a session with ``initialize`` for older servers; with
    ``initialize=True`` it starts with the session. Follows no redirect and keeps no cookie.
    ``timeout`` is in seconds, for one whole response or all pages of a list, without the user's
    sign-in. ``elicit`` answers the server's elicitations: forms, and with ``"url"`` in ``modes``
    also URLs, which this client never opens.

    Spec: MCP 2026-07-28 streamable HTTP, backward compatibility
    """

    def __init__(
        self,
        url: str,
        *,
        auth: httpx2.Auth | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        timeout: float = 60.0,
        initialize: bool = False,
        elicit: Elicit | None = None,
        modes: tuple[Mode, ...] = ("form",),
    ) -> None:
        self.url = url
        transport = transport or PinnedTransport(UrlPolicy(url))
        self._url_policy = _url_policy_of(url, transport)
        self._http = httpx2.AsyncClient(
            auth=auth,
            transport=LimitedTransport(transport),
            trust_env=False,
            timeout=httpx2.Timeout(timeout),
            cookies=no_cookies(),
        )
        self._session = Session(
            url,
            self._http,
            seconds=timeout,
            initialize=initialize,
            elicit=elicit,
            modes=modes,
            url_policy=self._url_policy,
        )
        self._elicit = elicit
        self._modes = modes
        self._schemas: dict[str, Mapping[str, Any]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._session.aclose()
        await self._http.aclose()

    async def challenge(self) -> BearerChallenge | None:
        """
        Send a request without a token; return the challenge, or ``None`` if none is needed.

        Spec: MCP 2026-07-28 authorization server location
        """
        message = self._session.message("server/discover", {}, MODERN)
        async with self._session.post(message, MODERN, auth=None) as response:
            if response.status_code == 401:
                return read_challenge(response.headers)
            if response.status_code < 300 and await read_error(response) is None:
                return None
        return BearerChallenge()

    async def list_tools(self) -> tuple[Tool, ...]:
        """
        Return the server's tools from all pages.

        Leaves out tools with invalid ``x-mcp-header`` annotations.

        Raises:
            ProtocolBroken: with reason ``too-many-pages`` or ``too-large``.
            ClientRefused: the request or the sign-in failed; the class says which.

        Spec: MCP 2026-07-28 tools, listing; pagination
        """
        found: list[Tool] = []
        # One limit for all pages: with one per page, a server could send a hundred times as much.
        limit = self._session.limit(MAX_LIST)
        params: dict[str, Any] = {}
        for _ in range(_MAX_PAGES):
            page = await self._request_with_input("tools/list", params, None, limit)
            found += [tool for entry in _list(page, "tools") if (tool := _tool(entry))]
            cursor = page.get("nextCursor")
            if not isinstance(cursor, str) or not cursor:
                self._schemas = {tool.name: tool.input_schema for tool in found}
                return tuple(found)
            params = {"cursor": cursor}
        raise ProtocolBroken(
            "too-many-pages",
            f"The server's list of tools has more than {_MAX_PAGES} pages.",
            "The server's operator must fix the list; it may be endless.",
        )

    async def call_tool(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        """
        Call the tool ``name`` and return its result, also if the tool reports an error.

        Raises:
            CallFailed: the tool is unknown, or the arguments are invalid.
            ClientRefused: the request or the sign-in failed; the class says which.

        Spec: MCP 2026-07-28 tools, calling
        """
        params = {"name": name, "arguments": dict(arguments)}
        extra = parameter_headers(self._schemas.get(name, {}), arguments)
        result = await self.request("tools/call", params, extra)
        if result.get("resultType", "complete") != "complete":
            raise ProtocolBroken(
                "input-required",
                f"The tool {name!r} needs more input, which this client cannot give.",
                "Call it from a client that supports elicitation.",
            )
        return ToolResult(
            content=tuple(_list(result, "content")),
            structured=result.get("structuredContent"),
            is_error=result.get("isError") is True,
            document=result,
        )

    async def request(
        self, method: str, params: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """
        Return the result of one MCP request, in any supported protocol version.

        Answers the server's elicitations, and repeats the request.

        Raises:
            ClientRefused: the request or the sign-in failed; the class says which.

        Spec: MCP 2026-07-28 multi-round-trip requests
        """
        return await self._request_with_input(method, params, headers, None)

    async def _request_with_input(
        self,
        method: str,
        params: Mapping[str, Any],
        headers: Mapping[str, str] | None,
        limit: ResponseLimit | None,
    ) -> dict[str, Any]:
        result = await self._request_with_urls(method, params, headers, limit)
        for _ in range(_MAX_ROUNDS):
            if result.get("resultType") != "input_required":
                break
            again = await retry_params(self._elicit, params, result, self._modes, self._url_policy)
            result = await self._session.request(method, again, headers, limit)
        return result

    async def _request_with_urls(
        self,
        method: str,
        params: Mapping[str, Any],
        headers: Mapping[str, str] | None,
        limit: ResponseLimit | None,
    ) -> dict[str, Any]:
        """Return the result, after visits to URLs that the server requires."""
        for _ in range(_MAX_URL_VISITS):
            try:
                return await self._session.request(method, params, headers, limit)
            except CallFailed as refusal:
                if not await visited_required_urls(
                    self._elicit, refusal, self._modes, self._url_policy
                ):
                    raise
        return await self._session.request(method, params, headers, limit)


def _url_policy_of(url: str, transport: httpx2.AsyncBaseTransport) -> UrlPolicy | None:
    if isinstance(transport, PinnedTransport):
        # Its policy knows the server's addresses.
        return transport.url_policy
    try:
        return UrlPolicy(url)
    except DiscoveryFailed:
        # With a custom transport, the server can have any name.
        return None


def _list(document: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    entries = document.get(name)
    if not isinstance(entries, list):
        raise ProtocolBroken("malformed-answer", f"The server's result has no list of {name}.")
    return [entry for entry in entries if isinstance(entry, dict)]


def _tool(entry: Mapping[str, Any]) -> Tool | None:
    name, schema = entry.get("name"), entry.get("inputSchema")
    if not isinstance(name, str) or not isinstance(schema, dict):
        return None
    if marked_parameters(schema) is None:
        return None
    return Tool(
        name=name,
        title=_text(entry.get("title")),
        description=_text(entry.get("description")),
        input_schema=schema,
        document=entry,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
