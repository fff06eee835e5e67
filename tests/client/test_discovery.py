"""Discovery from a server's URL to its issuer, and what is refused on the way."""

import gzip
from typing import Any

import httpx2
import pytest

from doorward.client import ClientRefused, DiscoveryFailed, ProtocolBroken
from doorward.client.http.url_policy import UrlPolicy
from doorward.client.oauth.discovery import read_challenge
from tests.client.conftest import Open
from tests.client.fake_issuer import ISSUER, SERVER, FakeIssuer
from tests.ledger import proves

INSERTED = "https://mcp.example/.well-known/oauth-protected-resource/mcp"
ROOT = "https://mcp.example/.well-known/oauth-protected-resource"


async def refusal_of(open_client: Open, url: str = SERVER) -> ClientRefused:
    async with open_client(url) as connection:
        with pytest.raises(ClientRefused) as refusal:
            await connection.log_in()
    return refusal.value


async def test_without_a_metadata_url_the_path_is_tried_before_the_root(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    fake_issuer.challenge = {}
    fake_issuer.routes[INSERTED] = lambda _: httpx2.Response(404)
    fake_issuer.routes[ROOT] = lambda _: httpx2.Response(200, json=fake_issuer.resource)

    async with open_client() as connection:
        await connection.log_in()

    assert fake_issuer.paths()[1:3] == [f"GET {INSERTED}", f"GET {ROOT}"]


async def test_an_html_page_is_not_taken_for_metadata(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    fake_issuer.challenge = {}
    fake_issuer.routes[INSERTED] = lambda _: httpx2.Response(200, html="<!doctype html>")
    fake_issuer.routes[ROOT] = lambda _: httpx2.Response(200, json=fake_issuer.resource)

    async with open_client() as connection:
        assert await connection.log_in() is not None


async def test_only_the_metadata_url_of_the_challenge_is_fetched(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    fake_issuer.challenge["resource_metadata"] = "https://mcp.example/gone"

    refusal = await refusal_of(open_client)

    assert refusal.reason == "no-resource-metadata"
    assert fake_issuer.paths()[1:] == ["GET https://mcp.example/gone"]


@proves("S167", "refuses", "metadata of another resource")
@pytest.mark.parametrize(
    "resource",
    [
        "https://mcp.example/other",
        "https://mcp.example/mcp/",
        "https://mcp.example/MCP",
        "https://mcp.example/",
        "https://mcp.example",
        "https://evil.example/mcp",
        "http://mcp.example/mcp",
        "https://mcp.example:443/mcp",
    ],
)
async def test_metadata_of_another_resource_is_refused(
    open_client: Open, fake_issuer: FakeIssuer, resource: str
) -> None:
    fake_issuer.resource["resource"] = resource

    refusal = await refusal_of(open_client)

    assert refusal.reason == "wrong-resource"
    assert not any(request.url.host == "issuer.example" for request in fake_issuer.asked)


@proves("S167", "accepts", "metadata of another resource")
@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("https://mcp.example", "https://mcp.example/"),
        ("https://mcp.example/", "https://mcp.example"),
    ],
)
async def test_a_resource_at_the_root_may_have_a_trailing_slash_or_none(
    open_client: Open, fake_issuer: FakeIssuer, typed: str, named: str
) -> None:
    fake_issuer.routes["https://mcp.example/"] = lambda _: httpx2.Response(401)
    fake_issuer.routes["https://mcp.example"] = fake_issuer.routes["https://mcp.example/"]
    fake_issuer.routes[ROOT] = lambda _: httpx2.Response(
        200, json={**fake_issuer.resource, "resource": named}
    )

    async with open_client(typed) as connection:
        await connection.log_in()

    assert fake_issuer.authorizations[0]["resource"] == named


async def test_root_metadata_may_name_the_origin_as_the_resource(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    fake_issuer.challenge = {}
    fake_issuer.routes[INSERTED] = lambda _: httpx2.Response(404)
    fake_issuer.routes[ROOT] = lambda _: httpx2.Response(
        200, json={**fake_issuer.resource, "resource": "https://mcp.example"}
    )

    async with open_client() as connection:
        await connection.log_in()

    assert fake_issuer.authorizations[0]["resource"] == "https://mcp.example"


@proves("S167", "refuses", "metadata of another resource")
@pytest.mark.parametrize("named", ["https://mcp.example/other", "https://evil.example"])
async def test_root_metadata_may_not_name_another_path_or_host(
    open_client: Open, fake_issuer: FakeIssuer, named: str
) -> None:
    fake_issuer.challenge = {}
    fake_issuer.routes[INSERTED] = lambda _: httpx2.Response(404)
    fake_issuer.routes[ROOT] = lambda _: httpx2.Response(
        200, json={**fake_issuer.resource, "resource": named}
    )

    refusal = await refusal_of(open_client)

    assert refusal.reason == "wrong-resource"


@proves("S168", "refuses", "metadata of another issuer")
@pytest.mark.parametrize(
    "issuer", [ISSUER + "/", "https://ISSUER.example", "https://evil.example", None, 7]
)
async def test_metadata_of_another_issuer_is_refused(
    open_client: Open, fake_issuer: FakeIssuer, issuer: Any
) -> None:
    fake_issuer.metadata["issuer"] = issuer

    refusal = await refusal_of(open_client)

    assert refusal.reason == "issuer-mismatch"
    assert fake_issuer.authorizations == []


@proves("S169", "refuses", "S256 must be announced")
@pytest.mark.parametrize("methods", [None, [], ["plain"], ["s256"]])
async def test_an_issuer_that_does_not_advertise_s256_is_refused(
    open_client: Open, fake_issuer: FakeIssuer, methods: Any
) -> None:
    fake_issuer.metadata["code_challenge_methods_supported"] = methods

    refusal = await refusal_of(open_client)

    assert refusal.reason == "pkce-not-offered"
    assert fake_issuer.authorizations == []


async def test_openid_configuration_is_the_fallback_for_oauth_metadata(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    fake_issuer.routes[f"{ISSUER}/.well-known/oauth-authorization-server"] = lambda _: (
        httpx2.Response(404)
    )
    fake_issuer.routes[f"{ISSUER}/.well-known/openid-configuration"] = lambda _: httpx2.Response(
        200, json=fake_issuer.metadata
    )

    async with open_client() as connection:
        assert await connection.log_in() is not None


BAD_PLACES = [
    pytest.param("file:///etc/passwd", id="file"),
    pytest.param("javascript:alert(1)", id="javascript"),
    pytest.param("http://mcp.example/x", id="plain-http"),
    pytest.param("http://localhost:9000/x", id="loopback-of-a-public-server"),
    pytest.param("https://127.0.0.1/x", id="loopback-number"),
    pytest.param("https://127.1/x", id="short-loopback"),
    pytest.param("https://0x7f000001/x", id="hexadecimal-loopback"),
    pytest.param("https://2130706433/x", id="decimal-loopback"),
    pytest.param("https://10.0.0.1/x", id="private"),
    pytest.param("https://169.254.169.254/latest/meta-data", id="cloud-metadata"),
    pytest.param("https://[::1]/x", id="loopback-6"),
    pytest.param("https://[fd00::1]/x", id="private-6"),
    pytest.param("https://[::ffff:10.0.0.1]/x", id="mapped-private"),
    pytest.param("https://user:pw@issuer.example/x", id="credentials"),
    pytest.param("//issuer.example/x", id="relative"),
]


@proves("S166", "refuses", "discovered addresses are public https")
@pytest.mark.parametrize("place", BAD_PLACES)
@pytest.mark.parametrize(
    "member", ["authorization_endpoint", "token_endpoint", "registration_endpoint", "issuer"]
)
async def test_metadata_cannot_name_a_private_or_unsafe_url(
    open_client: Open, fake_issuer: FakeIssuer, place: str, member: str
) -> None:
    if member == "issuer":
        fake_issuer.resource["authorization_servers"] = [place]
    else:
        fake_issuer.metadata[member] = place

    await refusal_of(open_client)

    hosts = {request.url.host for request in fake_issuer.asked}
    assert hosts <= {"mcp.example", "issuer.example"}
    assert fake_issuer.authorizations == []
    assert f"POST {ISSUER}/register" not in fake_issuer.paths()


@proves("S166", "refuses", "discovered addresses are public https")
@pytest.mark.parametrize("place", BAD_PLACES)
async def test_a_challenge_cannot_name_a_private_or_unsafe_metadata_url(
    open_client: Open, fake_issuer: FakeIssuer, place: str
) -> None:
    fake_issuer.challenge["resource_metadata"] = place

    await refusal_of(open_client)

    assert fake_issuer.paths() == [f"POST {SERVER}"]


@proves("S166", "refuses", "discovered addresses are public https")
async def test_a_metadata_redirect_is_not_followed(
    open_client: Open, fake_issuer: FakeIssuer
) -> None:
    fake_issuer.routes[INSERTED] = lambda _: httpx2.Response(
        302, headers={"Location": "http://169.254.169.254/"}
    )

    await refusal_of(open_client)

    assert len(fake_issuer.asked) == 2


@proves("S166", "accepts", "discovered addresses are public https")
def test_a_loopback_server_may_name_a_loopback_issuer() -> None:
    url_policy = UrlPolicy("http://localhost:8000/mcp")

    assert url_policy.require("http://127.0.0.1:9000/", "issuer")


@proves("S166", "accepts", "discovered addresses are public https")
def test_host_names_with_public_addresses_are_allowed() -> None:
    url_policy = UrlPolicy(SERVER)

    assert url_policy.allows_addresses("mcp.example", ["8.8.8.8"])
    assert url_policy.allows_addresses("issuer.example", ["8.8.4.4"])


@proves("S166", "refuses", "discovered addresses are public https")
@pytest.mark.parametrize("ip", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1"])
def test_a_public_server_cannot_name_a_host_with_a_private_address(ip: str) -> None:
    url_policy = UrlPolicy(SERVER)
    url_policy.allows_addresses("mcp.example", ["8.8.8.8"])

    assert not url_policy.allows_addresses("issuer.example", [ip])


@proves("S166", "refuses", "discovered addresses are public https")
def test_a_public_server_cannot_switch_to_a_private_address() -> None:
    url_policy = UrlPolicy(SERVER)
    url_policy.allows_addresses("mcp.example", ["8.8.8.8"])

    assert not url_policy.allows_addresses("mcp.example", ["10.0.0.1"])
    assert not url_policy.allows_addresses("issuer.example", ["10.0.0.1"])


def test_an_intranet_server_may_name_an_intranet_issuer() -> None:
    url_policy = UrlPolicy("https://mcp.corp.example/mcp")

    assert url_policy.allows_addresses("mcp.corp.example", ["10.0.0.7"])
    assert url_policy.allows_addresses("sso.corp.example", ["10.0.0.8"])


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mcp.example/mcp", "not-a-server-url"),
        ("https://mcp.example/mcp#x", "not-a-server-url"),
        ("ftp://mcp.example/mcp", "not-a-server-url"),
        ("http://mcp.example/mcp", "insecure-server-url"),
        ("http://127.1/mcp", "insecure-server-url"),
    ],
)
def test_an_invalid_server_url_is_refused(url: str, reason: str) -> None:
    with pytest.raises(DiscoveryFailed) as refusal:
        UrlPolicy(url)

    assert refusal.value.reason == reason


@proves("S180", "refuses", "hostile token answers")
@pytest.mark.parametrize(
    ("response", "reason"),
    [
        pytest.param(
            httpx2.Response(200, content=b"{" + b" " * 10_000_000 + b"}"),
            "too-large",
            id="ten-megabytes",
        ),
        pytest.param(
            httpx2.Response(
                200,
                content=gzip.compress(b"{" + b" " * 50_000_000),
                headers={"content-encoding": "gzip"},
            ),
            "compressed",
            id="gzip-bomb",
        ),
        pytest.param(httpx2.Response(200, content=b'{"a": NaN}'), "answer-not-json", id="not-json"),
        pytest.param(
            httpx2.Response(200, content=b'{"a":' * 500 + b"1" + b"}" * 500),
            "answer-not-json",
            id="too-deep",
        ),
        pytest.param(
            httpx2.Response(
                200, content=b'{"issuer":"https://issuer.example","issuer":"https://evil.example"}'
            ),
            "answer-not-json",
            id="two-issuers",
        ),
    ],
)
async def test_hostile_metadata_is_refused(
    open_client: Open, fake_issuer: FakeIssuer, response: httpx2.Response, reason: str
) -> None:
    raw = response.stream
    fake_issuer.raw[f"{ISSUER}/.well-known/oauth-authorization-server"] = lambda: httpx2.Response(
        200, headers=response.headers, stream=raw
    )

    refusal = await refusal_of(open_client)

    assert isinstance(refusal, ProtocolBroken)
    assert refusal.reason == reason


@pytest.mark.parametrize(
    ("header", "scopes", "error"),
    [
        ('Bearer scope="a b"', {"a", "b"}, None),
        ('Basic realm="x", Bearer error="invalid_token", scope="a"', {"a"}, "invalid_token"),
        ("Bearer", None, None),
        ('Bearer scope="a', None, None),
        ("Basic", None, None),
    ],
)
def test_scopes_and_error_are_read_from_the_challenge(
    header: str, scopes: set[str] | None, error: str | None
) -> None:
    challenge = read_challenge(httpx2.Headers({"WWW-Authenticate": header}))

    assert challenge.scopes == scopes
    assert challenge.error == error
