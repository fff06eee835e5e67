"""The steps of the tutorial in this process, and callers who speak to them."""

import importlib
import importlib.util
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2

from doorward.jose.pem import read_public_pem
from doorward.net import FetchResponse
from doorward.testing import PrivateKey, TokenMint
from doorward.tokens import RFC9068
from doorward.wire.jsonrpc.envelope import MIRRORED
from doorward.wire.jsonrpc.routing_headers import encode_name
from mcp_http.provider import Provider

ADDRESS = "http://localhost:9000"
RESOURCE = f"{ADDRESS}/mcp"
PROVIDER = "http://localhost:8080/realms/mcp-realm"
MODERN, LEGACY = "2026-07-28", "2025-11-25"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "reader", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
EVERYTHING = ("mcp:read", "mcp:tools", "mcp:prompts")


@cache
def key() -> PrivateKey:
    """Return the issuer's key; an RSA key takes its time, so there is one for all tests."""
    return PrivateKey.generate("RS256")


def mint(issuer: str = ADDRESS) -> TokenMint:
    """Return the issuer that the steps trust."""
    return TokenMint(issuer, RESOURCE, key=key(), client_id="generate-token")


def module(step: int) -> ModuleType:
    """Return the module of a step."""
    return importlib.import_module(f"mcp_http.step{step}")


def application(step: int, keys: Path, source: ModuleType | None = None) -> Any:
    """Return a step's application, whose public key is in the folder `keys`."""
    (keys / "mcp_public_key.pem").write_bytes(key().public_pem())
    if step >= 10:
        return _at_provider(keys)
    before = os.environ.get("MCP_KEYS")
    os.environ["MCP_KEYS"] = str(keys)
    try:
        return (source or module(step)).create_app(ADDRESS)
    finally:
        if before is None:
            del os.environ["MCP_KEYS"]
        else:
            os.environ["MCP_KEYS"] = before


class Published:
    """A provider's addresses without sockets; its keys are those in the folder ``keys``."""

    def __init__(self, keys: Path) -> None:
        self._keys = keys

    async def fetch(self, url: str, *, limit: int) -> FetchResponse:
        """Return the metadata, or the keys as they are now."""
        certs = f"{PROVIDER}/protocol/openid-connect/certs"
        document: dict[str, Any] = {"issuer": PROVIDER, "jwks_uri": certs}
        if url == certs:
            document = {"keys": [read_public_pem((self._keys / "mcp_public_key.pem").read_bytes())]}
        body = json.dumps(document).encode()
        assert len(body) <= limit
        return FetchResponse(200, {}, body, None)


def _at_provider(keys: Path) -> Any:
    """Return step 10 at a provider whose keys are asked for each time, as if minutes had passed."""
    spec = importlib.util.find_spec("mcp_http.step10")
    assert spec is not None
    assert spec.loader is not None
    # A copy of the module, so that its patience is changed for nobody else.
    step10: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(step10)
    step10.FRESH = 0.0
    step10.fetcher_of = lambda _: Published(keys)
    return step10.create_app(
        Provider(
            title="Keycloak",
            issuer=PROVIDER,
            audience=RESOURCE,
            algorithms=("RS256",),
            profile=RFC9068,
            address=ADDRESS,
        )
    )


class Caller:
    """A client of one step, which says what a conforming client says and what it is told to."""

    def __init__(self, http: httpx2.AsyncClient, step: int, keys: Path) -> None:
        self.http = http
        self.step = step
        self._keys = keys

    def mint(self) -> TokenMint:
        """Return the issuer that this step trusts."""
        return mint(PROVIDER if self.step >= 10 else ADDRESS)

    def token(self, user: str = "alice", *scopes: str, role: str = "user") -> str:
        """Return a good token with these scopes; without any named, with all three."""
        return self.mint().mint(user, scopes=scopes or EVERYTHING, roles={role})

    def replace_key(self) -> None:
        """Do what the operator does whose key was stolen: make a new one and publish it."""
        fresh = PrivateKey.generate("RS256")
        (self._keys / "mcp_public_key.pem").write_bytes(fresh.public_pem())

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        """Read a page."""
        return await self.http.get(path, headers=headers)

    async def ask(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        token: str | None = None,
        version: str = MODERN,
        headers: Mapping[str, str] | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> httpx2.Response:
        """Send one request of the protocol revision ``version``."""
        params = dict(params or {})
        sent = {"mcp-protocol-version": version}
        if version == MODERN:
            params["_meta"] = {**META, **(meta or {})}
            sent["mcp-method"] = method
            if (name := params.get(MIRRORED.get(method, ""))) is not None:
                sent["mcp-name"] = encode_name(name)
        elif meta:
            params["_meta"] = dict(meta)
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return await self.post(json.dumps(body).encode(), {**sent, **(headers or {})}, token)

    async def call(
        self, name: str, arguments: Mapping[str, Any] | None = None, **how: Any
    ) -> httpx2.Response:
        """Call a tool."""
        return await self.ask("tools/call", {"name": name, "arguments": arguments or {}}, **how)

    async def post(
        self, body: bytes, headers: Mapping[str, str] | None = None, token: str | None = None
    ) -> httpx2.Response:
        """Send a body as it is."""
        sent = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            **({"authorization": f"Bearer {token}"} if token is not None else {}),
            **(headers or {}),
        }
        return await self.http.post("/mcp", content=body, headers=sent)


@asynccontextmanager
async def caller_of(
    step: int, keys: Path, source: ModuleType | None = None
) -> AsyncIterator[Caller]:
    """Open a connection to a step's application; its public key is written to the folder ``keys``."""
    transport = httpx2.ASGITransport(app=application(step, keys, source))
    async with httpx2.AsyncClient(transport=transport, base_url=ADDRESS) as http:
        yield Caller(http, step, keys)
