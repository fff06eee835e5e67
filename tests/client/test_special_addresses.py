"""Special addresses: only a server inside the network may lead to private ones."""

import httpx2
import pytest

from doorward.client.http.url_policy import PinnedTransport, UrlPolicy
from tests.ledger import proves

SERVER = "https://mcp.example/mcp"
INSIDE = ["10.0.0.5", "192.168.1.1", "100.64.0.7", "fd00::5", "127.0.0.1"]
# Each leads to a machine of the internet somewhere, or to nobody's.
SPECIAL = [
    pytest.param("64:ff9b::c633:6407", id="nat64"),
    pytest.param("64:ff9b:1::1", id="local-nat64"),
    pytest.param("2002:c633:6407::1", id="6to4"),
    pytest.param("2001:0:c633:6407::1", id="teredo"),
    pytest.param("2a00:1450::5efe:c633:6407", id="isatap"),
    pytest.param("::ffff:198.51.100.7", id="ipv4-mapped"),
    pytest.param("2001:20::1", id="orchid"),
    pytest.param("192.88.99.1", id="6to4-relay"),
    pytest.param("192.31.196.7", id="as112"),
    pytest.param("169.254.169.254", id="link-local"),
    pytest.param("168.63.129.16", id="azure"),
    pytest.param("198.18.0.1", id="benchmarks"),
    pytest.param("224.0.0.1", id="multicast"),
    pytest.param("fec0::1", id="site-local"),
]


@proves("S227", "refuses", "mixed addresses are refused")
@pytest.mark.parametrize("address", SPECIAL)
@pytest.mark.parametrize("inside", INSIDE)
def test_a_server_that_resolves_to_a_special_address_cannot_name_private_hosts(
    address: str, inside: str
) -> None:
    url_policy = UrlPolicy(SERVER)

    assert url_policy.allows_addresses("mcp.example", [address])
    assert not url_policy.allows_addresses("router.example", [inside])
    assert not url_policy.allows_host(inside)
    assert not url_policy.allows_host("localhost")


@proves("S227", "refuses", "mixed addresses are refused")
@pytest.mark.parametrize("address", ["64:ff9b::c633:6407", "2002:c633:6407::1", "fec0::1"])
def test_a_server_url_with_a_special_address_cannot_name_private_hosts(address: str) -> None:
    url_policy = UrlPolicy(f"https://[{address}]/mcp")

    assert url_policy.allows_host(address)
    assert not url_policy.allows_host("10.0.0.5")
    assert not url_policy.allows_addresses("router.example", ["10.0.0.5"])


@proves("S227", "accepts", "mixed addresses are refused")
@pytest.mark.parametrize("address", INSIDE)
def test_a_server_at_a_private_address_may_name_private_hosts(address: str) -> None:
    url_policy = UrlPolicy(SERVER)

    assert url_policy.allows_addresses("mcp.example", [address])
    assert url_policy.allows_addresses("login.example", ["10.0.0.9"])


@proves("S228", "refuses", "hostile bytes end nothing")
async def test_a_host_name_without_an_address_is_a_connection_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def nobody(_host: str, _port: int) -> list[str]:
        return []

    monkeypatch.setattr("doorward.client.http.url_policy.resolve", nobody)

    with pytest.raises(httpx2.ConnectError):
        await PinnedTransport(UrlPolicy(SERVER)).handle_async_request(httpx2.Request("GET", SERVER))
