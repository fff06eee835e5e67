"""``/register``: what a stranger may say, what is kept of it, and how much of it."""

import asyncio
import json
from typing import Any

import pytest

from doorward.authserver.settings import ConfiguredClient, Lifetimes, Limits
from tests.authserver.browser import answer_in
from tests.authserver.conftest import Opening, StoppedClock
from tests.authserver.world import CALLBACK, PASSWORD, World
from tests.ledger import proves


async def refused(world: World, **metadata: Any) -> dict[str, Any]:
    response = await world.http.post("/register", json={"redirect_uris": [CALLBACK], **metadata})
    assert response.status_code == 400, response.text
    assert response.headers["cache-control"] == "no-store"
    body: dict[str, Any] = response.json()
    return body


@proves("S61", "accepts")
async def test_the_answer_repeats_everything_that_was_kept(world: World) -> None:
    said = {
        "client_name": "An app",
        "redirect_uris": [CALLBACK, "https://app.example/cb"],
        "token_endpoint_auth_method": "client_secret_post",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "application_type": "native",
        "client_uri": "https://app.example/",
        "logo_uri": "https://app.example/logo.png",
        "tos_uri": "https://app.example/tos",
        "policy_uri": "https://app.example/policy",
        "software_id": "app",
        "software_version": "1.2",
        "scope": "mcp:read mcp:tools",
    }

    response = await world.http.post("/register", json=said)

    assert response.status_code == 201
    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    assert {name: body[name] for name in said} == said
    assert body["client_secret_expires_at"] == 0
    assert body["client_id_issued_at"] == 1_800_000_000


@proves("S61", "refuses")
async def test_a_secret_is_shown_once_and_kept_as_a_hash(world: World) -> None:
    client = await world.register(token_endpoint_auth_method="client_secret_basic")

    found = await world.server.parts.clients.find(client["client_id"])

    assert found.secret_hash is not None
    assert client["client_secret"].encode() not in found.secret_hash
    assert client["client_secret"] not in repr(found)
    assert found.has_secret(client["client_secret"])


@proves("S50", "refuses")
@pytest.mark.parametrize(
    "uris",
    [
        ["javascript:alert(1)"],
        ["data:text/html,x"],
        ["file:///etc/passwd"],
        ["https://app.example/cb#x"],
        ["https://u@app.example/cb"],
        ["https://*.app.example/cb"],
        ["http://app.example/cb"],
        ["https:///cb"],
        ["https://app.example/cb", "vbscript:x"],
        [f"https://app.example/{n}" for n in range(21)],
        [],
        None,
        "https://app.example/cb",
    ],
)
async def test_an_address_that_must_never_receive_a_code_is_not_registered(
    world: World, uris: Any
) -> None:
    assert (await refused(world, redirect_uris=uris))["error"] == "invalid_redirect_uri"


@proves("S50", "accepts")
async def test_the_three_addresses_of_cursor_are_registered_together(world: World) -> None:
    uris = [
        "cursor://anysphere.cursor-mcp/oauth/callback",
        "https://www.cursor.com/agents/mcp/oauth/callback",
        "http://localhost:8787/callback",
    ]

    assert (await world.register(redirect_uris=uris))["redirect_uris"] == uris


@proves("S51", "refuses")
async def test_a_web_client_cannot_register_an_address_on_this_computer(world: World) -> None:
    assert (await refused(world, application_type="web"))["error"] == "invalid_redirect_uri"


@proves("S51", "accepts")
@pytest.mark.parametrize("kind", ["native", None])
async def test_a_native_client_may_say_so_or_not(world: World, kind: str | None) -> None:
    client = await world.register(**({"application_type": kind} if kind else {}))

    assert client.get("application_type") == kind


@proves("S52", "refuses")
async def test_scopes_outside_the_catalogue_are_not_stored(world: World) -> None:
    client = await world.register(scope="mcp:read openid superuser")

    assert client["scope"] == "mcp:read"
    kept = await world.server.parts.clients.find(client["client_id"])
    assert kept.metadata.scope == frozenset({"mcp:read"})


@proves("S52", "accepts")
async def test_a_registered_scope_is_what_a_request_without_scope_means(world: World) -> None:
    client = await world.register(scope="mcp:tools")

    tokens = await world.tokens(client["client_id"], without="scope")

    assert tokens.body["scope"] == "mcp:tools"


@proves("S53", "refuses")
async def test_a_grant_without_a_user_is_neither_registered_nor_served(world: World) -> None:
    client = await world.register(
        grant_types=["authorization_code", "client_credentials"],
        token_endpoint_auth_method="client_secret_post",
    )

    assert client["grant_types"] == ["authorization_code"]
    tokens = await world.token(
        {
            "grant_type": "client_credentials",
            "client_id": client["client_id"],
            "client_secret": client["client_secret"],
        }
    )
    assert tokens.body["error"] == "unsupported_grant_type"


@proves("S53", "accepts")
async def test_a_client_that_did_not_ask_for_refresh_tokens_gets_none(world: World) -> None:
    client = await world.register(grant_types=["authorization_code"])

    tokens = await world.tokens(client["client_id"])

    assert "refresh_token" not in tokens.body


@proves("S54", "accepts")
async def test_a_public_client_gets_no_secret(world: World) -> None:
    assert "client_secret" not in await world.register()


@proves("S54", "refuses")
@pytest.mark.parametrize("secret", [None, "", "wrong", "None", "null"])
async def test_a_confidential_client_without_its_secret_never_gets_in(
    world: World, secret: str | None
) -> None:
    client = await world.register(token_endpoint_auth_method="client_secret_post")
    code = await world.code(client["client_id"])

    fields = world.code_fields(client["client_id"], code, client_secret=secret)

    assert (await world.token(fields)).response.status_code == 401


@proves("S55", "refuses")
@pytest.mark.parametrize("link", ["http://app.example/", "javascript:alert(1)"])
@pytest.mark.parametrize("name", ["client_uri", "logo_uri", "tos_uri", "policy_uri", "jwks_uri"])
async def test_a_link_that_is_not_https_is_refused(world: World, name: str, link: str) -> None:
    body = await refused(world, **{name: link})

    assert body["error"] == "invalid_client_metadata"
    assert name in body["error_description"]


@proves("S56", "refuses")
async def test_a_client_cannot_choose_its_id(world: World) -> None:
    wanted = "https://claude.ai/oauth/claude-code-client-metadata"

    client = await world.register(client_id=wanted, client_secret="mine")

    assert client["client_id"] != wanted
    assert "://" not in client["client_id"]
    assert "client_secret" not in client


@proves("S56", "accepts")
async def test_two_registrations_are_two_clients(world: World) -> None:
    first, second = await world.register(), await world.register()

    assert first["client_id"] != second["client_id"]


@proves("S57", "refuses")
async def test_one_address_cannot_register_without_end(
    open_world: Opening, clock: StoppedClock
) -> None:
    world = await open_world(limits=Limits(registrations_per_address="3/hour"))
    document = {"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"}

    async def register(peer: str) -> int:
        answer = await world.browser(peer).http.post("/register", json=document)
        return int(answer.status_code)

    # One /64 is one customer; what an address writes into a header is not its address.
    answers = [await register(f"2001:db8::{n}") for n in range(4)]
    assert answers == [201, 201, 201, 429]
    assert await register("2001:db8:0:1::1") == 201
    clock.advance(3601)
    assert await register("2001:db8::9") == 201


@proves("S57", "refuses")
async def test_all_addresses_together_cannot_register_without_end(open_world: Opening) -> None:
    world = await open_world(limits=Limits(registrations="2/hour"))
    document = {"redirect_uris": [CALLBACK]}

    answers = [
        await world.browser(f"192.0.2.{n}").http.post("/register", json=document)
        for n in range(1, 4)
    ]

    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert int(answers[2].headers["retry-after"]) > 0


@proves("S57", "refuses")
async def test_there_is_an_end_to_how_many_clients_are_kept(open_world: Opening) -> None:
    world = await open_world(limits=Limits(clients=2))
    await world.register()
    await world.register()

    response = await world.http.post("/register", json={"redirect_uris": [CALLBACK]})

    assert response.status_code == 429


@proves("S57", "accepts")
async def test_a_client_that_is_used_is_kept_and_one_that_is_not_is_forgotten(
    open_world: Opening, clock: StoppedClock
) -> None:
    world = await open_world(limits=Limits(clients=2), lifetimes=Lifetimes(unused_client=3600))
    used, unused = await world.register(), await world.register()
    await world.tokens(used["client_id"])
    clock.advance(3600)
    # Over from this second on, cleared away or not.
    over = await world.http.get(world.authorize_url(unused["client_id"]))
    assert over.status_code == 400

    await world.register()

    shown = await world.http.get(world.authorize_url(used["client_id"]))
    assert shown.status_code == 200
    gone = await world.http.get(world.authorize_url(unused["client_id"]))
    assert gone.status_code == 400
    assert "connect again" in gone.text


@proves("S58", "refuses")
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{" + b" " * 20_000 + b"}", 413),
        (json.dumps({"client_name": "x" * 1_000_000}).encode(), 413),
        (b'{"redirect_uris":["https://a.example/"],"redirect_uris":["https://b.example/"]}', 400),
        (b"[" * 5000 + b"]" * 5000, 400),
        (b'{"redirect_uris":["https://a.example/"],"x":' + b"[" * 20 + b"]" * 20 + b"}", 400),
        (b'"text"', 400),
        (b"null", 400),
        (b"", 400),
        (b"{", 400),
        ("{}".encode("utf-16"), 400),
        (b'{"client_name":"\\ud800","redirect_uris":["https://a.example/"]}', 400),
        (b'{"redirect_uris":["https://a.example/"],"n":NaN}', 400),
    ],
)
async def test_a_body_that_is_too_long_or_can_be_read_in_two_ways_is_refused(
    world: World, body: bytes, status: int
) -> None:
    response = await world.http.post(
        "/register", content=body, headers={"Content-Type": "application/json"}
    )

    assert response.status_code == status
    assert response.json()["error"] in ("invalid_request", "invalid_client_metadata")


@proves("S58", "refuses")
async def test_a_body_without_a_declared_length_is_cut_off_as_well(world: World) -> None:
    async def endless() -> Any:
        for _ in range(100):
            yield b" " * 1024

    response = await world.http.post(
        "/register", content=endless(), headers={"Content-Type": "application/json"}
    )

    assert response.status_code == 413


@proves("S58", "accepts")
async def test_members_nobody_knows_are_ignored(world: World) -> None:
    client = await world.register(**{"client_name#ja": "x", "contacts": ["a@b"], "x": {"y": [1]}})

    assert "x" not in client


async def test_another_content_type_is_refused(world: World) -> None:
    response = await world.http.post(
        "/register", content=b"{}", headers={"Content-Type": "text/plain"}
    )

    assert response.status_code == 400


@proves("S62", "accepts")
async def test_an_unknown_client_is_told_so_at_both_endpoints(world: World) -> None:
    at_authorize = await world.http.get(world.authorize_url("dw-unknown"))
    at_token = await world.token(world.code_fields("dw-unknown", "x"))

    assert at_authorize.status_code == 400
    assert at_token.response.status_code == 401
    assert at_token.body["error"] == "invalid_client"


@proves("S62", "refuses")
async def test_a_client_is_not_called_unknown_while_the_store_is_down(world: World) -> None:
    client = await world.register()
    async with world.broken_store():
        at_authorize = await world.http.get(world.authorize_url(client["client_id"]))
        at_token = await world.token(world.code_fields(client["client_id"], "x"))
        at_register = await world.http.post("/register", json={"redirect_uris": [CALLBACK]})

    assert at_authorize.status_code == 503
    assert "location" not in at_authorize.headers
    assert at_token.response.status_code == 503
    assert at_token.body["error"] == "temporarily_unavailable"
    assert at_register.status_code == 503
    # And when it is back, so is the client.
    assert (await world.http.get(world.authorize_url(client["client_id"]))).status_code == 200


@proves("S62", "accepts")
async def test_the_same_registration_at_the_same_time_gives_two_clients(world: World) -> None:
    clients = await asyncio.gather(*(world.register() for _ in range(8)))

    assert len({client["client_id"] for client in clients}) == 8


async def test_a_removed_client_loses_its_consents(world: World) -> None:
    client = await world.register()
    await world.tokens(client["client_id"])

    await world.server.parts.clients.remove(client["client_id"])

    assert (await world.http.get(world.authorize_url(client["client_id"]))).status_code == 400


async def test_a_configured_client_needs_no_registration(open_world: Opening) -> None:
    world = await open_world(
        clients=(ConfiguredClient(client_id="desk", redirect_uris=(CALLBACK,), name="Desk"),),
        registration="closed",
    )

    response = await world.browser().go_through(world.authorize_url("desk"), "alice", PASSWORD)

    assert "code" in answer_in(response.headers["location"])
