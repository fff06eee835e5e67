"""Rules written beside tools of other servers: in the matrix, explained, and watched."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doorward import Guard, Identity, Policy, Rule
from doorward.guard.declared import requires
from doorward.policy import Operation
from doorward.policy.matrix import matrix_of, policy_of, who
from doorward.policy.why import explain
from doorward.testing import assert_permissions_unchanged

REFUND = Operation("tools/call", "refund")
Build = Callable[[Guard, set[str]], Any]


def guard(**rules: Rule) -> Guard:
    """Return a guard with a hierarchy, whose operator wrote ``rules`` for tools."""
    return Guard(
        resource="https://mcp.example/mcp",
        issuer="https://login.example",
        policy=Policy(
            base=Rule(scopes={"mcp:read"}),
            rules={("tools/call", name): rule for name, rule in rules.items()},
            hierarchy={"all": {"refunds"}},
        ),
    )


def official_sdk(guard: Guard, scopes: set[str]) -> Any:
    """Return a server of the SDK whose tool ``refund`` needs ``scopes``."""
    from mcp.server.mcpserver import MCPServer

    from doorward.guard.official_sdk import protect

    server: MCPServer[Any] = MCPServer("shop")

    @server.tool()
    @requires(scopes=scopes, roles={"manager"})
    async def refund(order: str) -> str:
        return order

    return protect(server, guard)


def fastmcp(guard: Guard, scopes: set[str]) -> Any:
    """Return a server of FastMCP whose tool ``refund`` needs ``scopes``."""
    from fastmcp import FastMCP

    from doorward.guard.fastmcp import protect

    server: FastMCP[Any] = FastMCP("shop")

    @server.tool
    @requires(scopes=scopes, roles={"manager"})
    async def refund(order: str) -> str:
        return order

    return protect(server, guard)


each_server = pytest.mark.parametrize("build", [official_sdk, fastmcp])


def caller(*scopes: str, roles: frozenset[str] = frozenset()) -> Identity:
    """Return somebody who holds this."""
    return Identity(
        issuer="https://login.example",
        subject="alice",
        client_id="client",
        scopes=frozenset(scopes),
        roles=roles,
        expires_at=2e9,
    )


@each_server
def test_the_matrix_has_what_stands_beside_the_tools_and_what_the_operator_wrote(
    build: Build,
) -> None:
    app = build(guard(refund=Rule("till"), report=Rule("reports")), {"refunds"})

    rows = {row.name: who(row) for row in matrix_of(app).rows}

    assert rows == {
        "refund": "anybody with mcp:read and refunds or all and till, as manager",
        "report": "anybody with mcp:read and reports",
    }


@each_server
@pytest.mark.parametrize(
    ("who", "reason"),
    [
        (caller("mcp:read", "refunds", roles=frozenset({"manager"})), "allowed"),
        (caller("mcp:read", "all", roles=frozenset({"manager"})), "allowed"),
        (caller("refunds", roles=frozenset({"manager"})), "scope-missing"),
        (caller("mcp:read", roles=frozenset({"manager"})), "scope-missing"),
        (caller("mcp:read", "refunds"), "role-missing"),
    ],
)
def test_an_explanation_agrees_with_the_decision(build: Build, who: Identity, reason: str) -> None:
    policy = policy_of(build(guard(), {"refunds"}))

    told = explain(policy, who, REFUND)
    failed = {step.question for step in told.steps if step.passed is False}

    assert told.decision == policy.decide(who, REFUND)
    assert told.decision.reason == reason
    assert failed == ({reason.removesuffix("-missing")} if reason != "allowed" else set())


@each_server
def test_a_tool_whose_author_drops_a_scope_fails_the_snapshot(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "permissions.json"
    with monkeypatch.context() as patch:
        patch.setenv("DOORWARD_UPDATE_SNAPSHOT", "1")
        assert_permissions_unchanged(build(guard(), {"refunds"}), file)

    assert_permissions_unchanged(build(guard(), {"refunds"}), file)
    with pytest.raises(AssertionError, match="tools/call refund"):
        assert_permissions_unchanged(build(guard(), set()), file)
