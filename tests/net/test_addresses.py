"""Which addresses an untrusted URL may resolve to."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.net.http.addresses import is_public
from tests.ledger import proves


@proves("S66", "accepts", "special addresses are refused")
@proves("S67", "accepts", "embedded IPv4 addresses")
@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "1.1.1.1",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.0.1.1",
        "198.17.0.1",
        "198.20.0.1",
        "223.255.255.254",
        "169.253.1.1",
        "2606:4700::1111",
        "2a00:1450:4001:82f::200e",
        "2001:4860:4860::8888",
        "2003::1",
    ],
)
def test_an_ordinary_internet_address_is_public(address: str) -> None:
    assert is_public(address)


@proves("S66", "refuses", "special addresses are refused")
@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.0.192",
        "192.0.2.1",
        "192.31.196.1",
        "192.52.193.1",
        "192.88.99.1",
        "192.168.0.1",
        "192.175.48.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "168.63.129.16",
        "::",
        "::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "100::1",
        "2001:db8::1",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "3fff::1",
        "5f00::1",
        "2620:4f:8000::1",
        "4000::1",
    ],
)
def test_an_address_of_a_special_range_is_not_public(address: str) -> None:
    assert not is_public(address)


@proves("S67", "refuses", "embedded IPv4 addresses")
@pytest.mark.parametrize(
    "address",
    [
        pytest.param("::ffff:10.0.0.1", id="ipv4-mapped"),
        pytest.param("::ffff:8.8.8.8", id="ipv4-mapped-public"),
        pytest.param("::10.0.0.1", id="ipv4-compatible"),
        pytest.param("2002:0a00:0001::1", id="6to4"),
        pytest.param("2001:0:4136:e378:8000:63bf:f5ff:fffe", id="teredo"),
        pytest.param("64:ff9b::10.0.0.1", id="nat64"),
        pytest.param("64:ff9b:1::10.0.0.1", id="nat64-local"),
        pytest.param("2606:4700::5efe:10.0.0.1", id="isatap"),
        pytest.param("2606:4700::200:5efe:10.0.0.1", id="isatap-universal"),
    ],
)
def test_an_address_that_embeds_another_one_is_not_public(address: str) -> None:
    assert not is_public(address)


@proves("S69", "refuses", "odd spellings of addresses")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "127.1",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "8.8.8.8 ",
        "8.8.8.8/32",
        "1.2.3",
        "[::1]",
        "fe80::1%eth0",
        "2606:4700::1%1",
        "example.com",
        "８.８.８.８",
    ],
)
def test_text_that_is_not_a_canonical_address_is_not_public(text: str) -> None:
    assert not is_public(text)


@proves("S66", "refuses", "special addresses are refused")
@given(st.ip_addresses())
def test_nothing_that_python_calls_private_or_special_is_public(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if is_public(str(address)):
        assert address.is_global
        assert not address.is_multicast
