"""The issuer's side of the device flow."""

import asyncio
from typing import Any

import httpx2

from doorward.client import DeviceCode
from tests.client.conftest import Clock
from tests.client.fake_issuer import ISSUER, FakeIssuer

DEVICE = f"{ISSUER}/device"


class Device:
    """Gives the answers in ``script``, then tokens."""

    def __init__(self, fake_issuer: FakeIssuer, script: list[Any], **answer: Any) -> None:
        self.fake_issuer, self.script = fake_issuer, script
        self.shown: list[DeviceCode] = []
        self.slept: list[float] = []
        self.clock: Clock | None = None
        fake_issuer.metadata["device_authorization_endpoint"] = DEVICE
        document = {
            "device_code": "device-secret",
            "user_code": "WDJB-MJHT",
            "verification_uri": f"{ISSUER}/enter",
            "verification_uri_complete": f"{ISSUER}/enter?user_code=WDJB-MJHT",
            "expires_in": 1800,
            "interval": 5,
            **answer,
        }
        fake_issuer.routes[DEVICE] = lambda _: httpx2.Response(200, json=document)
        fake_issuer.routes[f"{ISSUER}/token"] = self._token

    def answers_with(self, body: bytes) -> None:
        """Answer these bytes, which need not be what a JSON library writes."""
        self.fake_issuer.routes[DEVICE] = lambda _: httpx2.Response(200, content=body)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self.clock is not None:
            self.clock.now += seconds
        await asyncio.sleep(0)

    def _token(self, request: httpx2.Request) -> httpx2.Response:
        if not self.script:
            return self.fake_issuer._issue(frozenset({"mcp:read"}))
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        if isinstance(step, int):
            return httpx2.Response(step)
        return httpx2.Response(400, json={"error": step})

    def options(self) -> dict[str, Any]:
        return {"show": self.shown.append, "sleep": self.sleep, "timeout": 3600.0}
