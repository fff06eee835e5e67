"""Only the request headers on an allow-list are forwarded."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from doorward.errors import ConfigurationError
from doorward.gateway import Gateway, Route
from doorward.gateway.headers import request_headers, require_forwardable
from tests.gateway.running_gateway import PUBLIC, running_gateway
from tests.gateway.test_forwarding import TOKEN, _head
from tests.ledger import proves
from tests.net.tls_server import ok

TOLD = {
    "host",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "content-length",
}
KNOWN = {
    "Accept": "text/event-stream",
    "Accept-Encoding": "gzip",
    "Accept-Language": "de",
    "Authorization": "Bearer a-token",
    "Cache-Control": "no-cache",
    "Content-Type": "application/json",
    "Cookie": "AUTH_SESSION_ID=1",
    "DPoP": "a.b.c",
    "If-None-Match": '"1"',
    "Last-Event-ID": "7",
    "MCP-Protocol-Version": "2026-07-28",
    "Mcp-Method": "tools/call",
    "Mcp-Name": "add",
    "Mcp-Param-Region": "eu",
    "Mcp-Session-Id": "s1",
    "Origin": "http://localhost:6274",
    "Referer": "http://localhost:6274/",
    "Sec-Fetch-Site": "cross-site",
    "User-Agent": "a-client/1",
    "baggage": "a=1",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "tracestate": "a=1",
}
IDENTITY = [
    "X-MCP-Authorized",
    "X-Authorized",
    "X-User",
    "X-User-Id",
    "X-WEBAUTH-USER",
    "X_WEBAUTH_USER",
    "X-Envoy-External-Address",
    "X-Envoy-Original-Path",
    "X-Forwarded-User",
    "X-Forwarded-Access-Token",
    "X-Auth-Token",
    "X-Token-Claims",
    "X-Goog-IAP-JWT-Assertion",
    "X-Scope-OrgID",
    "X-Roles",
    "X-Tenant",
    "X-Any-Name-That-Somebody-Invents",
    "Proxy",
    "Forwarded",
    "From",
    "Mcp-Session_Id",
    "MCP_SESSION_ID",
    "Authorization-Info",
]


@proves("S191", "accepts", "gateway header allow-list")
async def test_headers_for_mcp_tracing_and_negotiation_are_forwarded_unchanged() -> None:
    async with running_gateway(ok(b"")) as gateway:
        await gateway.get("/mcp", *KNOWN.items())

    head = _head(gateway.upstream.requests[0])
    missing = [name for name, value in KNOWN.items() if value not in head.get(name.lower(), [])]
    assert missing == []


@proves("S149", "refuses", "internal headers are stripped")
@proves("S191", "refuses", "gateway header allow-list")
@pytest.mark.parametrize("path", [TOKEN, "/mcp"])
@pytest.mark.parametrize("name", IDENTITY)
async def test_a_header_that_could_assert_an_identity_is_dropped(name: str, path: str) -> None:
    async with running_gateway(ok(b"")) as gateway:
        await gateway.get(path, (name, "admin-of-everything"))

    (seen,) = gateway.upstream.requests
    assert "admin-of-everything" not in seen
    assert name.lower() not in _head(seen).keys() - TOLD


def test_white_space_around_a_value_is_not_forwarded() -> None:
    sent = request_headers([(b"mcp-method", b"  tools/list\t")], added=[])

    assert sent == [(b"mcp-method", b"tools/list")]


@proves("S191", "refuses", "gateway header allow-list")
async def test_a_known_header_that_connection_names_is_dropped() -> None:
    async with running_gateway(ok(b"")) as gateway:
        nominated = ("Connection", "Mcp-Name , x-forwarded-host,Host")
        await gateway.get("/mcp", nominated, ("Mcp-Name", "add"), ("Mcp-Method", "tools/call"))

    head = _head(gateway.upstream.requests[0])
    assert "mcp-name" not in head
    assert head["mcp-method"] == ["tools/call"]
    # What the gateway says itself is nobody's to take away.
    assert head["x-forwarded-host"] == head["host"] == ["localhost:9090"]


_TOKENS = st.from_regex(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,30}", fullmatch=True)


@proves("S149", "refuses", "internal headers are stripped")
@proves("S191", "refuses", "gateway header allow-list")
@given(names=st.lists(_TOKENS, max_size=20))
@example(names=[name.encode() for name in IDENTITY])
def test_no_unknown_header_is_forwarded(names: list[bytes]) -> None:
    given = [(name, b"claim") for name in names]
    known = {name.lower().encode() for name in KNOWN}

    passed = request_headers(given, added=[(b"host", b"ours")])

    assert passed[-1] == (b"host", b"ours")
    for name, _ in passed[:-1]:
        plain = name.lower()
        assert (
            plain in known
            or plain.startswith((b"mcp-param-", b"sec-fetch-", b"if-"))
            or (
                plain in {b"accept-charset", b"content-encoding", b"content-language", b"pragma"}
                or plain in {b"range", b"upgrade-insecure-requests"}
                or plain.startswith(b"access-control-request-")
            )
        )


@proves("S191", "accepts", "gateway header allow-list")
async def test_the_operator_can_allow_a_header() -> None:
    async with running_gateway(ok(b""), pass_headers=["X-Tenant"]) as gateway:
        await gateway.get("/mcp", ("x-tenant", "acme"), ("X-Tenants", "all"), ("X_Tenant", "all"))

    head = _head(gateway.upstream.requests[0])
    assert head["x-tenant"] == ["acme"]
    assert not {"x-tenants", "x_tenant"} & head.keys()


@proves("S191", "refuses", "gateway header allow-list")
@pytest.mark.parametrize(
    "name",
    [
        "X-User",
        "x_user",
        "Remote-User",
        "X-WebAuth-User",
        "X-MCP-Authorized",
        "X-Authorization",
        "X-Forwarded-For",
        "Forwarded",
        "Proxy",
        "Proxy-Authorization",
        "X-Envoy-Peer-Metadata",
        "X-Auth-Request-Email",
        "X-Client-Cert",
        "X-Real-IP",
        "X-HTTP-Method-Override",
        "X-Original-URL",
        "Transfer-Encoding",
        "Connection",
        "Content-Length",
        "Host",
    ],
)
def test_the_operator_cannot_allow_a_header_that_asserts_an_identity(name: str) -> None:
    routes = (Route(path="/mcp", upstream="http://127.0.0.1:1"),)

    with pytest.raises(ConfigurationError) as refused:
        Gateway(public=PUBLIC, routes=routes, pass_headers=[name])

    assert refused.value.reason == "header-not-passed"
    assert repr(name) in refused.value.problem


@pytest.mark.parametrize("name", ["", "X Tenant", "X-Tenant:", "X-Tenänt", "X-Tenant\r\nHost"])
def test_an_invalid_header_name_is_refused_at_start_up(name: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        require_forwardable(name)

    assert refused.value.reason == "not-a-header"
