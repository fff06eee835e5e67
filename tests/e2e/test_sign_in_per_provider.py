"""Stock clients, unpatched, sign in at every provider through Doorward, refresh and call a tool."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from doorward import idp
from tests.e2e.drivers import FASTMCP, MCP_REMOTE, PYTHON_SDK, TYPESCRIPT, Driver, DriverSession
from tests.e2e.every_provider import DOCUMENTS, EveryProvider
from tests.e2e.journey_by_hand import journey_by_hand
from tests.e2e.observed import compare_or_record, note, note_client
from tests.simulators.providers import SIMULATED

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

KINDS = {one.name for one in idp.PROVIDERS}
PROVIDERS = [one.name for one in SIMULATED.values() if one.kind in KINDS]
# The providers that most people have. The clients that need Node take longer; at the others they
# sign in with `make test-soak`.
NAMED = {"google", "github", "entra", "okta", "auth0", "keycloak"}
NODE = {TYPESCRIPT, MCP_REMOTE}


def _pairs() -> Iterator[object]:
    for driver in (PYTHON_SDK, FASTMCP, TYPESCRIPT, MCP_REMOTE):
        for name in PROVIDERS:
            marks = [pytest.mark.needs("node-clients")] if driver in NODE else []
            if driver in NODE and name not in NAMED:
                marks.append(pytest.mark.soak)
            yield pytest.param(driver, name, id=f"{driver.name}-{name}", marks=marks)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EveryProvider]:
    """A server with all providers."""
    facts = [SIMULATED[name] for name in PROVIDERS]
    one = EveryProvider(facts, tmp_path_factory.mktemp("every-provider"))
    with one.running():
        yield one


class Sessions:
    """A process for each driver, which goes on all its errands."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._sessions: dict[str, DriverSession] = {}

    def of(self, driver: Driver) -> DriverSession:
        """Return the session of ``driver``."""
        if driver.name not in self._sessions:
            session = self._stack.enter_context(DriverSession(driver))
            self._sessions[driver.name] = session
        return self._sessions[driver.name]


@pytest.fixture(scope="module")
def sessions() -> Iterator[Sessions]:
    """The drivers; each starts with its first errand."""
    with ExitStack() as stack:
        yield Sessions(stack)


@pytest.mark.parametrize(("driver", "name"), list(_pairs()))
def test_a_stock_client_signs_in_calls_refreshes_and_calls_again(
    server: EveryProvider, sessions: Sessions, driver: Driver, name: str
) -> None:
    # Every way to be known to the server is used at every provider.
    document = f"{DOCUMENTS}{driver.name}.json" if driver is FASTMCP else None
    provider = server.simulators[name]
    refreshed = provider.refreshed

    record = sessions.of(driver).run(server.errand(name, client_metadata_url=document))

    assert record.total == 5
    assert record.admin_tool_answer == "an hour has passed for Jane Doe", record.admin_tool_error
    # Consent comes before the provider.
    assert record.pages[0] == ["provider", "consent", "sign-in"]
    assert server.callers[-1].claims["aud"] == server.mcp
    # An hour later, the same client calls again without a browser.
    assert len(record.pages) == 1
    if provider.facts.refresh != "never":
        assert provider.refreshed > refreshed
    note_client(provider.facts.kind, driver.name, record.client)
    if driver is not MCP_REMOTE:
        assert record.total_after_refresh == 42
        assert record.access_token_changed
        assert (record.client_id == document) is (driver is FASTMCP)
        assert record.registered is (driver is not FASTMCP)
    if driver is FASTMCP:
        note(provider.facts.kind, cimd=record.client_id == document)


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_client_gets_all_that_the_standards_promise(server: EveryProvider, name: str) -> None:
    provider = server.simulators[name]
    asked = len(provider.requests)

    columns = journey_by_hand(server, name)

    note(provider.facts.kind, **columns)
    assert all(columns.values()), columns
    # The provider was asked at the sign-in, at the refresh, and at the end if it can revoke.
    assert len(provider.requests) > asked
    if "revocation_endpoint" in provider.facts.metadata:
        # Asked in the background, after the client has its answer.
        while not provider.revoked:
            time.sleep(0.01)
    else:
        assert not provider.revoked


def test_the_record_in_the_package_says_what_these_runs_showed() -> None:
    compare_or_record()
