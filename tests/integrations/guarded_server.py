"""A guarded server on a real socket, with callers whose tokens it trusts."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from doorward.guard import AuditEvent, Guard
from doorward.policy import Policy, Rule
from doorward.testing import TokenMint
from doorward.tokens import LocalKeys, TrustedIssuer
from tests.e2e.processes import free_port
from tests.mcp_server import loopback_server as loopback
from tests.net.http_server import TRUSTS_NOBODY

BASE = Policy(base=Rule(scopes={"mcp:read"}))
ACCEPT = {"accept": "application/json, text/event-stream"}
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
HELLO: dict[str, Any] = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


@dataclass
class GuardedServer:
    """One resource, its guard, its issuer, and what the guard wrote down."""

    policy: Policy = BASE
    path: str = "/mcp"
    options: dict[str, Any] = field(default_factory=dict)
    issuers: tuple[str, ...] = ("https://issuer.example",)

    def __post_init__(self) -> None:
        self.port = free_port()
        self.base = f"http://localhost:{self.port}"
        self.resource = self.base + self.path
        self.mints = {
            issuer: TokenMint(issuer=issuer, audience=self.resource, clock=time.time)
            for issuer in self.issuers
        }
        self.mint = self.mints[self.issuers[0]]
        self.events: list[AuditEvent] = []
        self.guard = Guard(
            **{
                "resource": self.resource,
                "policy": self.policy,
                "issuers": [
                    TrustedIssuer(
                        issuer=issuer,
                        audience=self.resource,
                        algorithms=("ES256",),
                        keys=LocalKeys(mint.jwks, clock=time.time),
                    )
                    for issuer, mint in self.mints.items()
                ],
                "audit": self.events.append,
                **self.options,
            }
        )

    def bearer(self, subject: str, *scopes: str, roles: tuple[str, ...] = ()) -> dict[str, str]:
        """Return the header of ``subject``, who may read and do what ``scopes`` say."""
        token = self.mint.mint(subject, scopes={"mcp:read", *scopes}, roles=roles)
        return {"authorization": f"Bearer {token}"}

    def http(self, subject: str, *scopes: str, roles: tuple[str, ...] = ()) -> httpx2.AsyncClient:
        """Return an HTTP client of ``subject``."""
        return httpx2.AsyncClient(
            headers=self.bearer(subject, *scopes, roles=roles),
            base_url=self.base,
            timeout=20,
            verify=TRUSTS_NOBODY,
        )

    @asynccontextmanager
    async def serving(self, app: Callable[..., Any]) -> AsyncIterator[None]:
        """Serve ``app`` with its lifespan on this server's port."""
        async with loopback.serving(app, self.port, lifespan="on"):
            yield

    async def modern(
        self,
        http: httpx2.AsyncClient,
        method: str,
        *,
        meta: dict[str, Any] | None = None,
        **params: Any,
    ) -> httpx2.Response:
        """Send one request of 2026-07-28."""
        headers = {**ACCEPT, "mcp-protocol-version": "2026-07-28", "mcp-method": method}
        if (name := params.get("name", params.get("uri"))) is not None:
            headers["mcp-name"] = name
        body = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": method,
            "params": {**params, "_meta": {**META, **(meta or {})}},
        }
        return await http.post(self.resource, json=body, headers=headers)

    async def legacy(self, http: httpx2.AsyncClient, method: str, **params: Any) -> httpx2.Response:
        """Send one request of a legacy protocol revision, in a session of its own where there are any."""
        opened = await self.send(http, "initialize", **HELLO)
        session = opened.headers.get("mcp-session-id")
        more = {"mcp-protocol-version": "2025-11-25"}
        if session is not None:
            more["mcp-session-id"] = session
        told = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        await http.post(self.resource, json=told, headers={**ACCEPT, **more})
        return await self.send(http, method, headers=more, **params)

    async def send(
        self,
        http: httpx2.AsyncClient,
        method: str,
        *,
        headers: dict[str, str] | None = None,
        **params: Any,
    ) -> httpx2.Response:
        """Send one request as it stands."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return await http.post(self.resource, json=body, headers={**ACCEPT, **(headers or {})})
