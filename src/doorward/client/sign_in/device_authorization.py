"""The device authorization grant: the user enters a short code on another device."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urldefrag, urlsplit

import anyio

from doorward.client.oauth.discovery import DiscoveredIssuer
from doorward.client.oauth.dpop import DpopProver
from doorward.client.oauth.registration import Registration
from doorward.client.oauth.token_endpoint import authenticated, error_of
from doorward.client.oauth.tokens import Tokens
from doorward.client.refusals import ProtocolBroken, SignInFailed, Unreachable
from doorward.client.sign_in.browser import require_web_address
from doorward.client.sign_in.flow import SignIn
from doorward.net import TimeRange
from doorward.wire import address
from doorward.wire.oauth.scope import build_scope

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
# All in seconds.
_INTERVAL = 5.0
_SLOWER = 5.0
_MIN_INTERVAL = 1.0
_MAX_INTERVAL = 300.0
_MAX_PAUSE = 60.0
_MAX_WAIT = 1800.0
_MAX_LIFETIME = 86400.0
# The user types it on another device. Longer text could be a phishing message.
_USER_CODE = re.compile(r"(?=.{1,32}\Z)[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
_MAX_URL_LENGTH = 2048


@dataclass(frozen=True, kw_only=True)
class DeviceCode:
    """
    What to show: the user enters ``user_code`` at ``verification_uri``, or opens ``verification_uri_complete``.

    ``expires_in`` is in seconds.
    """

    verification_uri: str
    user_code: str = field(repr=False)
    verification_uri_complete: str | None = field(repr=False)
    expires_in: float


@dataclass(frozen=True, kw_only=True)
class DeviceSignIn(SignIn):
    """
    Signs a user in on another device; ``show`` displays the URL and the code.

    ```python
    def show(code: DeviceCode) -> None:
        print(f"Open {code.verification_uri} and enter {code.user_code}")

    async with connect("https://mcp.example/mcp", show=show) as client:
        tools = await client.list_tools()

    # The same for your own HTTP client:
    sign_in = DeviceSignIn.for_server("https://mcp.example/mcp", show=show)
    auth = OAuth("https://mcp.example/mcp", sign_in)
    ```

    Never enter a code that somebody else sent: it would sign that person in as you.

    Spec: RFC 8628 §3
    """

    show: Callable[[DeviceCode], object]
    sleep: Callable[[float], Awaitable[None]] = field(default=anyio.sleep)

    async def _authorize(
        self, found: DiscoveredIssuer, scopes: frozenset[str], prover: DpopProver | None
    ) -> Tokens:
        kept = self.token_store.registration_for(found.server.issuer)
        # A registration needs a redirect URI even if none is used.
        registration = await self._registration(found, scopes, "http://127.0.0.1/callback", kept)
        document = await self._request_device_code(found, scopes, registration)
        code, device_code, interval = self._parse(document, found.server.issuer)
        self.show(device_code)
        tokens = await self._poll(
            found, scopes, prover, registration, code, device_code.expires_in, interval
        )
        await self._save_registration(registration, kept)
        return tokens

    async def _request_device_code(
        self, found: DiscoveredIssuer, scopes: frozenset[str], registration: Registration
    ) -> dict[str, Any]:
        endpoint = found.server.device_authorization_endpoint
        if endpoint is None:
            raise SignInFailed(
                "no-device-flow",
                f"{found.server.issuer} does not support the device authorization grant.",
                "Use --paste instead of --device.",
            )
        form = {"resource": found.resource.resource}
        if scopes:
            form["scope"] = build_scope(scopes)
        full, headers = authenticated(registration, form, self.clock)
        full["client_id"] = registration.client_id
        answer = await self.http_client.post_form(
            endpoint, "device authorization endpoint", full, headers
        )
        if answer.status != 200:
            raise error_of(answer, "device authorization endpoint")
        return answer.document()

    async def _poll(
        self,
        found: DiscoveredIssuer,
        scopes: frozenset[str],
        prover: DpopProver | None,
        registration: Registration,
        code: str,
        expires_in: float,
        interval: float,
    ) -> Tokens:
        start = self.clock()
        deadline = TimeRange(start, start + min(expires_in, self.timeout))
        form = {"grant_type": GRANT, "device_code": code, "resource": found.resource.resource}
        while deadline.contains(now := self.clock()):
            await self.sleep(min(interval, deadline.until - now))
            if not deadline.contains(self.clock()):
                break
            try:
                return await self._exchange(found, registration, form, scopes, prover)
            except SignInFailed as refusal:
                if refusal.reason == "slow-down":
                    interval += _SLOWER
                elif refusal.reason != "authorization-pending":
                    raise
            except Unreachable:
                # A broken connection is no refusal: the user may still be typing.
                interval = max(interval, min(interval * 2, _MAX_PAUSE))
        raise SignInFailed("timed-out", "The code expired before it was entered.", "Start again.")

    def _parse(self, document: dict[str, Any], issuer: str) -> tuple[str, DeviceCode, float]:
        """Return the device code, what to show, and the polling interval in seconds."""
        code, user_code = document.get("device_code"), document.get("user_code")
        if not (isinstance(code, str) and code and code.isprintable()):
            raise _malformed("device_code is not a text")
        if not (isinstance(user_code, str) and _USER_CODE.fullmatch(user_code)):
            raise _malformed("user_code is not 1 to 32 letters, digits and hyphens")
        # Some servers still send verification_url, the name in the drafts.
        page = document.get("verification_uri") or document.get("verification_url")
        complete = document.get("verification_uri_complete")
        expires_in = _seconds(document, "expires_in", _MAX_WAIT, _MAX_LIFETIME)
        if expires_in == 0:
            raise _malformed("the code has expired already")
        device_code = DeviceCode(
            verification_uri=self._require_page(page, issuer),
            user_code=user_code,
            verification_uri_complete=None
            if complete is None
            else self._require_page(complete, issuer),
            expires_in=min(expires_in, _MAX_WAIT),
        )
        interval = _seconds(document, "interval", _INTERVAL, _MAX_INTERVAL)
        # RFC 8628 allows an interval of 0, which would be a thousand requests per second.
        return code, device_code, max(interval, _MIN_INTERVAL)

    def _require_page(self, url: object, issuer: str) -> str:
        """Return ``url`` if the URL policy allows it, and it is https or local."""
        if not isinstance(url, str) or len(url) > _MAX_URL_LENGTH:
            raise _malformed("a verification URI is missing or too long")
        require_web_address(url)
        self.http_client.url_policy.require(urldefrag(url).url, "verification address")
        # A local MCP server may use a remote issuer, whose page must be https.
        local = address.is_loopback_host(urlsplit(issuer).hostname)
        if urlsplit(url).scheme != "https" and not local:
            raise SignInFailed(
                "insecure-url",
                f"The verification URI {url!r} is plain http, expected https.",
                "Nothing was shown. The authorization server's operator must fix it.",
            )
        return url


def _seconds(document: dict[str, Any], name: str, default: float, most: float) -> float:
    value = document.get(name)
    if value is None:
        return default
    # Compared before the conversion: an integer can be too large for a float.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise _malformed(f"{name} is not a number from 0 to {most:g}")
    return float(value)


def _malformed(what: str) -> ProtocolBroken:
    return ProtocolBroken(
        "malformed-device-answer",
        f"The device authorization response is not valid: {what}.",
        "The authorization server's operator must fix it.",
    )
