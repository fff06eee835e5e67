"""What the realm gives to whom."""

import pytest

from tests.keycloak.reading import claims_of
from tests.keycloak.running import PASSWORDS, RESOURCE, RunningKeycloak

pytestmark = [pytest.mark.e2e, pytest.mark.needs("keycloak")]

MCP = {"mcp:read", "mcp:tools", "mcp:prompts"}


@pytest.mark.parametrize(
    ("username", "scopes", "role"),
    [
        ("mcp-admin", MCP, "admin"),
        ("mcp-user", {"mcp:read", "mcp:tools"}, "user"),
        ("mcp-readonly", {"mcp:read"}, "guest"),
    ],
)
def test_a_user_gets_the_scopes_of_the_role_and_no_others(
    running_keycloak: RunningKeycloak, username: str, scopes: set[str], role: str
) -> None:
    claims = claims_of(running_keycloak.token(username))

    assert set(claims["scope"].split()) & MCP == scopes
    assert claims["realm_access"]["roles"] == [role]
    assert RESOURCE in claims["aud"]
    assert claims["iss"] == running_keycloak.issuer
    assert claims["azp"] == "mcp-test-client"


@pytest.mark.parametrize("username", sorted(PASSWORDS))
def test_a_scope_that_was_not_asked_for_is_not_given(
    running_keycloak: RunningKeycloak, username: str
) -> None:
    claims = claims_of(running_keycloak.token(username, "openid"))

    assert set(claims["scope"].split()) & MCP == set()


def test_a_service_gets_what_services_may_have(running_keycloak: RunningKeycloak) -> None:
    claims = claims_of(
        running_keycloak.service_grant("mcp:read mcp:tools mcp:prompts")["access_token"]
    )

    assert set(claims["scope"].split()) & MCP == {"mcp:read", "mcp:tools"}
    assert claims["client_id"] == "mcp-service"
    assert RESOURCE in claims["aud"]
