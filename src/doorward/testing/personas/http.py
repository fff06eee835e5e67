"""Sends requests as a client does: its user agent, its time limit, and redirects as browsers follow them."""

import asyncio
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import httpx2

from doorward.client.http.http_client import no_cookies
from doorward.idp.clients import ConnectionFacts
from doorward.testing.personas.hops import Exchange, Trace
from doorward.wire.strict_json import NotStrictJson, parse_object

LONGEST_WAIT = 60.0
"""Seconds; some clients wait longer, and a test should not."""


class PersonaHttp:
    """Sends the requests of one persona, and records each in ``trace``."""

    def __init__(
        self, facts: ConnectionFacts, transport: httpx2.AsyncBaseTransport, trace: Trace
    ) -> None:
        self.facts, self.trace, self.transport = facts, trace, transport
        self._http = httpx2.AsyncClient(
            transport=transport, trust_env=False, cookies=no_cookies(), follow_redirects=True
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._http.aclose()

    async def oauth(self, method: str, url: str, **content: Any) -> httpx2.Response:
        """Send a request for metadata, a registration or a token."""
        headers = {"Accept": "application/json", **content.pop("headers", {})}
        return await self._send(self.facts.oauth_user_agent.value, method, url, headers, content)

    async def mcp(
        self, method: str, url: str, *, headers: dict[str, str], token: str | None, **content: Any
    ) -> httpx2.Response:
        """Send a request to the MCP endpoint, with the token if there is one."""
        if token is not None:
            headers = {**headers, "Authorization": f"Bearer {token}"}
        return await self._send(self.facts.user_agent.value, method, url, headers, content)

    async def _send(
        self, agent: str, method: str, url: str, headers: dict[str, str], content: dict[str, Any]
    ) -> httpx2.Response:
        request = self._http.build_request(method, url, headers=headers, **content)
        if agent:
            request.headers["User-Agent"] = agent
        else:
            del request.headers["User-Agent"]
        limit = min(self.facts.timeout.value, LONGEST_WAIT)
        try:
            async with asyncio.timeout(limit):
                response = await self._http.send(request)
        except TimeoutError:
            raise self.trace.failure(
                f"{method} {plain(url)} has no answer after {limit:g} seconds, its time limit.",
                self.facts.timeout,
            ) from None
        except httpx2.TooManyRedirects:
            raise self.trace.failure(f"{method} {plain(url)} redirects without end.") from None
        except httpx2.TransportError as error:
            raise self.trace.failure(f"{method} {plain(url)} has no answer: {error}.") from None
        for one in (*response.history, response):
            self.trace.record(Exchange(one.request.method, plain(str(one.url)), one.status_code))
        return response


def plain(url: str) -> str:
    """Return ``url`` without its query, which may hold a secret."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))


def object_in(response: httpx2.Response) -> dict[str, Any] | None:
    """Return the JSON object in a response, or ``None``."""
    try:
        return parse_object(response.content)
    except NotStrictJson:
        return None


def redirected(response: httpx2.Response) -> str:
    """Return a sentence about the redirects that led to ``response``, or nothing."""
    if not response.history:
        return ""
    first = response.history[0]
    where = plain(str(response.url))
    return f" {plain(str(first.url))} redirects to {where} ({first.status_code})."
