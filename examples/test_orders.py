"""Tests of ``protect_official_sdk.py``, without a network: ``pytest examples``."""

from collections.abc import Iterator

import pytest
from examples.protect_official_sdk import app, guard

from doorward.testing import BadToken, Persona, RunningServer, run_server

MANAGER = {"orders:read", "orders:refund"}


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    """Run the server with a local provider in place of yours."""
    with run_server(app, guard) as running:
        yield running


def test_alice_sees_her_orders(server: RunningServer) -> None:
    """A user without a sign-in: the provider issues a token at once."""
    alice = server.as_user("alice", scopes={"orders:read"})

    assert "an order of alice" in alice.call_tool("my_orders").text


def test_only_managers_see_the_refund(server: RunningServer) -> None:
    """Scopes and roles are those that you name."""
    alice = server.as_user("alice", scopes=MANAGER)
    boss = server.as_user("bob", scopes=MANAGER, roles={"manager"})

    assert [tool.name for tool in alice.list_tools()] == ["my_orders"]
    assert [tool.name for tool in boss.list_tools()] == ["my_orders", "refund"]


def test_every_client_connects(server: RunningServer, every_persona: Persona) -> None:
    """One test, run as Claude, Claude Code, ChatGPT, VS Code and the others."""
    connected = server.connect(every_persona)

    assert "my_orders" in connected.tools


def test_no_bad_token_is_accepted(server: RunningServer, every_bad_token: BadToken) -> None:
    """One test, run with each bad token: expired, unsigned, for another server."""
    answer = server.answer_to(server.bad_token(every_bad_token.name))

    assert answer.status_code == 401
    assert server.decisions[-1].decision == "refused"
