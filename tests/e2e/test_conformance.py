"""The official conformance suite against a running demo."""

from pathlib import Path

import pytest

from tests.e2e.bearer_proxy import BearerProxy
from tests.e2e.conformance import run_authorization_server, run_server
from tests.e2e.form_browser import FormBrowser
from tests.e2e.processes import free_port
from tests.e2e.running_demo import RunningDemo
from tests.e2e.sign_in import SignedIn, register

pytestmark = [pytest.mark.e2e, pytest.mark.needs("node-clients"), pytest.mark.timeout(90)]

AUTHORIZATION_SERVER_CHECKS = {
    "authorization-server-metadata",
    "authorization-server-metadata-cimd",
    "authorization-code-grant",
}

# What these scenarios check beyond the tools that only the suite's own server has.
SERVER = {
    "server-initialize": 2,
    "ping": 2,
    "tools-list": 3,
    "prompts-list": 2,
    "dns-rebinding-protection": 2,
}
SERVER_2026 = {
    "tools-list": 4,
    "prompts-list": 2,
    "dns-rebinding-protection": 2,
    "http-header-validation": 14,
    "server-stateless": 21,
}
# These call a tool of the suite's own server, or ask for subscriptions, which the demo says it has
# none of. A verdict on them says nothing about the demo.
CANNOT_APPLY = {
    "sep-2575-server-rejects-undeclared-capability",
    "sep-2575-missing-capability-http-400",
    "sep-2575-http-server-no-independent-requests-on-stream",
    "sep-2575-server-no-log-without-loglevel",
    "sep-2575-server-sends-subscription-ack",
    "sep-2575-server-tags-subscription-id",
    "sep-2575-server-honors-notification-filter",
    "sep-2575-server-sends-prompts-list-changed-on-subscription",
    "sep-2575-server-sends-tools-list-changed-on-subscription",
}


def test_the_authorization_server_passes_in_full_and_without_a_warning(
    demo: RunningDemo, tmp_path: Path
) -> None:
    port = free_port()
    client_id = register(demo.issuer, f"http://127.0.0.1:{port}/callback")
    browser = FormBrowser("bob", demo.password("bob"))

    outcome = run_authorization_server(
        issuer=demo.issuer,
        client_id=client_id,
        resource=demo.mcp,
        port=port,
        browser=browser,
        results=tmp_path,
    )
    browser.close()

    assert outcome.not_passed() == []
    assert set(outcome.passed()) == AUTHORIZATION_SERVER_CHECKS
    assert outcome.exit_code == 0
    assert browser.walks[0].pages == ["sign-in", "consent"]


@pytest.mark.parametrize(
    ("scenario", "revision", "at_least"),
    [
        *((name, None, count) for name, count in SERVER.items()),
        *((name, "2026-07-28", count) for name, count in SERVER_2026.items()),
    ],
)
def test_the_guard_costs_no_conformance(
    demo: RunningDemo,
    admin: SignedIn,
    tmp_path: Path,
    scenario: str,
    revision: str | None,
    at_least: int,
) -> None:
    with BearerProxy(demo.port, admin.access_token) as proxy:
        outcome = run_server(
            url=f"http://localhost:{proxy.port}/mcp",
            scenario=scenario,
            spec_version=revision,
            results=tmp_path,
        )

    assert [one for one in outcome.not_passed() if one.check not in CANNOT_APPLY] == []
    # A scenario in which nothing was checked is green as well.
    assert len(outcome.passed()) >= at_least
