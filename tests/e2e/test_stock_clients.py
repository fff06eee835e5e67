"""Stock clients, unpatched, at a running demo: sign in, call a tool, be refused, refresh."""

from itertools import product

import pytest

from doorward.wire.oauth.challenge import parse_challenges
from tests.e2e.client_documents import ClientDocuments
from tests.e2e.drivers import FASTMCP, PYTHON_SDK, TYPESCRIPT, Driver, run
from tests.e2e.journey import Errand, Record
from tests.e2e.running_demo import RunningDemo
from tests.ledger import proves

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(90)]

ADMIN_TOOL = "audit_log"
ADMIN_SCOPES = {"mcp:read", "mcp:tools", "mcp:admin"}

DRIVERS = (
    pytest.param(PYTHON_SDK, id="python-sdk"),
    pytest.param(FASTMCP, id="fastmcp"),
    pytest.param(TYPESCRIPT, id="typescript-sdk", marks=pytest.mark.needs("node-clients")),
)
# Each kind of registration with each protocol revision once: the two have nothing to do with each other.
WAYS = (
    pytest.param(True, "auto", "2026-07-28", id="document-2026"),
    pytest.param(False, "legacy", "2025-11-25", id="registration-2025"),
)


def _errand(
    demo: RunningDemo,
    username: str,
    mode: str,
    documents: ClientDocuments | None = None,
    name: str = "",
) -> Errand:
    return Errand(
        server=demo.mcp,
        username=username,
        password=demo.password(username),
        mode=mode,
        admin_tool=ADMIN_TOOL,
        client_metadata_url=documents.url(name) if documents else None,
    )


def _refusals(record: Record) -> list[dict[str, str]]:
    """Return the parameters of the Bearer challenge of every 403."""
    return [
        dict(challenge.params)
        for one in record.exchanges
        if one["status"] == 403 and one["challenge"]
        for challenge in parse_challenges(one["challenge"])
    ]


@proves("S122", "accepts", "401 and 403 challenges")
@proves("S122", "refuses", "401 and 403 challenges")
@pytest.mark.parametrize(("by_document", "mode", "protocol"), WAYS)
@pytest.mark.parametrize("driver", DRIVERS)
def test_a_stock_client_signs_in_calls_a_tool_is_refused_the_admin_tool_and_refreshes(
    demo: RunningDemo,
    client_documents: ClientDocuments,
    driver: Driver,
    by_document: bool,
    mode: str,
    protocol: str,
) -> None:
    documents = client_documents if by_document else None
    record = run(driver, _errand(demo, "alice", mode, documents, driver.name))

    # Found by discovery alone, known by the way it offered, signed in through the real pages.
    assert record.protocol == protocol
    first = record.exchanges[0]
    assert (first["status"], first["has_token"]) == (401, False)
    assert "error=" not in first["challenge"]
    assert record.registered is not by_document
    if by_document:
        assert record.client_id == client_documents.url(driver.name)
    else:
        assert not record.client_id.startswith("https://")
    assert record.pages[0] == ["sign-in", "consent"]
    assert {"code", "iss", "state"} <= set(record.answers[0])

    assert "add" in record.tools
    assert record.total == 5

    # The admin tool: 403, and every scope it needs is named at once.
    assert record.admin_tool_answer is None
    refusal = _refusals(record)[-1]
    assert refusal["error"] == "insufficient_scope"
    assert set(refusal["scope"].split()) == ADMIN_SCOPES
    if driver is TYPESCRIPT:
        # Its hosts may ask before a step-up; then the scopes are in the error they get.
        assert set((record.scopes_named or "").split()) == ADMIN_SCOPES

    assert record.grants[-1] == "refresh_token"
    assert record.access_token_changed
    assert record.refresh_token_changed
    assert record.total_after_refresh == 42


@pytest.mark.parametrize("driver", DRIVERS)
def test_an_administrator_is_asked_for_the_wider_scope_and_then_reaches_the_admin_tool(
    demo: RunningDemo, driver: Driver
) -> None:
    record = run(driver, _errand(demo, "admin", "auto"))

    assert record.admin_tool_answer, "the step-up did not lead to an answer"
    refusal = _refusals(record)[-1]
    assert set(refusal["scope"].split()) == ADMIN_SCOPES
    # Whoever is signed in is not asked for the password again, only for the wider consent.
    assert record.pages[-1] == ["consent"]


def test_the_ways_cover_both_eras_and_both_registrations() -> None:
    covered = {(way.values[0], way.values[1]) for way in WAYS}

    assert {by for by, _ in covered} == {True, False}
    assert {mode for _, mode in covered} == {"auto", "legacy"}
    assert len(list(product(DRIVERS, WAYS))) == 6
