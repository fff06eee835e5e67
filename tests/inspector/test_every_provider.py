"""The stock Inspector, in Chromium, signs in at identity providers through Doorward."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.e2e.every_provider import EveryProvider
from tests.e2e.observed import compare_or_record, note_client
from tests.e2e.test_sign_in_per_provider import NAMED, PROVIDERS
from tests.inspector.running_inspector import inspector_version
from tests.inspector.session import Session, browsing, hosts_at
from tests.simulators.providers import SIMULATED

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.needs("chromium"),
    pytest.mark.needs("node-clients"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EveryProvider]:
    """A server with all providers."""
    facts = [SIMULATED[name] for name in PROVIDERS]
    one = EveryProvider(facts, tmp_path_factory.mktemp("every-provider"))
    with one.running():
        yield one


@pytest.fixture(scope="module")
def browser(server: EveryProvider) -> Iterator[Browser]:
    """Give a Chromium for which the providers' own hosts are on this machine."""
    with server.providers_over_tls() as port, browsing(*hosts_at(port)) as running:
        yield running


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in NAMED else [pytest.mark.soak]) for name in PROVIDERS],
)
def test_a_user_signs_in_at_the_provider_and_calls_a_tool_after_an_hour(
    server: EveryProvider, person: Session, name: str
) -> None:
    person.provider = name
    person.connect(server.mcp, "jane", server.password("jane"))

    assert person.visited == ["provider", "consent", "sign-in"]
    assert "an hour has passed for Jane Doe" in person.call("an_hour_passes")
    assert "42" in person.call("add", a="2", b="40")
    note_client(server.simulators[name].facts.kind, "inspector", inspector_version())


def test_the_packaged_client_record_matches_these_runs() -> None:
    compare_or_record()
