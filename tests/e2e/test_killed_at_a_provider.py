"""
``kill -9`` between the provider's answer and ours ends no session, at a provider that rotates strictly.

The provider holds a request while the process is killed, so that nothing depends on time.
"""

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.e2e.faulty_provider import FaultyProvider, Gate
from tests.e2e.form_browser import FormBrowser
from tests.e2e.running_service import RunningService
from tests.e2e.served_bridge import ServedBridge
from tests.e2e.sign_in import SignedIn, authorize, redeem
from tests.e2e.test_provider_faults import PatientBrowser
from tests.ledger import proves

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[ServedBridge]:
    """A file to serve, and a provider whose ID tokens leave claims to the userinfo."""
    provider = FaultyProvider()
    provider.openid.thin = True
    provider.start()
    yield ServedBridge(tmp_path, provider)
    provider.mend()
    provider.stop()


def killed(service: RunningService, gate: Gate, ask: threading.Thread) -> None:
    """Kill the process while the provider holds its request."""
    ask.start()
    assert gate.arrived.wait(60)
    service.kill()
    ask.join(60)
    gate.opened.set()


def refreshing(bridge: ServedBridge, jane: SignedIn) -> threading.Thread:
    """Return a thread that refreshes, and loses the answer."""

    def ask() -> None:
        with pytest.raises(httpx2.TransportError):
            bridge.refresh(jane)

    return threading.Thread(target=ask, daemon=True)


def lives(bridge: ServedBridge, jane: SignedIn) -> bool:
    """Return whether the session lives in a new process, for two refreshes at the provider."""
    bridge.provider.mend()
    with bridge.serve() as service:
        # Whoever asks before the claim of the dead process ends is told to come back.
        early = bridge.refresh(jane)
        bridge.let_claims_end()
        first = bridge.refresh(jane)
        if first.status_code != 200:
            assert first.json()["error"] == "invalid_grant"
            return False
        bridge.make_checks_due()
        second = bridge.refresh(jane, token=first.json()["refresh_token"])
        assert second.status_code == 200
    assert early.status_code in (200, 503)
    assert service.leaks() == []
    return True


@proves("S199", "accepts", "one provider refresh")
def test_a_process_that_dies_with_the_providers_new_token_has_stored_it(
    bridge: ServedBridge,
) -> None:
    service = bridge.serve()
    jane = bridge.sign_in(service)
    bridge.make_checks_due()
    gate = bridge.provider.hold("/userinfo", processed=False)

    killed(service, gate, refreshing(bridge, jane))

    assert lives(bridge, jane)
    sent = bridge.provider.openid.refreshes()
    # Each was sent once, also the one of the process that died.
    assert len(set(sent)) == len(sent) == 3


@proves("S199", "accepts", "one provider refresh")
def test_a_process_that_dies_with_our_new_tokens_gives_them_again(bridge: ServedBridge) -> None:
    service = bridge.serve()
    jane = bridge.sign_in(service)
    bridge.make_checks_due()
    # The client does not get this answer: its process dies before it reads it.
    lost = bridge.refresh(jane)
    service.kill()

    with bridge.serve():
        again = bridge.refresh(jane)

    assert again.json() == lost.json()
    assert len(bridge.provider.openid.refreshes()) == 1


@pytest.mark.parametrize(
    ("grace", "processed", "survives"),
    [
        pytest.param(False, False, True, id="not-answered-yet"),
        pytest.param(True, True, True, id="provider-forgives"),
        # Nobody but the provider has ever known the new token: the user signs in again.
        pytest.param(False, True, False, id="answer-never-received"),
    ],
)
def test_an_answer_that_no_process_received_is_the_providers_to_forgive(
    bridge: ServedBridge, grace: bool, processed: bool, survives: bool
) -> None:
    service = bridge.serve()
    jane = bridge.sign_in(service)
    bridge.provider.openid.grace = grace
    bridge.make_checks_due()
    gate = bridge.provider.hold("/token", processed=processed)
    if not processed:
        # The request ends with its process.
        bridge.provider.faults["/token"] = "closed"

    killed(service, gate, refreshing(bridge, jane))

    assert lives(bridge, jane) is survives


@proves("S39", "accepts", "provider state is used once")
def test_a_sign_in_goes_on_after_the_process_died_with_the_code_redeemed(
    bridge: ServedBridge,
) -> None:
    service = bridge.serve()
    gate = bridge.provider.hold("/userinfo", processed=False)
    browser = ReloadingBrowser(bridge, service, gate)

    pending = authorize(service, "jane", "mcp:tools", browser=browser)
    answer = redeem(browser.service, pending)
    browser.service.stop()

    assert answer.status_code == 200
    assert browser.reloads == [403]


class ReloadingBrowser(PatientBrowser):
    """A user whose page does not come, who loads it again, and presses the button on what comes."""

    def __init__(self, bridge: ServedBridge, service: RunningService, gate: Gate) -> None:
        super().__init__(bridge.provider)
        self.service = service
        self.reloads: list[int] = []
        self._bridge = bridge
        self._gate = gate

    def _send(
        self,
        method: str,
        url: str,
        data: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx2.Response:
        if "/callback/" not in url or self.reloads:
            return super()._send(method, url, data, headers)
        sending = threading.Thread(target=self._lose, args=(url,), daemon=True)
        killed(self.service, self._gate, sending)
        self._bridge.provider.mend()
        self.service = self._bridge.serve()
        page = super()._send(method, url, data, headers)
        self.reloads.append(page.status_code)
        return page

    def _lose(self, url: str) -> None:
        with pytest.raises(httpx2.TransportError):
            FormBrowser._send(self, "GET", url)
