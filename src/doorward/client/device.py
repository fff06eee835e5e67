"""Signing in on another device: a short code is shown here and entered there."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import anyio

from doorward.client.browser import require_web_address
from doorward.client.discovery import Found
from doorward.client.proofs import Prover
from doorward.client.refusals import ProtocolBroken, SignInFailed, Unreachable
from doorward.client.registration import Registration
from doorward.client.sign_in import SignIn
from doorward.client.token_endpoint import authenticated, exchange_grant, refused
from doorward.client.tokens import Tokens
from doorward.wire.scope import build_scope

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_INTERVAL = 5.0
_SLOWER = 5.0
_LONGEST_INTERVAL = 60.0
_LONGEST_LIFE = 1800.0


@dataclass(frozen=True, kw_only=True)
class DeviceCode:
    """
    What the user is shown: enter ``user_code`` at ``address``, or open ``complete_address``.

    ``lives`` is in seconds.
    """

    address: str
    user_code: str = field(repr=False)
    complete_address: str | None = field(repr=False)
    lives: float


@dataclass(frozen=True, kw_only=True)
class DeviceSignIn(SignIn):
    """
    Signs a person in who is at another device; ``show`` tells them where to go and what to enter.

    The user code is worth nothing without the page, and the page asks who wants in: never pass on
    a code that somebody else sent.

    Spec: RFC 8628 §3
    """

    show: Callable[[DeviceCode], object]
    sleep: Callable[[float], Awaitable[None]] = field(default=anyio.sleep)

    async def _authorize(
        self, found: Found, scopes: frozenset[str], prover: Prover | None
    ) -> Tokens:
        kept = self.wallet.registration_at(found.server.issuer)
        # A registration names a redirect URI even where none is ever used.
        registration = await self._registration(found, scopes, "http://127.0.0.1/callback", kept)
        document = await self._ask(found, scopes, registration)
        code, shown, interval = _read(document)
        self.show(shown)
        return await self._wait(found, scopes, prover, registration, code, shown.lives, interval)

    async def _ask(
        self, found: Found, scopes: frozenset[str], registration: Registration
    ) -> dict[str, Any]:
        endpoint = found.server.device_authorization_endpoint
        if endpoint is None:
            raise SignInFailed(
                "no-device-flow",
                f"{found.server.issuer} signs nobody in by a code on another device.",
                "Sign in with --paste instead.",
            )
        form = {"resource": found.resource.resource}
        if scopes:
            form["scope"] = build_scope(scopes)
        full, basic = authenticated(registration, form, self.clock)
        full["client_id"] = registration.client_id
        answer = await self.courier.post_form(
            endpoint, "device authorization endpoint", full, basic
        )
        if answer.status != 200:
            raise refused(answer, "device authorization endpoint")
        return answer.document()

    async def _wait(
        self,
        found: Found,
        scopes: frozenset[str],
        prover: Prover | None,
        registration: Registration,
        code: str,
        lives: float,
        interval: float,
    ) -> Tokens:
        end = self.clock() + min(lives, self.patience)
        form = {"grant_type": GRANT, "device_code": code, "resource": found.resource.resource}
        while self.clock() < end:
            await self.sleep(interval)
            try:
                return await exchange_grant(
                    self.courier,
                    found.server,
                    registration,
                    form,
                    self.clock,
                    resource=found.resource.resource,
                    requested=scopes,
                    prover=prover,
                )
            except SignInFailed as refusal:
                if refusal.reason == "slow-down":
                    interval = min(interval + _SLOWER, _LONGEST_INTERVAL)
                elif refusal.reason != "authorization-pending":
                    raise
            except Unreachable:
                # A connection that broke says nothing about the user, who may be typing.
                interval = min(interval * 2, _LONGEST_INTERVAL)
        raise SignInFailed("timed-out", "The code was not entered in time.", "Start again.")


def _read(document: dict[str, Any]) -> tuple[str, DeviceCode, float]:
    code, user_code = document.get("device_code"), document.get("user_code")
    # Some servers still write verification_url, as the drafts had it.
    address = document.get("verification_uri") or document.get("verification_url")
    texts = (code, user_code, address)
    if not all(isinstance(text, str) and text and text.isprintable() for text in texts):
        raise ProtocolBroken(
            "malformed-device-answer", "The device authorization endpoint gave no usable code."
        )
    complete = document.get("verification_uri_complete")
    shown = DeviceCode(
        address=require_web_address(str(address)),
        user_code=str(user_code),
        complete_address=require_web_address(complete) if isinstance(complete, str) else None,
        lives=_seconds(document.get("expires_in"), _LONGEST_LIFE, _LONGEST_LIFE),
    )
    return str(code), shown, _seconds(document.get("interval"), _INTERVAL, _LONGEST_INTERVAL)


def _seconds(value: object, default: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return default
    return min(float(value), most)
