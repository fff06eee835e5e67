"""
A provider that is slow, down or wrong costs nobody a session: 503 within the deadline, and no more.

Over real sockets, with ``doorward serve`` as a process of its own and a provider that rotates its
refresh tokens strictly.
"""

import time
from collections.abc import Iterator

import httpx2
import pytest

from doorward.testing.html_forms import Form, Page
from tests.e2e.faulty_provider import FAULTS, FaultyProvider
from tests.e2e.form_browser import BrowserStuck, FormBrowser, Walk
from tests.e2e.running_service import RunningService
from tests.e2e.served_bridge import ServedBridge
from tests.e2e.sign_in import authorize, redeem
from tests.ledger import proves

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

# Five seconds, and what a busy machine adds. The provider itself holds an answer for a minute.
WITHIN = 15.0
NOT_AN_ANSWER = ["slow", "down", *FAULTS]


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedBridge]:
    provider = FaultyProvider()
    provider.start()
    yield ServedBridge(tmp_path_factory.mktemp("bridge"), provider)
    provider.stop()


@pytest.fixture(scope="module")
def service(bridge: ServedBridge) -> Iterator[RunningService]:
    with bridge.serve() as running:
        yield running
    assert running.leaks() == []


@pytest.fixture(autouse=True)
def _mended(bridge: ServedBridge) -> Iterator[None]:
    yield
    bridge.provider.mend()


class PatientBrowser(FormBrowser):
    """A user who presses the button once more when a page says that the provider does not answer."""

    def __init__(self, provider: FaultyProvider) -> None:
        super().__init__("jane", "", delivers=False)
        self.outages: list[httpx2.Response] = []
        self._faulty = provider

    def _fill(self, response: httpx2.Response, seen: Walk) -> httpx2.Response:
        if response.status_code == 503:
            self.outages.append(response)
            self._faulty.mend()
        return super()._fill(response, seen)

    def _choose(self, page: Page, status: int) -> tuple[Form, str, dict[str, str]]:
        try:
            return super()._choose(page, status)
        except BrowserStuck:
            if not page.forms:
                raise
            return page.forms[0], "again", page.forms[0].fields


def is_unavailable(answer: httpx2.Response) -> bool:
    """Return whether the answer asks to come back, and says nothing of the provider's."""
    waits = int(answer.headers["retry-after"])
    return answer.status_code == 503 and waits > 0 and "555-0100" not in answer.text


@pytest.mark.parametrize("fault", NOT_AN_ANSWER)
@proves("S198", "accepts", "faults are 503")
@proves("S198", "refuses", "faults are 503")
def test_a_fault_at_refresh_is_503_in_time_and_the_session_lives(
    bridge: ServedBridge, service: RunningService, fault: str
) -> None:
    jane = bridge.sign_in(service)
    bridge.make_checks_due()
    bridge.provider.break_down(fault, "/token")

    began = time.monotonic()
    unavailable = bridge.refresh(jane)
    took = time.monotonic() - began
    bridge.provider.mend()
    again = bridge.refresh(jane)

    assert is_unavailable(unavailable)
    assert unavailable.json()["error"] == "temporarily_unavailable"
    assert took < WITHIN
    assert again.status_code == 200
    assert "/trap" not in bridge.provider.paths


# A browser does not come back from a provider that is down.
@pytest.mark.parametrize("fault", ["slow", *FAULTS])
@proves("S198", "accepts", "faults are 503")
@proves("S198", "refuses", "faults are 503")
def test_a_fault_at_sign_in_is_a_page_in_time_whose_button_goes_on(
    bridge: ServedBridge, service: RunningService, fault: str
) -> None:
    # The server has read the metadata before, so that the redirect needs nothing of the provider.
    bridge.sign_in(service)
    browser = PatientBrowser(bridge.provider)
    bridge.provider.break_down(fault, "/token")
    pending = authorize(service, "jane", "mcp:tools", browser=browser)

    assert redeem(service, pending).status_code == 200
    (unavailable,) = browser.outages
    assert is_unavailable(unavailable)
    assert "provider does not answer" in unavailable.text
    assert unavailable.elapsed.total_seconds() < WITHIN
