"""The authorization server accepts requests only for its own host names."""

from typing import Any

import httpx2
import pytest

from doorward.errors import ConfigurationError
from tests.authserver.browser import answer_in
from tests.authserver.conftest import StartAuthServer
from tests.authserver.harness import PASSWORD, AuthServerHarness
from tests.ledger import proves

REBOUND = "rebound.evil.example:9000"
PATHS = [
    ("GET", "/.well-known/oauth-authorization-server"),
    ("GET", "/.well-known/openid-configuration"),
    ("GET", "/jwks.json"),
    ("GET", "/authorize"),
    ("GET", "/consent"),
    ("POST", "/sign-in"),
    ("POST", "/sign-out"),
    ("POST", "/switch-account"),
    ("POST", "/consent"),
    ("POST", "/register"),
    ("POST", "/token"),
    ("POST", "/revoke"),
    ("POST", "/introspect"),
    ("OPTIONS", "/token"),
    ("DELETE", "/token"),
    ("GET", "/nothing-here"),
]


def is_misdirected(response: httpx2.Response) -> bool:
    """Say whether the answer is the one for a foreign host, readable by no other origin."""
    readable = "access-control-allow-origin" in response.headers
    return (
        response.status_code == 421 and not readable and "allowed_hosts" in response.text
    ) and "set-cookie" not in response.headers


async def sent(harness: AuthServerHarness, hosts: list[bytes], path: bytes = b"/jwks.json") -> int:
    """Send a request with these Host headers, which an HTTP client would not, and return a status."""
    scope: dict[str, Any] = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path.decode(),
        "raw_path": path,
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", host) for host in hosts],
        "client": ("127.0.0.1", 40000),
        "server": ("127.0.0.1", 9000),
    }
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        statuses.extend([message["status"]] if "status" in message else [])

    await harness.app(scope, receive, send)
    (status,) = statuses
    return status


@proves("S190", "accepts", "own Host only")
@pytest.mark.parametrize(
    "host",
    [
        "localhost:9000",
        "LOCALHOST:9000",
        "127.0.0.1:9000",
        "[::1]:9000",
        "localhost",
        "localhost:1",
    ],
)
async def test_on_loopback_every_name_of_this_machine_is_its_own(
    harness: AuthServerHarness, host: str
) -> None:
    assert (await harness.http.get("/jwks.json", headers={"Host": host})).status_code == 200


@proves("S190", "accepts", "own Host only")
@pytest.mark.parametrize(
    "host", ["auth.example", "AUTH.example", "auth.example:443", "internal:8080", "10.0.0.7:8080"]
)
async def test_behind_a_proxy_the_listed_hosts_are_its_own(
    start_authserver: StartAuthServer, host: str
) -> None:
    harness = await start_authserver(
        issuer="https://auth.example", allowed_hosts=("internal:8080", "10.0.0.7:8080")
    )

    response = await harness.http.get("/jwks.json", headers={"Host": host})

    assert response.status_code == 200


@proves("S190", "refuses", "own Host only")
@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_under_a_foreign_host_there_is_nothing_on_any_path(
    harness: AuthServerHarness, method: str, path: str
) -> None:
    response = await harness.http.request(method, path, headers={"Host": REBOUND})

    assert is_misdirected(response)


@proves("S190", "refuses", "own Host only")
@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "127.0.0.1:9000",
        "auth.example:8443",
        "auth.example.evil.example",
        "evil.example",
        "auth.example/",
        "auth.example?x",
        "auth.example@evil.example",
        "",
    ],
)
async def test_a_public_server_answers_to_no_other_name_or_port(
    start_authserver: StartAuthServer, host: str
) -> None:
    harness = await start_authserver(issuer="https://auth.example")

    assert is_misdirected(await harness.http.get("/jwks.json", headers={"Host": host}))


@proves("S190", "refuses", "own Host only")
@pytest.mark.parametrize(
    "hosts",
    [[], [b"localhost:9000", b"localhost:9000"], [b"localhost:9000", REBOUND.encode()]],
    ids=["none", "twice", "two"],
)
async def test_a_request_names_its_host_once(
    harness: AuthServerHarness, hosts: list[bytes]
) -> None:
    assert await sent(harness, hosts) == 421
    assert await sent(harness, [b"localhost:9000"]) == 200


@proves("S190", "accepts", "own Host only")
@proves("S190", "refuses", "own Host only")
async def test_nobody_is_signed_in_by_itself_under_a_foreign_host(
    start_authserver: StartAuthServer,
) -> None:
    harness = await start_authserver(sign_in_as="alice")
    client = await harness.register()
    url = harness.authorize_url(client["client_id"])

    # What a page sees that has given its own name this machine's address: no person is asked.
    rebound = await harness.http.get(url, headers={"Host": REBOUND})
    own = await harness.http.get(url)

    assert is_misdirected(rebound)
    assert "location" not in rebound.headers
    assert "code" in answer_in(own.headers["location"])


@proves("S190", "refuses", "own Host only")
async def test_a_person_is_told_on_a_page(harness: AuthServerHarness) -> None:
    response = await harness.http.get(
        "/authorize", headers={"Host": REBOUND, "Accept": "text/html,application/xhtml+xml"}
    )

    assert response.status_code == 421
    assert response.headers["content-type"].startswith("text/html")
    assert "host-refused" in response.text
    assert REBOUND not in response.text


@proves("S190", "refuses", "own Host only")
@pytest.mark.parametrize("host", ["https://auth.example", "auth.example/x", "", "a b"])
async def test_what_is_no_host_cannot_be_listed(
    start_authserver: StartAuthServer, host: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        await start_authserver(allowed_hosts=(host,))

    assert refusal.value.reason == "not-a-host"


@proves("S190", "accepts", "own Host only")
async def test_signing_in_works_under_the_own_host(harness: AuthServerHarness) -> None:
    client = await harness.register()

    url = harness.authorize_url(client["client_id"])
    response = await harness.browser().go_through(url, "alice", PASSWORD)

    assert "code" in answer_in(response.headers["location"])
