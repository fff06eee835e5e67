"""What is forwarded, what is refused, and what the upstream server receives."""

import pytest

from tests.e2e.raw_http import request
from tests.gateway.running_gateway import FORM, running_gateway
from tests.ledger import proves
from tests.net.tls_server import ok

TOKEN = "/realms/mcp-realm/protocol/openid-connect/token"


def _head(seen: str) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for line in seen.strip().split("\r\n")[1:]:
        name, _, value = line.partition(": ")
        headers.setdefault(name.lower(), []).append(value)
    return headers


async def test_a_request_and_its_response_are_forwarded_unchanged() -> None:
    answer = ok(
        b"hello", "Content-Type: text/plain", "Set-Cookie: a=1", "Set-Cookie: b=2", "Date: x"
    )
    async with running_gateway(answer) as gateway:
        got = await gateway.post(f"{TOKEN}?x=1&y=%20", b"grant_type=password")

    assert (got.status, got.body) == (200, b"hello")
    assert [value for name, value in got.headers if name == "set-cookie"] == ["a=1", "b=2"]
    assert got.header("content-type") == "text/plain"
    # The server that the gateway runs in writes the date itself.
    assert got.header("date") is None
    (seen,) = gateway.upstream.requests
    assert seen.startswith(f"POST {TOKEN}?x=1&y=%20 HTTP/1.1\r\n")
    assert _head(seen)["content-length"] == ["19"]
    (told,) = gateway.events
    assert (told.status, told.reason, told.path) == (200, "forwarded", TOKEN)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/admin/",
        "/admin/master/console/",
        "/realms/master/protocol/openid-connect/token",
        "/realms/mcp-realm-2/protocol/openid-connect/token",
        "/realms/mcp-realm",
        "/metrics",
        "/health/ready",
        "/.well-known/oauth-authorization-server/realms/master",
        "/mcp/other",
    ],
)
async def test_a_path_without_a_route_is_refused_and_not_forwarded(path: str) -> None:
    async with running_gateway(ok(b"never")) as gateway:
        got = await gateway.get(path)

    assert (got.status, got.json["error"]) == (404, "not-forwarded")
    assert gateway.upstream.requests == []


@pytest.mark.parametrize(
    "path",
    [
        "/realms/mcp-realm/../../admin/",
        "/realms/mcp-realm/./x",
        "/realms/mcp-realm/%2e%2e/%2e%2e/admin/",
        "/realms/mcp-realm/..%2f..%2fadmin/",
        "/realms/mcp-realm/%2561dmin",
        "/realms/mcp-realm//admin",
        "//realms/mcp-realm/x",
        "/realms/mcp-realm/..;/admin",
        "/realms/mcp-realm/x;a=1/../y",
        "/realms/mcp-realm/a\\b",
        "/realms/mcp-realm/%00",
        "/%72ealms/mcp-realm/x",
    ],
)
async def test_an_ambiguous_path_is_refused(path: str) -> None:
    async with running_gateway(ok(b"never")) as gateway:
        got = await gateway.get(path)

    assert (got.status, got.json["error"]) == (400, "ambiguous-path")
    assert gateway.upstream.requests == []


@proves("S149", "refuses", "internal headers are stripped")
@pytest.mark.parametrize(
    "claim",
    [
        "Forwarded: host=evil.example",
        "X-Forwarded-Host: evil.example",
        "X-Forwarded-For: 203.0.113.9",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Port: 1",
        "X-Forwarded-Prefix: /evil",
        "X_Forwarded_Host: evil.example",
        "X-Real-IP: 203.0.113.9",
        "X-Original-URL: /admin/",
        "X-Rewrite-URL: /admin/",
        "Client-Cert: :evil:",
        "Client-Cert-Chain: :evil:",
        "SSL_CLIENT_CERT: evil",
        "ssl-client-verify: evil",
        "X-SSL-Client-Cert: evil",
        "CERT_CHAIN_0: evil",
        "X-Client-Cert: evil",
        "X-Amzn-Mtls-Clientcert: evil",
        "X-ARR-ClientCert: evil",
        "X-Auth-Request-User: evil",
        "Remote-User: evil",
        "X-Remote-User: evil",
        "X-Amzn-Oidc-Identity: evil",
        "X-Goog-Authenticated-User-Email: evil",
        "X-MS-Client-Principal-Name: evil",
        "True-Client-IP: 203.0.113.9",
        "CF-Connecting-IP: 203.0.113.9",
        "X-Cluster-Client-IP: 203.0.113.9",
        "X-HTTP-Method-Override: evil",
        "X-Method-Override: evil",
    ],
)
async def test_forwarding_headers_of_the_caller_are_dropped(claim: str) -> None:
    async with running_gateway(ok(b"")) as gateway:
        name, _, value = claim.partition(": ")
        await gateway.get(TOKEN, (name, value))

    (seen,) = gateway.upstream.requests
    assert "evil" not in seen
    assert "203.0.113.9" not in seen
    assert "/admin/" not in seen


@proves("S149", "accepts", "internal headers are stripped")
async def test_upstream_gets_the_public_host_whatever_the_caller_sent() -> None:
    async with running_gateway(ok(b"")) as gateway:
        await gateway.send(request("GET", TOKEN, b"", host="127.0.0.1:1"))

    head = _head(gateway.upstream.requests[0])
    assert head["host"] == ["localhost:9090"]
    assert head["x-forwarded-host"] == ["localhost:9090"]
    assert head["x-forwarded-proto"] == ["http"]
    assert head["x-forwarded-port"] == ["9090"]
    assert head["x-forwarded-for"] == ["127.0.0.1"]


@proves("S158", "refuses", "no credentials to other origins")
async def test_a_redirect_is_returned_and_not_followed() -> None:
    async with running_gateway(ok(b"never")) as other:
        away = f"http://127.0.0.1:{other.upstream.port}/elsewhere"
        moved = f"HTTP/1.1 307 Moved\r\nLocation: {away}\r\nContent-Length: 0\r\n\r\n"
        async with running_gateway(moved.encode()) as gateway:
            got = await gateway.post(TOKEN, b"code=a-code", ("Authorization", "Basic eDp5"))

    assert (got.status, got.header("location")) == (307, away)
    assert len(gateway.upstream.requests) == 1
    assert other.upstream.requests == []


@proves("S158", "accepts", "no credentials to other origins")
async def test_credentials_reach_only_the_upstream_of_the_path() -> None:
    async with running_gateway(ok(b"{}")) as gateway:
        await gateway.post(TOKEN, b"code=a-code", ("Authorization", "Basic eDp5"))

    assert _head(gateway.upstream.requests[0])["authorization"] == ["Basic eDp5"]


async def test_another_host_name_is_refused() -> None:
    async with running_gateway(ok(b"never")) as gateway:
        got = await gateway.send(request("GET", TOKEN, b"", host="evil.example:9090"))

    assert (got.status, got.json["error"]) == (421, "host-refused")
    assert gateway.upstream.requests == []


async def test_hop_by_hop_headers_are_not_forwarded() -> None:
    answer = ok(b"", "Connection: X-Inner", "X-Inner: 1", "Keep-Alive: timeout=5", "X-Kept: 1")
    async with running_gateway(answer) as gateway:
        got = await gateway.get(
            TOKEN,
            ("Connection", "keep-alive, X-Secret"),
            ("X-Secret", "1"),
            ("TE", "trailers"),
            ("Proxy-Authorization", "Basic eDp5"),
            ("Accept-Language", "de"),
        )

    head = _head(gateway.upstream.requests[0])
    assert head["accept-language"] == ["de"]
    assert not {"connection", "x-secret", "te", "proxy-authorization"} & head.keys()
    assert got.header("x-kept") == "1"
    assert got.header("x-inner") is None
    assert got.header("keep-alive") is None


@pytest.mark.parametrize("method", ["TRACE", "PATCH", "PROPFIND"])
async def test_a_method_that_is_not_allowed_is_refused(method: str) -> None:
    async with running_gateway(ok(b"never")) as gateway:
        got = await gateway.get(TOKEN, method=method)

    assert (got.status, got.json["error"]) == (405, "method-not-forwarded")
    assert "POST" in got.header("allow")
    assert gateway.upstream.requests == []


@proves("S165", "refuses", "ambiguous framing")
@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Content-Length: 5\r\nContent-Length: 6",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding : chunked",
        "Content-Length: +5",
        "X-A: 1\r\n folded\r\nContent-Length: 5",
    ],
)
async def test_a_body_with_ambiguous_framing_is_not_forwarded(framing: str) -> None:
    smuggled = f"POST {TOKEN} HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n0\r\n\r\nGET / "
    async with running_gateway(ok(b"never")) as gateway:
        got = await gateway.send(smuggled.encode())

    assert got.status == 400
    assert gateway.upstream.requests == []


async def test_a_chunked_body_is_forwarded_with_a_content_length() -> None:
    chunked = (
        f"POST {TOKEN} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM[1]}\r\n"
        "Transfer-Encoding: chunked\r\n\r\n3\r\na=1\r\n0\r\n\r\n"
    )
    async with running_gateway(ok(b"fine")) as gateway:
        got = await gateway.send(chunked.encode())

    assert got.body == b"fine"
    head = _head(gateway.upstream.requests[0])
    assert head["content-length"] == ["3"]
    assert "transfer-encoding" not in head


@proves("S165", "refuses", "ambiguous framing")
async def test_a_body_over_the_limit_is_refused_before_it_is_forwarded() -> None:
    async with running_gateway(ok(b"never"), max_body=10) as gateway:
        declared = await gateway.post(TOKEN, b"x" * 11)
        arriving = await gateway.send(
            f"POST {TOKEN} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            "b\r\nxxxxxxxxxxx\r\n0\r\n\r\n".encode()
        )

    assert [one.status for one in (declared, arriving)] == [413, 413]
    assert gateway.upstream.requests == []


async def test_a_declared_length_over_the_limit_is_refused_before_the_body() -> None:
    async with running_gateway(ok(b"never"), max_body=10) as gateway:
        got = await gateway.send(
            f"POST {TOKEN} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n\r\n".encode()
        )

    assert (got.status, got.json["error"]) == (413, "body-too-large")


async def test_a_body_of_exactly_the_limit_is_forwarded() -> None:
    async with running_gateway(ok(b"fine"), max_body=10) as gateway:
        got = await gateway.post(TOKEN, b"x" * 10)

    assert got.body == b"fine"
