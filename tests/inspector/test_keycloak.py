"""The stock Inspector signs in at a real Keycloak, itself and through the proxy, and calls a tool."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.inspector.session import Session, SessionStuck
from tests.keycloak.running import PASSWORDS, RunningKeycloak
from tests.tutorial.running import Step10, proxy, step10

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.needs("chromium"),
    pytest.mark.needs("node-clients"),
    pytest.mark.needs("keycloak"),
    pytest.mark.timeout(240),
]


@pytest.fixture(scope="module", params=["direct", "proxy"])
def step(
    request: pytest.FixtureRequest,
    running_keycloak: RunningKeycloak,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Step10]:
    """Run step 10, whose tokens come from Keycloak itself or through the proxy."""
    folder: Path = tmp_path_factory.mktemp(request.param)
    if request.param == "direct":
        with step10(running_keycloak, folder) as running:
            yield running
        return
    with (
        proxy(running_keycloak, folder) as address,
        step10(running_keycloak, folder, proxy=address) as running,
    ):
        yield running


def test_a_user_signs_in_at_keycloak_consents_and_calls_a_tool(
    step: Step10, person: Session
) -> None:
    seen: list[str] = []
    person.picture = lambda name: seen.append(f"{name} at {person.page.url.partition('?')[0]}")

    person.connect(step.mcp, "mcp-admin", PASSWORDS["mcp-admin"])

    assert person.visited == ["sign-in", "consent"]
    # The pages are the provider's, at the address by which tokens and metadata call it.
    assert seen[0] == f"sign-in at {step.issuer}/protocol/openid-connect/auth"
    assert "whoami" in person.tools()
    assert '"mcp:tools"' in person.call("whoami")


def test_a_wrong_password_does_not_connect(step: Step10, person: Session) -> None:
    with pytest.raises(SessionStuck, match="asked twice"):
        person.connect(step.mcp, "mcp-admin", "not-the-password")
