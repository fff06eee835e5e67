"""``/register``: which metadata is accepted, stored and returned."""

from typing import Any

import pytest

from doorward.authserver.settings.configured_client import ConfiguredClient
from tests.authserver.browser import answer_in
from tests.authserver.conftest import StartAuthServer
from tests.authserver.harness import CALLBACK, PASSWORD, AuthServerHarness
from tests.ledger import proves


async def refused(harness: AuthServerHarness, **metadata: Any) -> dict[str, Any]:
    response = await harness.http.post("/register", json={"redirect_uris": [CALLBACK], **metadata})
    assert response.status_code == 400, response.text
    assert response.headers["cache-control"] == "no-store"
    body: dict[str, Any] = response.json()
    return body


@proves("S61", "accepts", "registration answers are not stored")
async def test_the_answer_repeats_everything_that_was_kept(harness: AuthServerHarness) -> None:
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

    response = await harness.http.post("/register", json=said)

    assert response.status_code == 201
    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    assert {name: body[name] for name in said} == said
    assert body["client_secret_expires_at"] == 0
    assert body["client_id_issued_at"] == 1_800_000_000


@proves("S61", "refuses", "registration answers are not stored")
async def test_a_secret_is_shown_once_and_kept_as_a_hash(harness: AuthServerHarness) -> None:
    client = await harness.register(token_endpoint_auth_method="client_secret_basic")

    found = await harness.server.services.clients.find(client["client_id"])

    assert found.secret_hash is not None
    assert client["client_secret"].encode() not in found.secret_hash
    assert client["client_secret"] not in repr(found)
    assert found.has_secret(client["client_secret"])


@proves("S50", "refuses", "redirect URIs at registration")
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
    harness: AuthServerHarness, uris: Any
) -> None:
    assert (await refused(harness, redirect_uris=uris))["error"] == "invalid_redirect_uri"


@proves("S50", "accepts", "redirect URIs at registration")
async def test_the_three_addresses_of_cursor_are_registered_together(
    harness: AuthServerHarness,
) -> None:
    uris = [
        "cursor://anysphere.cursor-mcp/oauth/callback",
        "https://www.cursor.com/agents/mcp/oauth/callback",
        "http://localhost:8787/callback",
    ]

    assert (await harness.register(redirect_uris=uris))["redirect_uris"] == uris


@proves("S51", "refuses", "application_type decides redirects")
async def test_a_web_client_cannot_register_an_address_on_this_computer(
    harness: AuthServerHarness,
) -> None:
    assert (await refused(harness, application_type="web"))["error"] == "invalid_redirect_uri"


@proves("S51", "accepts", "application_type decides redirects")
@pytest.mark.parametrize("kind", ["native", None])
async def test_a_native_client_may_say_so_or_not(
    harness: AuthServerHarness, kind: str | None
) -> None:
    client = await harness.register(**({"application_type": kind} if kind else {}))

    assert client.get("application_type") == kind


@proves("S52", "refuses", "scopes at registration")
async def test_scopes_outside_the_catalogue_are_not_stored(harness: AuthServerHarness) -> None:
    client = await harness.register(scope="mcp:read openid superuser")

    assert client["scope"] == "mcp:read"
    kept = await harness.server.services.clients.find(client["client_id"])
    assert kept.metadata.scope == frozenset({"mcp:read"})


@proves("S52", "accepts", "scopes at registration")
async def test_a_registered_scope_is_what_a_request_without_scope_means(
    harness: AuthServerHarness,
) -> None:
    client = await harness.register(scope="mcp:tools")

    tokens = await harness.tokens(client["client_id"], without="scope")

    assert tokens.body["scope"] == "mcp:tools"


@proves("S53", "refuses", "grants of open registration")
async def test_a_grant_without_a_user_is_neither_registered_nor_served(
    harness: AuthServerHarness,
) -> None:
    client = await harness.register(
        grant_types=["authorization_code", "client_credentials"],
        token_endpoint_auth_method="client_secret_post",
    )

    assert client["grant_types"] == ["authorization_code"]
    tokens = await harness.token(
        {
            "grant_type": "client_credentials",
            "client_id": client["client_id"],
            "client_secret": client["client_secret"],
        }
    )
    assert tokens.body["error"] == "unsupported_grant_type"


@proves("S53", "accepts", "grants of open registration")
async def test_a_client_that_did_not_ask_for_refresh_tokens_gets_none(
    harness: AuthServerHarness,
) -> None:
    client = await harness.register(grant_types=["authorization_code"])

    tokens = await harness.tokens(client["client_id"])

    assert "refresh_token" not in tokens.body


@proves("S54", "accepts", "secrets by client type")
async def test_a_public_client_gets_no_secret(harness: AuthServerHarness) -> None:
    assert "client_secret" not in await harness.register()


@proves("S54", "refuses", "secrets by client type")
@pytest.mark.parametrize("secret", [None, "", "wrong", "None", "null"])
async def test_a_confidential_client_without_its_secret_never_gets_in(
    harness: AuthServerHarness, secret: str | None
) -> None:
    client = await harness.register(token_endpoint_auth_method="client_secret_post")
    code = await harness.code(client["client_id"])

    fields = harness.code_fields(client["client_id"], code, client_secret=secret)

    assert (await harness.token(fields)).response.status_code == 401


@proves("S55", "refuses", "client links and key sets")
@pytest.mark.parametrize("link", ["http://app.example/", "javascript:alert(1)"])
@pytest.mark.parametrize("name", ["client_uri", "logo_uri", "tos_uri", "policy_uri", "jwks_uri"])
async def test_a_link_that_is_not_https_is_refused(
    harness: AuthServerHarness, name: str, link: str
) -> None:
    body = await refused(harness, **{name: link})

    assert body["error"] == "invalid_client_metadata"
    assert name in body["error_description"]


@proves("S56", "refuses", "client ids are no URLs")
async def test_a_client_cannot_choose_its_id(harness: AuthServerHarness) -> None:
    wanted = "https://claude.ai/oauth/claude-code-client-metadata"

    client = await harness.register(client_id=wanted, client_secret="mine")

    assert client["client_id"] != wanted
    assert "://" not in client["client_id"]
    assert "client_secret" not in client


@proves("S56", "accepts", "client ids are no URLs")
async def test_two_registrations_are_two_clients(harness: AuthServerHarness) -> None:
    first, second = await harness.register(), await harness.register()

    assert first["client_id"] != second["client_id"]


async def test_a_removed_client_loses_its_consents(harness: AuthServerHarness) -> None:
    client = await harness.register()
    await harness.tokens(client["client_id"])

    await harness.server.services.clients.remove(client["client_id"])

    assert (await harness.http.get(harness.authorize_url(client["client_id"]))).status_code == 400


async def test_a_configured_client_needs_no_registration(start_authserver: StartAuthServer) -> None:
    harness = await start_authserver(
        clients=(ConfiguredClient(client_id="desk", redirect_uris=(CALLBACK,), name="Desk"),),
        registration="closed",
    )

    response = await harness.browser().go_through(harness.authorize_url("desk"), "alice", PASSWORD)

    assert "code" in answer_in(response.headers["location"])
