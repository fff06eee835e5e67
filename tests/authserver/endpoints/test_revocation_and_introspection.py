"""Token revocation and token introspection."""

import pytest

from doorward.authserver.settings.configured_client import ConfiguredClient
from doorward.authserver.settings.resource import Resource
from tests.authserver.conftest import StartAuthServer, StoppedClock
from tests.authserver.harness import RESOURCE, SCOPES, AuthServerHarness, basic
from tests.authserver.token.test_code_grant import RESOURCE_SERVER, RS_SECRET, is_active
from tests.ledger import proves

OTHER = "http://localhost:9000/other"


@pytest.fixture
async def harness(start_authserver: StartAuthServer) -> AuthServerHarness:
    opened: AuthServerHarness = await start_authserver(
        clients=(
            RESOURCE_SERVER,
            ConfiguredClient(
                client_id="other-rs",
                secret="x" * 40,
                auth_method="client_secret_post",
                introspects=OTHER,
            ),
        ),
        resources=(Resource(uri=RESOURCE, scopes=SCOPES), Resource(uri=OTHER, scopes=SCOPES)),
    )
    return opened


async def revoke(harness: AuthServerHarness, client_id: str, token: str) -> None:
    response = await harness.http.post("/revoke", data={"client_id": client_id, "token": token})
    assert response.status_code == 200
    assert response.json() == {}
    assert response.headers["cache-control"] == "no-store"


@proves("S117", "accepts", "revocation")
async def test_revoking_a_refresh_token_revokes_its_grant(harness: AuthServerHarness) -> None:
    client = (await harness.register())["client_id"]
    first = await harness.tokens(client)
    second = await harness.refresh(client, first.refresh)

    await revoke(harness, client, second.refresh)

    assert (await harness.refresh(client, second.refresh)).body["error"] == "invalid_grant"
    assert not await is_active(harness, first.access)
    assert not await is_active(harness, second.access)


@proves("S117", "accepts", "revocation")
async def test_revoking_an_access_token_revokes_only_that_token(harness: AuthServerHarness) -> None:
    client = (await harness.register())["client_id"]
    first = await harness.tokens(client)
    second = await harness.refresh(client, first.refresh)

    await revoke(harness, client, first.access)
    await revoke(harness, client, first.access)

    assert not await is_active(harness, first.access)
    assert await is_active(harness, second.access)
    assert (await harness.refresh(client, second.refresh)).response.status_code == 200


@proves("S117", "refuses", "revocation")
async def test_another_clients_token_is_not_revoked_and_the_response_is_the_same(
    harness: AuthServerHarness,
) -> None:
    client, other = (await harness.register())["client_id"], (await harness.register())["client_id"]
    tokens = await harness.tokens(client)

    for token in (tokens.refresh, tokens.access, "unknown", tokens.access[:-2] + "xx"):
        await revoke(harness, other, token)

    assert await is_active(harness, tokens.access)
    assert (await harness.refresh(client, tokens.refresh)).response.status_code == 200


async def test_revocation_needs_a_known_client_and_a_token(harness: AuthServerHarness) -> None:
    client = (await harness.register())["client_id"]

    unknown = await harness.http.post("/revoke", data={"client_id": "nobody", "token": "x"})
    nothing = await harness.http.post("/revoke", data={"client_id": client})

    assert unknown.status_code == 401
    assert nothing.status_code == 400


@proves("S118", "accepts", "introspection")
async def test_a_resource_server_can_introspect_a_token_for_itself(
    harness: AuthServerHarness,
) -> None:
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client)

    response = await harness.http.post(
        "/introspect", data={"token": tokens.access}, headers=basic("rs", RS_SECRET)
    )

    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    assert body["active"] is True
    assert body["aud"] == RESOURCE
    assert body["scope"] == "mcp:read mcp:tools"
    assert body["client_id"] == client
    assert body["username"] == "alice"


@proves("S118", "refuses", "introspection")
@pytest.mark.parametrize("what", ["forged", "refresh", "garbage", "over", "user-disabled"])
async def test_every_other_token_is_only_inactive(
    harness: AuthServerHarness, clock: StoppedClock, what: str
) -> None:
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client)
    header, payload, signature = tokens.access.split(".")
    token = {
        "forged": f"{header}.{payload}.{signature[:-4]}AAAA",
        "refresh": tokens.refresh,
        "garbage": "x.y.z",
    }.get(what, tokens.access)
    if what == "over":
        clock.advance(600)
    if what == "user-disabled":
        await harness.server.users.disable("alice")

    response = await harness.http.post(
        "/introspect", data={"token": token}, headers=basic("rs", RS_SECRET)
    )

    assert response.json() == {"active": False}


@proves("S118", "refuses", "introspection")
async def test_a_token_for_another_resource_server_is_inactive(harness: AuthServerHarness) -> None:
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client)

    response = await harness.http.post(
        "/introspect",
        data={"token": tokens.access, "client_id": "other-rs", "client_secret": "x" * 40},
    )

    assert response.json() == {"active": False}


@proves("S118", "refuses", "introspection")
async def test_only_a_resource_server_can_introspect(harness: AuthServerHarness) -> None:
    client = await harness.register(token_endpoint_auth_method="client_secret_post")
    public = await harness.register()

    tried = [
        {"token": "x", "client_id": public["client_id"]},
        {
            "token": "x",
            "client_id": client["client_id"],
            "client_secret": client["client_secret"],
        },
        {"token": "x", "client_id": "rs"},
        {"token": "x", "client_id": "other-rs", "client_secret": "wrong"},
    ]
    for fields in tried:
        response = await harness.http.post("/introspect", data=fields)
        assert response.status_code == 401
        assert response.json()["error"] == "invalid_client"
    unnamed = await harness.http.post("/introspect", data={"token": "x"})
    assert unnamed.status_code == 400


@proves("S105", "refuses", "clock boundaries")
async def test_a_token_issued_in_the_future_is_inactive(
    harness: AuthServerHarness, clock: StoppedClock
) -> None:
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client)
    clock.advance(-120)

    assert not await is_active(harness, tokens.access)
