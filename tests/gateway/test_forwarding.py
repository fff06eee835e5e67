"""What goes through, what stops at the gateway, and what the server behind gets to see."""

import pytest

from tests.e2e.raw_http import request
from tests.gateway.stand import FORM, standing
from tests.ledger import proves
from tests.net.tls_server import ok

TOKEN = "/realms/mcp-realm/protocol/openid-connect/token"


def _head(seen: str) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for line in seen.strip().split("\r\n")[1:]:
        name, _, value = line.partition(": ")
        headers.setdefault(name.lower(), []).append(value)
    return headers


async def test_a_request_and_its_answer_go_through_unharmed() -> None:
    answer = ok(
        b"hello", "Content-Type: text/plain", "Set-Cookie: a=1", "Set-Cookie: b=2", "Date: x"
    )
    async with standing(answer) as stand:
        got = await stand.post(f"{TOKEN}?x=1&y=%20", b"grant_type=password")

    assert (got.status, got.body) == (200, b"hello")
    assert [value for name, value in got.headers if name == "set-cookie"] == ["a=1", "b=2"]
    assert got.header("content-type") == "text/plain"
    # The server that the gateway runs in writes the date itself.
    assert got.header("date") is None
    (seen,) = stand.behind.requests
    assert seen.startswith(f"POST {TOKEN}?x=1&y=%20 HTTP/1.1\r\n")
    assert _head(seen)["content-length"] == ["19"]
    (told,) = stand.told
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
async def test_a_path_that_is_on_no_line_is_refused_and_reaches_nobody(path: str) -> None:
    async with standing(ok(b"never")) as stand:
        got = await stand.get(path)

    assert (got.status, got.json["error"]) == (404, "not-forwarded")
    assert stand.behind.requests == []


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
async def test_a_path_that_two_readers_read_differently_is_refused(path: str) -> None:
    async with standing(ok(b"never")) as stand:
        got = await stand.get(path)

    assert (got.status, got.json["error"]) == (400, "ambiguous-path")
    assert stand.behind.requests == []


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
async def test_what_a_caller_claims_in_a_proxys_name_is_left_out(claim: str) -> None:
    async with standing(ok(b"")) as stand:
        name, _, value = claim.partition(": ")
        await stand.get(TOKEN, (name, value))

    (seen,) = stand.behind.requests
    assert "evil" not in seen
    assert "203.0.113.9" not in seen
    assert "/admin/" not in seen


@proves("S149", "accepts", "internal headers are stripped")
async def test_the_server_behind_is_told_the_public_name_whatever_the_caller_wrote() -> None:
    async with standing(ok(b"")) as stand:
        await stand.send(request("GET", TOKEN, b"", host="127.0.0.1:1"))

    head = _head(stand.behind.requests[0])
    assert head["host"] == ["localhost:9090"]
    assert head["x-forwarded-host"] == ["localhost:9090"]
    assert head["x-forwarded-proto"] == ["http"]
    assert head["x-forwarded-port"] == ["9090"]
    assert head["x-forwarded-for"] == ["127.0.0.1"]


@proves("S158", "refuses", "no credentials to other origins")
async def test_a_redirect_is_the_callers_to_follow_and_nothing_is_sent_on() -> None:
    async with standing(ok(b"never")) as other:
        away = f"http://127.0.0.1:{other.behind.port}/elsewhere"
        moved = f"HTTP/1.1 307 Moved\r\nLocation: {away}\r\nContent-Length: 0\r\n\r\n"
        async with standing(moved.encode()) as stand:
            got = await stand.post(TOKEN, b"code=a-code", ("Authorization", "Basic eDp5"))

    assert (got.status, got.header("location")) == (307, away)
    assert len(stand.behind.requests) == 1
    assert other.behind.requests == []


@proves("S158", "accepts", "no credentials to other origins")
async def test_credentials_reach_the_one_server_that_the_path_leads_to() -> None:
    async with standing(ok(b"{}")) as stand:
        await stand.post(TOKEN, b"code=a-code", ("Authorization", "Basic eDp5"))

    assert _head(stand.behind.requests[0])["authorization"] == ["Basic eDp5"]


async def test_a_host_name_that_is_not_this_machines_is_refused() -> None:
    async with standing(ok(b"never")) as stand:
        got = await stand.send(request("GET", TOKEN, b"", host="evil.example:9090"))

    assert (got.status, got.json["error"]) == (421, "host-refused")
    assert stand.behind.requests == []


async def test_headers_of_one_connection_end_with_it() -> None:
    answer = ok(b"", "Connection: X-Inner", "X-Inner: 1", "Keep-Alive: timeout=5", "X-Kept: 1")
    async with standing(answer) as stand:
        got = await stand.get(
            TOKEN,
            ("Connection", "keep-alive, X-Secret"),
            ("X-Secret", "1"),
            ("TE", "trailers"),
            ("Proxy-Authorization", "Basic eDp5"),
            ("Accept-Language", "de"),
        )

    head = _head(stand.behind.requests[0])
    assert head["accept-language"] == ["de"]
    assert not {"connection", "x-secret", "te", "proxy-authorization"} & head.keys()
    assert got.header("x-kept") == "1"
    assert got.header("x-inner") is None
    assert got.header("keep-alive") is None


@pytest.mark.parametrize("method", ["TRACE", "PATCH", "PROPFIND"])
async def test_a_method_that_is_on_no_list_is_refused(method: str) -> None:
    async with standing(ok(b"never")) as stand:
        got = await stand.get(TOKEN, method=method)

    assert (got.status, got.json["error"]) == (405, "method-not-forwarded")
    assert "POST" in got.header("allow")
    assert stand.behind.requests == []


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
async def test_a_body_that_ends_in_two_places_reaches_nobody(framing: str) -> None:
    smuggled = f"POST {TOKEN} HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n0\r\n\r\nGET / "
    async with standing(ok(b"never")) as stand:
        got = await stand.send(smuggled.encode())

    assert got.status == 400
    assert stand.behind.requests == []


async def test_a_chunked_body_arrives_behind_with_a_length() -> None:
    chunked = (
        f"POST {TOKEN} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM[1]}\r\n"
        "Transfer-Encoding: chunked\r\n\r\n3\r\na=1\r\n0\r\n\r\n"
    )
    async with standing(ok(b"fine")) as stand:
        got = await stand.send(chunked.encode())

    assert got.body == b"fine"
    head = _head(stand.behind.requests[0])
    assert head["content-length"] == ["3"]
    assert "transfer-encoding" not in head


@proves("S165", "refuses", "ambiguous framing")
async def test_a_body_over_the_limit_is_refused_before_anybody_is_asked() -> None:
    async with standing(ok(b"never"), max_body=10) as stand:
        declared = await stand.post(TOKEN, b"x" * 11)
        arriving = await stand.send(
            f"POST {TOKEN} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            "b\r\nxxxxxxxxxxx\r\n0\r\n\r\n".encode()
        )

    assert [one.status for one in (declared, arriving)] == [413, 413]
    assert stand.behind.requests == []


async def test_a_body_that_is_announced_too_long_is_not_waited_for() -> None:
    async with standing(ok(b"never"), max_body=10) as stand:
        got = await stand.send(
            f"POST {TOKEN} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n\r\n".encode()
        )

    assert (got.status, got.json["error"]) == (413, "body-too-large")


async def test_a_body_of_just_the_limit_goes_through() -> None:
    async with standing(ok(b"fine"), max_body=10) as stand:
        got = await stand.post(TOKEN, b"x" * 10)

    assert got.body == b"fine"
