"""Stock clients, unpatched, reach a tool that needs more scopes, at a real Keycloak."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from keycloak.realm import NAME

from doorward import McpServer
from doorward.guard.audit.events import AuditEvent
from tests.e2e.drivers import FASTMCP, MCP_REMOTE, PYTHON_SDK, TYPESCRIPT, Driver, run
from tests.e2e.guarded import READ, TOOLS, guarded
from tests.e2e.journey import Errand, Record
from tests.e2e.processes import free_port
from tests.keycloak.own_realm import PASSWORD, add_user, give_roles, set_up
from tests.keycloak.running import RunningKeycloak

# The first test also starts Keycloak.
pytestmark = [pytest.mark.e2e, pytest.mark.needs("keycloak"), pytest.mark.timeout(300)]
needs_node = pytest.mark.needs("node-clients")

WIDER_TOOL = "audit_log"
DRIVERS = (
    pytest.param(PYTHON_SDK, id="python-sdk"),
    pytest.param(FASTMCP, id="fastmcp"),
    pytest.param(TYPESCRIPT, id="typescript-sdk", marks=needs_node),
    pytest.param(MCP_REMOTE, id="mcp-remote", marks=needs_node),
)


@dataclass(frozen=True)
class Person:
    """A user of Keycloak, whose roles say which scopes Keycloak gives."""

    keycloak: RunningKeycloak
    username: str
    realm: str = NAME

    def is_given(self, *roles: str) -> None:
        """Assign realm roles to this user."""
        give_roles(self.keycloak, self.realm, self.username, *roles)


@dataclass
class Served:
    """A guarded server with a tool for ``mcp:read``, and one that needs ``mcp:tools`` too."""

    keycloak: RunningKeycloak
    url: str = ""
    events: list[AuditEvent] = field(default_factory=list)
    promoted: Person | None = None

    def build_server(self) -> McpServer:
        """Return the server. Its first tool promotes ``promoted``, as an administrator would."""
        server = McpServer("step-up", version="1")

        @server.tool(scopes={READ})
        def add(a: int, b: int) -> int:
            person, self.promoted = self.promoted, None
            if person is not None:
                person.is_given("user")
            return a + b

        @server.tool(scopes={TOOLS})
        def audit_log() -> str:
            return "what the tool knows"

        return server

    def visit(self, driver: Driver, person: Person, client_id: str | None = None) -> Record:
        """Let a client sign that person in, call the first tool, and then the one that needs more."""
        return run(
            driver,
            Errand(
                server=self.url, username=person.username, password=PASSWORD, mode="auto",
                admin_tool=WIDER_TOOL, client_id=client_id,
            ),
        )  # fmt: skip

    def reasons(self) -> list[str]:
        """Return how the guard decided on each call of the tool that needs more."""
        return [one.reason for one in self.events if one.name == WIDER_TOOL]


@contextmanager
def _served(keycloak: RunningKeycloak, **settings: Any) -> Iterator[Served]:
    served = Served(keycloak)
    port = free_port()
    keycloak.accept_audience(f"http://localhost:{port}/mcp")
    told = {"port": port, "idp": "keycloak", "issuer": keycloak.issuer, **settings}
    with guarded(
        build_server=served.build_server, audit=served.events.append, **told
    ) as served.url:
        yield served


@pytest.fixture
def person(running_keycloak: RunningKeycloak) -> Person:
    """Give somebody who may look, and has never signed in."""
    name = f"person-{free_port()}"
    add_user(running_keycloak, NAME, name, "guest", "offline_access")
    return Person(running_keycloak, name)


def test_a_client_that_registers_itself_signs_in_once_for_all_that_its_user_may_do(
    running_keycloak: RunningKeycloak, person: Person
) -> None:
    person.is_given("user")
    with _served(running_keycloak) as served:
        record = served.visit(PYTHON_SDK, person)

    assert record.total == 5
    assert record.admin_tool_answer == "what the tool knows", record.admin_tool_error
    assert set(served.reasons()) == {"allowed"}
    assert record.pages == [["sign-in", "consent"]]


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_client_that_registers_itself_steps_up_when_its_user_may_do_more(
    running_keycloak: RunningKeycloak, person: Person, driver: Driver
) -> None:
    with _served(running_keycloak) as served:
        served.promoted = person
        record = served.visit(driver, person)

    assert record.total == 5
    assert record.admin_tool_answer == "what the tool knows", record.admin_tool_error
    assert served.reasons()[0] == "scope-missing"
    assert served.reasons()[-1] == "allowed"
    assert len(record.pages) == 2


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_client_that_was_registered_by_hand_requests_little_at_first_and_steps_up(
    running_keycloak: RunningKeycloak, person: Person, driver: Driver
) -> None:
    person.is_given("user")
    client_id = f"by-hand-{person.username}"
    running_keycloak.admin(
        "POST",
        "/clients",
        {
            "clientId": client_id, "publicClient": True, "consentRequired": True,
            "redirectUris": ["http://127.0.0.1/*", "http://localhost/*"],
        },
    )  # fmt: skip
    with _served(running_keycloak, challenge_scopes={READ}) as served:
        record = served.visit(driver, person, client_id)

    assert record.total == 5
    assert record.admin_tool_answer == "what the tool knows", record.admin_tool_error
    assert served.reasons()[0] == "scope-missing"
    assert served.reasons()[-1] == "allowed"
    assert len(record.pages) == 2


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_client_gives_up_for_a_user_who_may_not_do_more_and_goes_on_with_the_rest(
    running_keycloak: RunningKeycloak, person: Person, driver: Driver
) -> None:
    with _served(running_keycloak) as served:
        record = served.visit(driver, person)

    assert record.total == 5
    assert record.admin_tool_answer is None
    assert record.admin_tool_error
    assert set(served.reasons()) == {"scope-missing"}
    # Once to sign in, and at most twice more: no client asks its user for ever.
    assert len(record.pages) <= 3
    assert (served.events[-1].name, served.events[-1].reason) == ("add", "allowed")


# The second one sends a client_uri, to which the policy Trusted Hosts objects by default.
@pytest.mark.parametrize("driver", [DRIVERS[0], DRIVERS[3]])
def test_the_settings_of_the_page_are_all_that_a_realm_needs(
    running_keycloak: RunningKeycloak, driver: Driver
) -> None:
    realm, port = f"own-{free_port()}", free_port()
    scopes = {READ: None, TOOLS: "user"}
    issuer = set_up(running_keycloak, realm, f"http://localhost:{port}/mcp", scopes)
    add_user(running_keycloak, realm, "una")
    with _served(running_keycloak, port=port, issuer=issuer) as served:
        served.promoted = Person(running_keycloak, "una", realm)
        record = served.visit(driver, served.promoted)

    assert record.admin_tool_answer == "what the tool knows", record.admin_tool_error
    assert served.reasons()[0] == "scope-missing"
    assert served.reasons()[-1] == "allowed"
