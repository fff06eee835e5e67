"""Servers of the official SDK and of FastMCP, as their authors write them."""

from typing import Any

import httpx2
from fastmcp import FastMCP
from fastmcp.server.auth.providers.in_memory import InMemoryOAuthProvider
from mcp.server import MCPServer
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import AnyHttpUrl

from doorward.client.http.url_policy import UrlPolicy
from doorward.doctor.probe.budget import Budget
from doorward.doctor.probe.network import Network
from doorward.doctor.probe.probe import Probe
from doorward.doctor.walk import Examination, examine
from tests.doctor.healthy import plain
from tests.doctor.world import SimulatedTransport, codes
from tests.ledger import proves

URL = "https://mcp.example/mcp"


class _Refuses:
    """A verifier that accepts no token."""

    async def verify_token(self, _token: str) -> None:
        return None


def official_sdk(issuer: str, **options: Any) -> Any:
    settings = AuthSettings(
        issuer_url=AnyHttpUrl(issuer),
        resource_server_url=AnyHttpUrl(URL),
        validate_token_resource=False,
    )
    server = MCPServer("foreign", token_verifier=_Refuses(), auth=settings)
    return server.streamable_http_app(**options)


def fastmcp() -> tuple[Any, InMemoryOAuthProvider]:
    provider = InMemoryOAuthProvider(
        base_url="https://mcp.example",
        client_registration_options=ClientRegistrationOptions(enabled=True, valid_scopes=["read"]),
        required_scopes=["read"],
    )
    return FastMCP("foreign", auth=provider).http_app(), provider


async def _examined(app: Any) -> Examination:
    """Return what the doctor finds, with ``app`` at the host of ``URL``."""
    world = plain()
    inner = httpx2.ASGITransport(app=app)

    class Transport(SimulatedTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            if request.url.host == "mcp.example":
                return await inner.handle_async_request(request)
            return await super().handle_async_request(request)

    def transport(policy: UrlPolicy) -> httpx2.AsyncBaseTransport:
        return Transport(world, policy)

    probe = Probe(URL, Network(world.resolve, transport), Budget())
    try:
        return await examine(probe, URL)
    finally:
        await probe.aclose()


@proves("S221", "accepts", "doctor findings")
async def test_a_server_of_fastmcp_gives_no_finding_and_registers_nobody() -> None:
    app, provider = fastmcp()
    found = await _examined(app)
    assert codes(found) == []
    assert provider.clients == {}


@proves("S221", "refuses", "doctor findings")
async def test_the_official_sdk_adds_a_slash_to_the_issuer() -> None:
    open_to = TransportSecuritySettings(allowed_hosts=["mcp.example"])
    found = await _examined(official_sdk("https://login.example", transport_security=open_to))
    assert codes(found) == ["issuer-spelled-differently"]
