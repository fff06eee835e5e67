"""CORS: pages of allowed origins may use the endpoint, and no others."""

import pytest

from tests.guard.bench import Bench, bearer, error, message, modern, routing, token
from tests.ledger import proves

OWN = "https://mcp.example"
LISTED = "https://app.example"
LOCAL = "http://localhost:9000/mcp"


def preflight(origin: str, names: str = "authorization,content-type") -> dict[str, str]:
    """Return what a browser asks before it sends a token."""
    return {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": names,
    }


@proves("S162", "accepts", "foreign origins on local ports")
@pytest.mark.parametrize("origin", [OWN, LISTED])
async def test_a_cors_preflight_from_an_allowed_origin_is_answered_without_a_token(
    origin: str,
) -> None:
    bench = Bench(allowed_origins=[LISTED])

    answer = await bench.ask(
        "OPTIONS",
        headers=preflight(origin, "authorization, mcp-protocol-version, mcp-param-region, x-evil"),
    )

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == origin
    allowed = answer.headers["access-control-allow-headers"].split(", ")
    assert allowed == ["authorization", "mcp-protocol-version", "mcp-param-region"]
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in answer.headers
    assert bench.seen == []


@proves("S162", "refuses", "foreign origins on local ports")
@pytest.mark.parametrize(
    "origin",
    [
        pytest.param("https://evil.example", id="another-site"),
        pytest.param("null", id="null"),
        pytest.param("https://mcp.example.evil.example", id="ours-as-a-prefix"),
        pytest.param("http://mcp.example", id="ours-without-tls"),
        pytest.param("https://mcp.example:444", id="ours-on-another-port"),
        pytest.param("https://mcp.example/", id="ours-with-a-slash"),
        pytest.param("http://localhost:3000", id="this-machine"),
        pytest.param("", id="empty"),
    ],
)
async def test_a_foreign_origin_is_refused_in_preflights_and_requests(origin: str) -> None:
    bench = Bench(allowed_origins=[LISTED])
    good = token("mcp:read", "mcp:tools")

    asked = await bench.ask("OPTIONS", headers=preflight(origin))
    sent = await bench.call(token=good, origin=origin)

    for answer in (asked, sent):
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
        assert error(answer)["data"]["reason"] == "origin-refused"
        assert "allowed_origins" in error(answer)["message"]
    assert bench.seen == []


async def test_two_origin_headers_are_refused() -> None:
    bench = Bench()
    headers = [("origin", OWN), ("origin", OWN), *bearer(token("mcp:read")).items()]

    assert (await bench.ask(json=message("ping"), headers=headers)).status_code == 403


async def test_cors_headers_are_on_responses_of_every_status() -> None:
    bench = Bench()
    page = {"origin": OWN}
    read = {**page, **bearer(token("mcp:read"))}
    json_type = {"content-type": "application/json"}

    for status, answer in {
        200: await bench.ask(json=message("ping"), headers=read),
        400: await bench.ask(content=b"{", headers={**read, **json_type}),
        401: await bench.call(origin=OWN),
        403: await bench.call(token=token("mcp:read"), origin=OWN),
        404: await bench.ask(json=modern("no/such"), headers={**read, **routing("no/such")}),
        413: await bench.ask(content=b"x" * 5_000_000, headers={**read, **json_type}),
        415: await bench.ask(content=b"{}", headers=read),
    }.items():
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == OWN
        readable = answer.headers["access-control-expose-headers"].lower().split(", ")
        assert {"www-authenticate", "mcp-session-id", "x-correlation-id"} <= set(readable)


async def test_the_guard_replaces_the_cors_headers_of_the_application() -> None:
    bench = Bench()
    bench.headers = [
        (b"Access-Control-Allow-Origin", b"*"),
        (b"access-control-allow-credentials", b"true"),
    ]

    answer = await bench.call(token=token("mcp:read", "mcp:tools"), origin=OWN)

    assert answer.headers.get_list("access-control-allow-origin") == [OWN]
    assert "access-control-allow-credentials" not in answer.headers


async def test_options_without_an_origin_lists_the_allowed_methods() -> None:
    answer = await Bench().ask("OPTIONS")

    assert answer.status_code == 204
    assert answer.headers["allow"] == "POST, GET, HEAD, DELETE, OPTIONS"


@proves("S162", "accepts", "foreign origins on local ports")
@pytest.mark.parametrize(
    "origin", ["http://localhost:6274", "http://127.0.0.1:3000", "http://[::1]"]
)
async def test_on_loopback_preflights_from_loopback_origins_are_answered(origin: str) -> None:
    bench = Bench(resource=LOCAL)

    answer = await bench.ask("OPTIONS", headers=preflight(origin))

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == origin


@proves("S162", "refuses", "foreign origins on local ports")
@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost.evil.example",
        "https://evil.example",
        "http://127.0.0.1.evil.example",
        "null",
        "http://localhost/",
        "http://localhost?x",
    ],
)
async def test_on_loopback_foreign_origins_are_refused(origin: str) -> None:
    bench = Bench(resource=LOCAL)

    assert (await bench.ask("OPTIONS", headers=preflight(origin))).status_code == 403


@proves("S162", "accepts", "foreign origins on local ports")
@pytest.mark.parametrize(
    ("resource", "host"),
    [
        ("https://mcp.example/mcp", "mcp.example"),
        ("https://mcp.example/mcp", "MCP.example"),
        ("https://mcp.example/mcp", "mcp.example:443"),
        ("https://mcp.example:8443/mcp", "mcp.example:8443"),
        ("https://mcp.example/mcp", "mcp.internal:8000"),
        (LOCAL, "localhost:9000"),
        (LOCAL, "127.0.0.1:9000"),
        (LOCAL, "[::1]:9000"),
        (LOCAL, "localhost:8080"),
    ],
)
async def test_the_host_of_the_resource_and_configured_hosts_are_accepted(
    resource: str, host: str
) -> None:
    bench = Bench(resource=resource, allowed_hosts=["mcp.internal:8000"])

    assert (await bench.call(host=host)).status_code == 401


@proves("S152", "refuses", "path and host tricks")
@proves("S162", "refuses", "foreign origins on local ports")
@pytest.mark.parametrize(
    "host",
    [
        pytest.param("evil.example", id="another-host"),
        pytest.param("mcp.example.evil.example", id="ours-as-a-prefix"),
        pytest.param("mcp.example.", id="trailing-dot"),
        pytest.param("mcp.example:8080", id="another-port"),
        pytest.param("mcp.example/?x=", id="a-path-in-it"),
        pytest.param("a/?x=", id="a-query-in-it"),
        pytest.param("mcp.example@evil.example", id="credentials-in-it"),
        pytest.param("localhost", id="this-machine"),
        pytest.param("10.0.0.7:8000", id="an-address"),
        pytest.param("", id="empty"),
    ],
)
async def test_an_unknown_host_is_refused_with_the_name_of_the_setting(host: str) -> None:
    bench = Bench()

    answer = await bench.call(token=token("mcp:read", "mcp:tools"), host=host)

    assert answer.status_code == 421
    assert error(answer)["data"]["reason"] == "host-refused"
    assert "allowed_hosts" in error(answer)["message"]
    assert bench.seen == []


@proves("S4", "refuses", "Host cannot move the path")
@proves("S162", "refuses", "foreign origins on local ports")
@pytest.mark.parametrize(
    "host",
    [
        "localhost/",
        "localhost/?x=",
        "localhost?x",
        "localhost#x",
        "x@localhost",
        "localhost.",
        "127.1",
    ],
)
async def test_on_loopback_a_host_that_is_not_exactly_a_loopback_name_is_refused(host: str) -> None:
    bench = Bench(resource=LOCAL)

    assert (await bench.call(host=host)).status_code == 421


async def test_an_open_path_is_served_under_any_host_name() -> None:
    bench = Bench(open_paths=["/health"])

    answer = await bench.ask("GET", "/health", headers={"host": "10.0.0.7:8000"})

    assert answer.status_code == 200
    assert bench.seen[0]["path"] == "/health"
