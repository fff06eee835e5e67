"""``/register``: what a stranger may say, what is kept of it, and how much of it."""

from typing import Any

import pytest

from doorward.authserver.settings import ConfiguredClient
from tests.authserver.browser import answer_in
from tests.authserver.conftest import Opening
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

    found = await world.server.services.clients.find(client["client_id"])

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
    kept = await world.server.services.clients.find(client["client_id"])
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


async def test_a_removed_client_loses_its_consents(world: World) -> None:
    client = await world.register()
    await world.tokens(client["client_id"])

    await world.server.services.clients.remove(client["client_id"])

    assert (await world.http.get(world.authorize_url(client["client_id"]))).status_code == 400


async def test_a_configured_client_needs_no_registration(open_world: Opening) -> None:
    world = await open_world(
        clients=(ConfiguredClient(client_id="desk", redirect_uris=(CALLBACK,), name="Desk"),),
        registration="closed",
    )

    response = await world.browser().go_through(world.authorize_url("desk"), "alice", PASSWORD)

    assert "code" in answer_in(response.headers["location"])
