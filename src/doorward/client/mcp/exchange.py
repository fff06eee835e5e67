"""One HTTP request to an MCP server, and the error for its status."""

import ssl
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

import anyio
import httpx2

from doorward.client.auth import WITHOUT_SIGN_IN
from doorward.client.http.url_policy import connection_error
from doorward.client.mcp.messages import encode, read_error
from doorward.client.oauth.discovery import read_challenge
from doorward.client.oauth.hints import HINT
from doorward.client.refusals import (
    CallFailed,
    InsufficientScope,
    ProtocolBroken,
    ServerRefused,
    SignInNeeded,
    Unreachable,
)
from doorward.errors import DoorwardError
from doorward.wire.oauth.scope import build_scope
from doorward.wire.shell_command import login_hint

CANCELLED = "notifications/cancelled"
_CANCEL_TIMEOUT = 2.0


class SessionLost(ProtocolBroken):
    """The server restarted, or ended the session after inactivity."""

    def __init__(self, url: str) -> None:
        super().__init__("no-session", f"{url} no longer knows this session.")


class HttpExchange:
    """One request; the context manager yields its streamed response and closes it."""

    def __init__(
        self, http: httpx2.AsyncClient, request: httpx2.Request, options: dict[str, Any]
    ) -> None:
        self._http, self._request, self._options = http, request, options
        self._response: httpx2.Response | None = None

    async def __aenter__(self) -> httpx2.Response:
        try:
            self._response = await self._http.send(self._request, stream=True, **self._options)
        except (httpx2.HTTPError, OSError, TimeoutError) as error:
            raise connection_error(str(self._request.url), error) from error
        return self._response

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._response is not None:
            with anyio.CancelScope(shield=True):
                await self._response.aclose()
        # A TLS error in the middle of a response is not an httpx2 error.
        if isinstance(error, httpx2.HTTPError | ssl.SSLError):
            raise connection_error(str(self._request.url), error) from error


async def send_cancelled(
    http: httpx2.AsyncClient, url: str, headers: Mapping[str, str], numbers: Iterable[str | int]
) -> None:
    """
    Notify a session of a legacy protocol revision that these requests are cancelled.

    Runs even while the caller is being cancelled, for at most ``_CANCEL_TIMEOUT`` seconds, and
    ignores errors. Never starts a sign-in. In 2026-07-28, closing the stream is the notification.

    Spec: MCP 2025-11-25 cancellation
    """
    with suppress(DoorwardError), anyio.move_on_after(_CANCEL_TIMEOUT, shield=True):
        for number in numbers:
            note = {
                "jsonrpc": "2.0",
                "method": CANCELLED,
                "params": {"requestId": number, "reason": "The client gave up."},
            }
            request = http.build_request(
                "POST",
                url,
                headers=headers,
                content=encode(note),
                extensions={WITHOUT_SIGN_IN: True},
            )
            async with HttpExchange(http, request, {}):
                pass


async def raise_for_status(url: str, response: httpx2.Response) -> None:
    """
    Return if the server at ``url`` served the request.

    Raises:
        SignInNeeded: 401.
        InsufficientScope: 403 with the scopes that are needed.
        ServerRefused: 403 without scopes.
        CallFailed: another 4xx with a JSON-RPC error.
        Unreachable: 5xx.
        ProtocolBroken: anything else.

    Spec: MCP 2026-07-28 authorization, error handling
    """
    status = response.status_code
    if status < 300:
        return
    if status == 401:
        hint = response.extensions.get(HINT) or login_hint(url)
        raise SignInNeeded("sign-in-needed", f"{url} requires a sign-in.", hint)
    if status >= 500:
        raise Unreachable(
            "server-error",
            f"{url} answered {status}.",
            "The server has an internal error. Try again soon.",
        )
    error = await read_error(response)
    if status == 403:
        raise _refused(url, response, error)
    if error is not None:
        raise CallFailed(error["code"], str(error.get("message", "")), error.get("data"))
    raise ProtocolBroken(
        "unexpected-status",
        f"{url} answered {status}.",
        "Check the address; an MCP endpoint often ends in /mcp.",
    )


def _refused(url: str, response: httpx2.Response, error: Mapping[str, Any] | None) -> ServerRefused:
    challenge = read_challenge(response.headers)
    if challenge.error == "insufficient_scope" and challenge.scopes:
        return InsufficientScope(
            f"This needs the scopes: {build_scope(challenge.scopes)}.",
            response.extensions.get(HINT) or login_hint(url, scopes=challenge.scopes),
            challenge.scopes,
        )
    said = str((error or {}).get("message") or "The server refused the request.")
    return ServerRefused(
        "not-permitted", said, "Your account may not do this; ask the server's operator."
    )
