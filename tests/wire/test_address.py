"""Issuers and resources: plain strings that are compared byte for byte."""

import pytest

from doorward.errors import ConfigurationError
from doorward.wire.address import (
    is_loopback_host,
    origin_of,
    require_issuer,
    require_resource,
    split,
)
from tests.ledger import proves

GOOD = [
    "https://mcp.example",
    "https://mcp.example/",
    "https://mcp.example/mcp",
    "https://mcp.example/mcp/",
    "https://MCP.example:8443/a/b",
    "http://localhost:9000/mcp",
    "http://127.0.0.1:9000",
    "http://[::1]:9000/mcp",
]


@proves("S10", "accepts", "unsafe settings refuse to start")
@pytest.mark.parametrize("url", GOOD)
def test_a_valid_url_is_returned_byte_for_byte(url: str) -> None:
    assert require_resource(url) == url
    assert require_issuer(url) == url


@proves("S10", "refuses", "unsafe settings refuse to start")
@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://mcp.example/mcp", id="plain-http"),
        pytest.param("http://localhost.example/mcp", id="a-host-that-begins-like-localhost"),
        pytest.param("http://127.0.0.1.example/mcp", id="a-host-that-begins-like-127.0.0.1"),
        pytest.param("http://127.1/mcp", id="short-form-of-127.0.0.1"),
        pytest.param("http://0.0.0.0/mcp", id="every-interface"),
        pytest.param("http://192.168.1.5/mcp", id="private-address"),
    ],
)
def test_plain_http_is_accepted_only_on_loopback(url: str) -> None:
    with pytest.raises(ConfigurationError) as as_resource:
        require_resource(url)
    with pytest.raises(ConfigurationError) as as_issuer:
        require_issuer(url)

    assert as_resource.value.reason == "insecure-resource"
    assert as_issuer.value.reason == "insecure-issuer"


@proves("S10", "refuses", "unsafe settings refuse to start")
@pytest.mark.parametrize(
    "url",
    [
        pytest.param("", id="empty"),
        pytest.param("mcp.example/mcp", id="no-scheme"),
        pytest.param("ftp://mcp.example", id="another-scheme"),
        pytest.param("https:///mcp", id="no-host"),
        pytest.param("https://mcp.example/mcp?x=1", id="query"),
        pytest.param("https://mcp.example/mcp?", id="empty-query"),
        pytest.param("https://mcp.example/mcp#x", id="fragment"),
        pytest.param("https://mcp.example/mcp#", id="empty-fragment"),
        pytest.param("https://user:pw@mcp.example/mcp", id="credentials"),
        pytest.param("https://mcp.example:port/mcp", id="port-that-is-no-number"),
        pytest.param("https://mcp.example:99999/mcp", id="port-beyond-65535"),
        pytest.param("https://mcp.example\\@evil.example/", id="backslash"),
        pytest.param("https://mcp.example/a b", id="space"),
        pytest.param("https://mcp.example/\n", id="newline"),
        pytest.param("https://mcp.exämple/", id="not-ascii"),
        pytest.param("https://mcp.example/<your-tenant>", id="placeholder"),
        pytest.param("https://mcp.example/{realm}", id="template"),
        pytest.param('https://mcp.example/"', id="quotation-mark"),
        pytest.param("https://mcp.example/a|b^`", id="no-url-characters"),
    ],
)
def test_a_malformed_resource_uri_is_refused_with_a_hint(url: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        require_resource(url)

    assert refusal.value.reason == "not-a-resource"
    assert refusal.value.hint


@pytest.mark.parametrize("placeholder", ["<your-tenant>", "{tenant}"])
def test_a_placeholder_from_an_example_is_named_in_the_hint(placeholder: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        require_issuer(f"https://login.example/t/{placeholder}/oauth2/token")

    assert refusal.value.hint == f"Replace {placeholder} with your own value."


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "::1"])
def test_three_host_names_are_loopback(host: str) -> None:
    assert is_loopback_host(host)


@pytest.mark.parametrize("host", [None, "", "127.1", "0x7f.1", "::ffff:127.0.0.1", "localhost."])
def test_other_host_names_are_not_loopback(host: str | None) -> None:
    assert not is_loopback_host(host)


def test_an_origin_is_scheme_host_and_port() -> None:
    assert origin_of("https://mcp.example:8443/mcp") == "https://mcp.example:8443"
    assert origin_of("http://localhost:9000/mcp") == "http://localhost:9000"


def test_text_that_is_not_a_url_has_no_parts() -> None:
    assert split("https://[::1") is None
    assert split("not a url") is None
