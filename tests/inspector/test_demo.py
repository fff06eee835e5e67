"""The stock Inspector signs in to ``doorward demo`` in a real browser, and calls a tool."""

from collections.abc import Iterator

import pytest

from tests.e2e.running_demo import RunningDemo
from tests.inspector.session import Session, SessionStuck

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.needs("chromium"),
    pytest.mark.needs("node-clients"),
]


@pytest.fixture(scope="module")
def demo() -> Iterator[RunningDemo]:
    """Run the demo; it must keep every secret to itself."""
    with RunningDemo() as running:
        yield running
        code = running.stop()
        assert (code, running.leaks()) == (0, [])


def test_alice_connects_signs_in_consents_and_adds_two_numbers(
    demo: RunningDemo, person: Session
) -> None:
    person.connect(demo.mcp, "alice", demo.password("alice"))

    assert person.visited == ["sign-in", "consent"]
    # Not audit_log: the list is cut to what alice may call.
    assert person.tools() == ["echo", "get_time", "add"]
    shown = person.call("add", a="2", b="40")
    assert "42" in shown
    assert '"tools/call"' in demo.log()


def test_a_manually_added_server_works_in_the_2026_07_28_revision(
    demo: RunningDemo, person: Session
) -> None:
    person.add_server("demo", demo.mcp)
    person.choose(revision="modern")

    person.switch_on("alice", demo.password("alice"))

    assert person.page.get_by_text("MCP 2026-07-28").count() == 1
    assert "42" in person.call("add", a="2", b="40")


def test_a_wrong_password_does_not_redirect_back_to_the_inspector(
    demo: RunningDemo, person: Session
) -> None:
    with pytest.raises(SessionStuck, match="asked twice"):
        person.connect(demo.mcp, "alice", "not-her-password")

    assert person.visited == ["sign-in"]


def test_a_server_url_that_differs_from_its_metadata_is_not_connected(
    demo: RunningDemo, person: Session
) -> None:
    with pytest.raises(SessionStuck, match="not connected"):
        person.connect(demo.mcp.replace("localhost", "127.0.0.1"), "alice", "unused")

    assert person.visited == []
