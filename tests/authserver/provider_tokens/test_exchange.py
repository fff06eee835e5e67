"""A server in another process gets its caller's token by token exchange (RFC 8693)."""

from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

from doorward.authserver import ConfiguredClient, Resource
from doorward.errors import ConfigurationError
from doorward.net import FetchFailed
from tests.authserver.harness import RESOURCE, SCOPES, basic
from tests.authserver.provider_tokens.code_host import owner_of
from tests.authserver.provider_tokens.conftest import StartVault, Vault, code_host
from tests.authserver.provider_tokens.test_tokens import _make_due
from tests.ledger import proves

OTHER = "http://localhost:9000/other"
KEY = "a-secret-of-a-server-" + "s" * 40
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


def server(client_id: str, resource: str, *providers: str) -> ConfiguredClient:
    return ConfiguredClient(
        client_id=client_id,
        secret=KEY,
        auth_method="client_secret_basic",
        introspects=resource,
        provider_tokens=providers,
    )


@pytest.fixture
async def vault(start_vault: StartVault) -> Vault:
    opened: Vault = await start_vault(
        resources=(
            Resource(uri=RESOURCE, scopes=SCOPES, name="Demo"),
            Resource(uri=OTHER, scopes=SCOPES),
        ),
        clients=(
            server("mcp-server", RESOURCE, "code"),
            server("other-server", OTHER, "code"),
            server("introspects-only", RESOURCE),
        ),
    )
    return opened


async def exchange(
    vault: Vault, caller: str, client: str = "mcp-server", **changes: str
) -> httpx2.Response:
    fields = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": caller,
        "subject_token_type": ACCESS_TOKEN,
        "requested_token_type": ACCESS_TOKEN,
        "audience": "code",
        **changes,
    }
    headers: Mapping[str, str] = basic(client, KEY)
    return (await vault.harness.token(fields, headers=headers)).response


@proves("S209", "accepts", "token vault per user")
async def test_the_configured_server_gets_its_callers_token(vault: Vault) -> None:
    answer = await exchange(vault, await vault.connected())

    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    assert owner_of(body["access_token"]) == "octo"
    assert body["issued_token_type"] == ACCESS_TOKEN
    assert body["token_type"] == "Bearer"
    assert 0 < body["expires_in"] <= 3600
    assert "refresh_token" not in body
    assert answer.headers["cache-control"] == "no-store"


async def test_without_a_connection_the_error_has_a_page_for_the_user(vault: Vault) -> None:
    answer = await exchange(vault, await vault.caller())

    assert answer.status_code == 400
    assert answer.json()["error"] == "interaction_required"
    assert answer.json()["error_uri"].startswith(vault.harness.url("/connect?link="))


@proves("S209", "refuses", "token vault per user")
@pytest.mark.parametrize(
    ("client", "error"),
    [("other-server", "invalid_request"), ("introspects-only", "unauthorized_client")],
)
async def test_another_server_does_not_get_it(vault: Vault, client: str, error: str) -> None:
    answer = await exchange(vault, await vault.connected(), client)

    assert answer.status_code == 400
    assert answer.json()["error"] == error


@proves("S209", "refuses", "token vault per user")
async def test_a_client_that_registered_itself_does_not_get_it(vault: Vault) -> None:
    caller = await vault.connected()
    registered = await vault.harness.register(
        token_endpoint_auth_method="client_secret_basic", client_name="mcp-server"
    )
    fields = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": caller,
        "subject_token_type": ACCESS_TOKEN,
        "audience": "code",
    }

    headers = basic(registered["client_id"], registered["client_secret"])
    answer = (await vault.harness.token(fields, headers=headers)).response

    assert answer.json()["error"] == "unauthorized_client"


async def test_a_wrong_secret_gets_nothing(vault: Vault) -> None:
    caller = await vault.connected()
    fields = {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "audience": "code"}

    headers = basic("mcp-server", "wrong")
    got = await vault.harness.token({**fields, "subject_token": caller}, headers=headers)

    assert got.response.status_code == 401


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"audience": "elsewhere"}, "invalid_target"),
        ({"audience": "code", "resource": OTHER}, "invalid_target"),
        ({"scope": "admin"}, "invalid_scope"),
        ({"scope": '"'}, "invalid_scope"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"}, "invalid_request"),
        ({"subject_token": "nothing"}, "invalid_request"),
        ({"actor_token": "somebody"}, "invalid_request"),
    ],
)
async def test_a_request_that_is_wrong_in_one_way_is_refused(
    vault: Vault, changes: dict[str, str], error: str
) -> None:
    answer = await exchange(vault, await vault.connected(), **changes)

    assert answer.status_code == 400
    assert answer.json()["error"] == error


async def test_an_outage_of_the_provider_is_503_with_retry_after(vault: Vault, clock: Any) -> None:
    caller = await vault.connected()
    await _make_due(vault, clock)
    vault.code.broken = FetchFailed("unreachable")

    answer = await exchange(vault, caller)

    assert answer.status_code == 503
    assert answer.json()["error"] == "temporarily_unavailable"
    assert int(answer.headers["retry-after"]) > 0


async def test_the_metadata_names_the_grant(vault: Vault) -> None:
    path = "/.well-known/oauth-authorization-server"
    document = (await vault.harness.http.get(path)).json()

    assert "urn:ietf:params:oauth:grant-type:token-exchange" in document["grant_types_supported"]


@pytest.mark.parametrize(
    ("client", "reason"),
    [
        (
            ConfiguredClient(client_id="mcp", introspects=RESOURCE, provider_tokens=("code",)),
            "provider-tokens-client",
        ),
        (
            ConfiguredClient(
                client_id="mcp",
                secret=KEY,
                auth_method="client_secret_basic",
                provider_tokens=("code",),
            ),
            "provider-tokens-client",
        ),
        (server("mcp", RESOURCE, "elsewhere"), "unknown-identity-provider"),
    ],
)
async def test_a_client_that_could_never_get_a_token_is_refused_at_start_up(
    start_vault: StartVault, client: ConfiguredClient, reason: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        await start_vault(clients=(client,))

    assert refused.value.reason == reason


def test_a_provider_for_connections_gives_users_nothing() -> None:
    with pytest.raises(ConfigurationError) as refused:
        code_host(user_scopes=("mcp:read",))

    assert refused.value.reason == "connect-only-grants"
