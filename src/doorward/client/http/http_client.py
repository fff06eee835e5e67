"""Fetches small documents from untrusted servers, and posts forms to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx2

from doorward.client.http.url_policy import PinnedTransport, UrlPolicy, connection_error
from doorward.client.refusals import ProtocolBroken, Unreachable
from doorward.wire.oauth.parameters import problem_with_names
from doorward.wire.strict_json import NotStrictJson, parse_object

MAX_DOCUMENT = 256 * 1024
"""Bytes; the longest metadata of a real provider is below 20 KiB."""

_BODY = "doorward.body"

MAX_WAIT = 15.0
"""Seconds for one request and its whole response."""


@dataclass(frozen=True)
class HttpResponse:
    """A complete response; its body is not validated."""

    url: str
    status: int
    headers: httpx2.Headers = field(repr=False)
    body: bytes = field(repr=False)

    def document(self) -> dict[str, Any]:
        """
        Return the body as a JSON object.

        Raises:
            ProtocolBroken: with reason ``answer-not-json``.
        """
        try:
            return parse_object(self.body)
        except NotStrictJson as error:
            raise ProtocolBroken(
                "answer-not-json",
                f"{self.url} answered {self.status}, expected a JSON object.",
                "Check that the URL is an MCP server's, not a web page's.",
            ) from error


class HttpClient:
    """
    Sends requests for small documents to the URLs that ``url_policy`` allows.

    Follows no redirect, keeps no cookie, reads no proxy from the environment, accepts no
    compression (a few octets may be a thousand times as many), and stops at ``MAX_DOCUMENT``
    and ``MAX_WAIT``.

    Spec: RFC 9728 §7.7
    """

    def __init__(
        self, url_policy: UrlPolicy, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self.url_policy = url_policy
        self._transport = transport or PinnedTransport(url_policy)
        self._http = httpx2.AsyncClient(
            transport=self._transport,
            trust_env=False,
            timeout=httpx2.Timeout(10.0),
            cookies=no_cookies(),
        )

    async def get(self, url: str, what: str) -> HttpResponse:
        """Return the response of ``url``; ``what`` names the endpoint in errors."""
        return await self._send("GET", url, what)

    async def post_form(
        self,
        url: str,
        what: str,
        form: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
    ) -> HttpResponse:
        """
        Return the response of ``url`` to a form.

        Raises:
            ProtocolBroken: with reason ``colliding-parameters``; nothing was sent.

        Spec: RFC 6749 §3.2
        """
        # Many servers merge query and form, and the query wins.
        if problem := problem_with_names(urlsplit(url).query, frozenset(form), "the form"):
            raise ProtocolBroken(
                "colliding-parameters",
                f"The {what} {url!r} {problem}.",
                "Nothing was sent. The authorization server's operator must fix its metadata.",
            )
        return await self._send("POST", url, what, headers, data=dict(form))

    async def post_json(self, url: str, what: str, document: Mapping[str, Any]) -> HttpResponse:
        """Return the response of ``url`` to a JSON document."""
        return await self._send("POST", url, what, json=dict(document))

    async def aclose(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def _send(
        self,
        method: str,
        url: str,
        what: str,
        extra: Mapping[str, str] | None = None,
        **content: Any,
    ) -> HttpResponse:
        self.url_policy.require(url, what)
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        headers |= extra or {}
        try:
            with anyio.fail_after(MAX_WAIT):
                request = self._http.build_request(method, url, headers=headers, **content)
                response = await self._http.send(request, stream=True, auth=None)
                try:
                    body = await read_limited(response, MAX_DOCUMENT)
                finally:
                    await response.aclose()
        except (httpx2.HTTPError, TimeoutError, OSError) as error:
            raise connection_error(url, error) from error
        return HttpResponse(url, response.status_code, response.headers, body)


def no_cookies() -> CookieJar:
    """Return a cookie jar that accepts no cookies."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))


async def read_limited(response: httpx2.Response, limit: int) -> bytes:
    """
    Return the body of a streamed response, also if called again.

    Raises:
        ProtocolBroken: the body is compressed, or longer than ``limit`` bytes.
    """
    if isinstance(kept := response.extensions.get(_BODY), bytes):
        return kept
    require_identity(response)
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > limit:
            raise ProtocolBroken(
                "too-large",
                f"{response.url.host} sent more than {limit} bytes.",
                "The server's operator must send a shorter document.",
            )
    response.extensions[_BODY] = bytes(body)
    return bytes(body)


def require_identity(response: httpx2.Response) -> None:
    """
    Return if ``response`` is not compressed.

    Raises:
        ProtocolBroken: with reason ``compressed``.
    """
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise ProtocolBroken(
            "compressed",
            f"{response.url.host} sent a compressed response to Accept-Encoding: identity.",
            "The server's operator must turn off compression here.",
        )


def require_success(answer: HttpResponse, what: str) -> HttpResponse:
    """
    Return ``answer`` if its status is 2xx.

    Raises:
        Unreachable: with reason ``server-error``, for a 5xx.
        ProtocolBroken: with reason ``unexpected-status``, for everything else.
    """
    if 200 <= answer.status < 300:
        return answer
    if answer.status >= 500:
        raise Unreachable(
            "server-error", f"The {what} at {answer.url} answered {answer.status}.", "Try again."
        )
    raise ProtocolBroken(
        "unexpected-status", f"The {what} at {answer.url} answered {answer.status}.", ""
    )
