"""``doorward demo --resource``: the demo signs people in for a server of the user's own."""

from collections.abc import Callable
from typing import Any

import pytest

from doorward.cli.exit_codes import ExitCode
from doorward.cli.main import run
from doorward.demo.app import Demo, DemoSettings
from doorward.demo.app import run as run_demo
from doorward.demo.own_server import OwnServer
from doorward.demo.users import users_of_own_server
from doorward.errors import ConfigurationError
from tests.demo.sign_in import URL, Blank, claims_of, get_code, http_to, register
from tests.e2e.processes import free_port

OWN = OwnServer(
    resource="http://localhost:8000/mcp",
    scopes=("orders:read", "orders:refund"),
    roles=("manager",),
)
Refused = Callable[..., str]


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Refused:
    """Run the demo with options that it refuses, and return what it says."""
    # Settings of the whole process.
    monkeypatch.setattr("structlog.configure", lambda **_: None)

    def refused(*options: str) -> str:
        status = run(["demo", "--port", "0", *options])
        out, err = capsys.readouterr()
        assert (status, out) == (ExitCode.USAGE, "")
        return err

    return refused


@pytest.mark.parametrize(
    ("username", "scopes", "roles"),
    [
        ("alice", {"orders:read", "orders:refund"}, ["user"]),
        ("bob", {"orders:read"}, ["user"]),
        ("admin", {"orders:read", "orders:refund"}, ["admin", "manager", "user"]),
    ],
)
async def test_a_user_gets_a_token_for_the_own_server_with_its_scopes_and_roles(
    username: str, scopes: set[str], roles: list[str]
) -> None:
    demo = Demo(URL, DemoSettings(own=OWN, sign_in_as=username), Blank())
    await demo.start()
    async with http_to(demo) as http:
        fields = await get_code(http, await register(http), OWN.resource)
        token: Any = (await http.post("/token", data=fields)).json()
        metadata = (await http.get("/.well-known/oauth-authorization-server")).json()
        elsewhere = await http.post("/mcp", json={})
    await demo.aclose()

    claims = claims_of(token["access_token"])
    assert (claims["iss"], claims["aud"]) == (URL, OWN.resource)
    assert set(claims["scope"].split()) == scopes
    assert sorted(claims["roles"]) == roles
    assert set(metadata["scopes_supported"]) >= set(OWN.scopes)
    # The demo has no server of its own then, whose tokens would be for somebody else.
    assert elsewhere.status_code == 404


async def test_no_token_is_issued_for_the_demos_server_beside_the_own_one() -> None:
    demo = Demo(URL, DemoSettings(own=OWN, sign_in_as="alice"), Blank())
    await demo.start()
    async with http_to(demo) as http:
        with pytest.raises(KeyError):
            await get_code(http, await register(http), f"{URL}/mcp")
    await demo.aclose()


def test_the_guest_of_an_own_server_has_no_scope() -> None:
    may = {user.username: user.scopes for user in users_of_own_server(("a", "b"), ())}

    assert may == {
        "alice": frozenset({"a", "b"}),
        "bob": frozenset({"a"}),
        "admin": frozenset({"a", "b"}),
        "guest": frozenset(),
    }


@pytest.mark.parametrize(
    "resource",
    [
        pytest.param("orders", id="no-url"),
        pytest.param("localhost:8000/mcp", id="no-scheme"),
        pytest.param("http://localhost:8000/mcp#tools", id="fragment"),
        pytest.param("http://localhost:8000/mcp?a=b", id="query"),
        pytest.param("http://user@localhost:8000/mcp", id="credentials"),
        pytest.param("http://localhost:99999/mcp", id="no-port"),
        pytest.param("https://mcp.example.com/mcp", id="another-machine"),
        pytest.param("http://127.0.0.1.example.com/mcp", id="looks-local"),
        pytest.param("", id="empty"),
    ],
)
def test_what_is_not_a_server_on_this_machine_is_refused(refused: Refused, resource: str) -> None:
    said = refused("--resource", resource, "--scopes", "orders:read")

    assert "not-a-local-server" in said
    assert "http://localhost:8000/mcp" in said


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_a_server_on_this_machine_is_taken_by_any_of_its_names(host: str) -> None:
    assert OwnServer(resource=f"http://{host}:8000/mcp", scopes=("a",)).scopes == ("a",)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--resource", OWN.resource), "no-scopes"),
        (("--resource", OWN.resource, "--scopes", " , "), "no-scopes"),
        (("--resource", OWN.resource, "--scopes", 'a"b'), "malformed-scope"),
        (("--scopes", "orders:read"), "no-resource-for-scopes"),
        (("--roles", "manager"), "no-resource-for-scopes"),
    ],
)
def test_an_incomplete_own_server_is_refused_with_what_to_add(
    refused: Refused, options: tuple[str, ...], reason: str
) -> None:
    said = refused(*options)

    assert reason in said
    assert "hint:" in said


async def test_an_own_server_on_the_demos_port_is_refused() -> None:
    port = free_port()
    own = OwnServer(resource=f"http://127.0.0.1:{port}/mcp", scopes=("a",))

    with pytest.raises(ConfigurationError) as refusal:
        await run_demo(DemoSettings(port=port, own=own), Blank())

    assert refusal.value.reason == "resource-on-the-demos-port"


def test_an_own_server_on_the_schemes_port_is_on_another_one_than_the_demo() -> None:
    OwnServer(resource="http://localhost/mcp", scopes=("a",)).require_other_port(9000)
    with pytest.raises(ConfigurationError):
        OwnServer(resource="http://localhost/mcp", scopes=("a",)).require_other_port(80)
