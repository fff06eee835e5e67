"""Anonymous registration: open for what a client on this machine needs, and for nothing else."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.keycloak.running import RunningKeycloak

pytestmark = [pytest.mark.e2e, pytest.mark.needs("keycloak")]

INSPECTOR = "http://localhost:6274"
GOOD: dict[str, Any] = {
    "client_name": "a client of this test",
    "client_uri": "https://elsewhere.example",
    "redirect_uris": ["http://localhost:6274/oauth/callback"],
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "token_endpoint_auth_method": "none",
    "scope": "mcp:read mcp:tools mcp:prompts",
}


@pytest.fixture
def keycloak(running_keycloak: RunningKeycloak) -> Iterator[RunningKeycloak]:
    """Lend the running Keycloak, and take away the clients that a test registered."""
    before = running_keycloak.client_ids()
    yield running_keycloak
    for one in running_keycloak.admin("GET", "/clients?max=1000"):
        if one["clientId"] not in before:
            running_keycloak.admin("DELETE", f"/clients/{one['id']}")


def register(keycloak: RunningKeycloak, origin: str | None = None, **told: Any) -> httpx2.Response:
    """Register a client that is good but for what is told."""
    return keycloak.http.post(
        f"{keycloak.issuer}/clients-registrations/openid-connect",
        json={name: value for name, value in {**GOOD, **told}.items() if value is not None},
        headers={} if origin is None else {"origin": origin},
    )


@pytest.mark.parametrize("scope", [GOOD["scope"], "mcp:read", None])
def test_a_local_client_is_registered_and_held_short(
    keycloak: RunningKeycloak, scope: str | None
) -> None:
    answer = register(keycloak, scope=scope)
    assert answer.status_code == 201
    name = answer.json()["client_id"]
    (made,) = keycloak.admin("GET", f"/clients?clientId={name}")

    assert made["publicClient"] is True
    # Whoever signs in is told who is asking, and the client gets no role but with a scope.
    assert made["consentRequired"] is True
    assert made["fullScopeAllowed"] is False
    assert made["serviceAccountsEnabled"] is False
    assert made["directAccessGrantsEnabled"] is False


@pytest.mark.parametrize(
    "scope",
    [
        pytest.param("api:read", id="the-downstream-api"),
        pytest.param("mcp:read downstream-audience", id="somebody-else-s-audience"),
        pytest.param("mcp:read service_account", id="a-scope-of-services"),
        pytest.param("mcp:admin", id="a-scope-there-is-not"),
    ],
)
def test_scopes_that_no_local_client_needs_are_refused(
    keycloak: RunningKeycloak, scope: str
) -> None:
    before = keycloak.client_ids()
    answer = register(keycloak, scope=scope)

    assert answer.status_code in (400, 403)
    assert keycloak.client_ids() == before


def requested(keycloak: RunningKeycloak, client_id: str, scope: str) -> httpx2.Response:
    """Start a sign-in of that client for ``scope``."""
    told = {
        "response_type": "code", "client_id": client_id, "redirect_uri": GOOD["redirect_uris"][0],
        "state": "s", "scope": scope, "code_challenge": "c" * 43, "code_challenge_method": "S256",
    }  # fmt: skip
    return keycloak.http.get(f"{keycloak.issuer}/protocol/openid-connect/auth", params=told)


@pytest.mark.parametrize("scope", [GOOD["scope"], None])
def test_a_client_may_request_every_scope_that_it_registered_with(
    keycloak: RunningKeycloak, scope: str | None
) -> None:
    name = register(keycloak, scope=scope).json()["client_id"]

    assert requested(keycloak, name, "mcp:read").status_code == 200
    assert requested(keycloak, name, "mcp:read mcp:tools").status_code == 200


def test_a_client_may_never_request_a_scope_that_it_did_not_register_with(
    keycloak: RunningKeycloak,
) -> None:
    name = register(keycloak, scope="mcp:read").json()["client_id"]
    refused = requested(keycloak, name, "mcp:read mcp:tools")

    assert requested(keycloak, name, "mcp:read").status_code == 200
    assert refused.status_code == 302
    # The preset's registration_fixes_scopes says so, and the guard's first challenge heeds it.
    assert "error=invalid_scope" in refused.headers["location"]


def test_a_browser_client_may_register_from_the_inspector_and_from_nowhere_else(
    keycloak: RunningKeycloak,
) -> None:
    welcome = register(keycloak, INSPECTOR)
    foreign = register(keycloak, "https://evil.example")

    assert welcome.status_code == 201
    assert welcome.headers["access-control-allow-origin"] == INSPECTOR
    assert foreign.status_code == 403
    assert "access-control-allow-origin" not in foreign.headers


def test_a_registered_client_gets_no_token_for_a_password(keycloak: RunningKeycloak) -> None:
    name = register(keycloak).json()["client_id"]
    answer = keycloak.http.post(
        keycloak.token_endpoint,
        data={
            "grant_type": "password", "client_id": name,
            "username": "mcp-user", "password": "user123", "scope": "mcp:read",
        },
    )  # fmt: skip

    assert answer.status_code in (400, 401)
    assert answer.json()["error"] == "unauthorized_client"


def test_the_other_realm_stays_shut(keycloak: RunningKeycloak) -> None:
    answer = keycloak.http.post(
        f"{keycloak.url}/realms/master/clients-registrations/openid-connect",
        json={**GOOD, "scope": "profile"},
    )

    assert answer.status_code == 403
