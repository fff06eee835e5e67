"""The address of an upstream server is checked when it is configured, and at each connection."""

from pathlib import Path

import pytest

from doorward.config import load
from doorward.errors import ConfigurationError
from doorward.gateway import Route
from doorward.gateway.refusals import UpstreamUnreachable
from doorward.gateway.upstream.exchange import Upstream, UpstreamRequest
from tests.ledger import proves
from tests.net.tls_server import ok, saying, serving, to

METADATA_SERVICE = "169.254.169.254"
NOWHERE = [METADATA_SERVICE, "0.0.0.0", "224.0.0.1", "[fe80::1]", "[::ffff:169.254.169.254]"]


async def _reached(port: int, *addresses: str) -> bytes:
    upstream = Upstream(timeout=5, connections=1, tls=None, resolver=to(*addresses))
    request = UpstreamRequest(
        method="GET",
        origin=f"http://tools.internal:{port}",
        target=b"/",
        headers=[(b"host", b"tools.internal")],
        body=b"",
    )
    try:
        async with upstream.send(request) as response:
            return b"".join([chunk async for chunk in response.chunks])
    finally:
        await upstream.aclose()


@proves("S159", "accepts", "upstream addresses are checked")
async def test_a_name_in_a_private_network_is_reached() -> None:
    async with serving(saying(ok(b"tools")), None) as there:
        assert await _reached(there.port, "127.0.0.1") == b"tools"


@proves("S159", "refuses", "upstream addresses are checked")
@pytest.mark.parametrize(
    "addresses", [(METADATA_SERVICE,), ("127.0.0.1", METADATA_SERVICE), ("0.0.0.0",)]
)
async def test_a_name_that_leads_elsewhere_by_now_is_not_connected_to(
    addresses: tuple[str, ...],
) -> None:
    async with serving(saying(ok(b"never")), None) as there:
        with pytest.raises(UpstreamUnreachable) as refused:
            await _reached(there.port, *addresses)

    assert "not allowed" in refused.value.detail
    assert there.connections == 0


@proves("S159", "accepts", "upstream addresses are checked")
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "10.1.2.3", "8.8.8.8", "tools.internal"])
def test_an_address_of_a_server_can_be_configured(host: str) -> None:
    assert Route(path="/mcp", upstream=f"http://{host}:9000").upstream


@proves("S159", "refuses", "upstream addresses are checked")
@pytest.mark.parametrize("host", NOWHERE)
def test_an_address_at_which_no_server_can_be_is_refused_at_the_start(
    host: str, tmp_path: Path
) -> None:
    url = f"http://{host}:9000"
    (tmp_path / "doorward.toml").write_text(
        '[authorization_server]\nissuer = "https://auth.example.com"\n[[mcp_servers]]\n'
        f'resource = "https://mcp.example.com/mcp"\nupstream = "{url}/mcp"\n'
        'scopes = { "mcp:tools" = "Run tools" }\npolicy = {}\n'
    )

    with pytest.raises(ConfigurationError) as route:
        Route(path="/mcp", upstream=url)
    with pytest.raises(ConfigurationError) as file:
        load(tmp_path / "doorward.toml")

    assert route.value.reason == file.value.reason == "upstream-address"
