"""Rules written beside tools of other servers: in the matrix, explained, and watched."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doorward import Guard, Identity, McpServer, Policy, Rule
from doorward.errors import ConfigurationError
from doorward.integrations.declared_rules import requires
from doorward.integrations.effective_policy import effective_policy_of
from doorward.policy import Operation
from doorward.policy.matrix import matrix_of, policy_of, who
from doorward.policy.why import explain
from doorward.testing import assert_permissions_unchanged
from tests.ledger import proves

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

    from doorward.integrations.mcp_sdk import protect

    server: MCPServer[Any] = MCPServer("shop")

    @server.tool()
    @requires(scopes=scopes, roles={"manager"})
    async def refund(order: str) -> str:
        return order

    return protect(server, guard)


def fastmcp(guard: Guard, scopes: set[str]) -> Any:
    """Return a server of FastMCP whose tool ``refund`` needs ``scopes``."""
    from fastmcp import FastMCP

    from doorward.integrations.fastmcp import protect

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
def test_the_matrix_combines_rules_of_authors_and_operator(
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


def shop(guard: Guard, library: str, *, public: bool) -> dict[str, Any]:
    """Return what a user could name of a server whose tool ``refund`` is for admins, or ``public``."""
    rule = requires() if public else requires(scopes={"admin"})

    def refund(order: str) -> str:
        return order

    def look() -> str:
        return "nothing beside it"

    server: Any
    if library == "sdk":
        from mcp.server.mcpserver import MCPServer

        from doorward.integrations import mcp_sdk as official_sdk

        server = MCPServer("shop")
        server.add_tool(rule(refund))
        server.add_tool(look)
        return {"app": official_sdk.protect(server, guard), "guard": guard}
    from fastmcp import FastMCP

    from doorward.integrations.fastmcp import GuardAuth, protect

    inner: FastMCP[Any] = FastMCP("inner")
    inner.tool(rule(refund))
    inner.tool(look)
    # Mounted, so that nothing of it can be looked up without asking the server.
    server = FastMCP("shop", auth=GuardAuth(guard) if library == "GuardAuth" else None)
    server.mount(inner)
    if library == "GuardAuth":
        return {"app": server.http_app(), "mcp": server}
    return {"app": protect(server, guard), "guard": guard}


FORMS = [
    *(("sdk", "app"), ("sdk", "guard"), ("fastmcp", "app"), ("fastmcp", "guard")),
    *(("GuardAuth", "app"), ("GuardAuth", "mcp")),
]
each_form = pytest.mark.parametrize(("library", "named"), FORMS)


def written(source: object, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accept the permissions of ``source``."""
    with monkeypatch.context() as patch:
        patch.setenv("DOORWARD_UPDATE_SNAPSHOT", "1")
        assert_permissions_unchanged(source, file)


@proves("S193", "accepts", "an empty matrix fails")
@each_form
async def test_the_matrix_includes_operations_without_a_rule(library: str, named: str) -> None:
    """Asked within a running event loop, as in a test of a user's own."""
    source = shop(guard(), library, public=False)[named]

    rows = {row.name: who(row) for row in matrix_of(effective_policy_of(source).policy).rows}

    assert rows == {"refund": "anybody with admin and mcp:read", "look": "nobody"}


@proves("S193", "accepts", "an empty matrix fails")
@each_form
def test_the_matrix_includes_operations_that_the_base_rule_allows(library: str, named: str) -> None:
    opened = Guard(
        resource="https://mcp.example/mcp",
        issuer="https://login.example",
        policy=Policy(base=Rule(scopes={"mcp:read"}), unknown="base"),
    )
    source = shop(opened, library, public=False)[named]

    rows = {row.name: who(row) for row in matrix_of(effective_policy_of(source).policy).rows}

    assert rows["look"] == "anybody with mcp:read"


@proves("S193", "refuses", "an empty matrix fails")
@each_form
def test_a_tool_for_admins_that_becomes_public_fails_the_snapshot(
    library: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "permissions.json"
    before, after = (shop(guard(), library, public=public)[named] for public in (False, True))
    written(before, file, monkeypatch)

    assert assert_permissions_unchanged(before, file) == []
    with pytest.raises(AssertionError, match="tools/call refund: now anybody with mcp:read; "):
        assert_permissions_unchanged(after, file)


@proves("S193", "accepts", "an empty matrix fails")
@each_form
def test_an_explanation_uses_the_rules_of_the_server(library: str, named: str) -> None:
    source = shop(guard(), library, public=False)[named]

    told = explain(effective_policy_of(source).policy, caller("mcp:read", "admin"), REFUND)

    assert told.decision.allowed
    assert effective_policy_of(source).verifier is not None


@proves("S193", "refuses", "an empty matrix fails")
def test_a_tool_that_gets_its_first_rule_fails_the_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "permissions.json"
    written(shop(guard(), "sdk", public=True)["app"], file, monkeypatch)

    with pytest.raises(AssertionError, match=r"tools/call look: now anybody .*; before nobody"):
        assert_permissions_unchanged(shop(guard(look=Rule()), "sdk", public=True)["app"], file)


@proves("S193", "refuses", "an empty matrix fails")
@pytest.mark.parametrize(
    "source",
    [
        pytest.param(guard, id="a-guard-that-no-adapter-has-seen"),
        pytest.param(Policy, id="a-policy-without-rules"),
        pytest.param(lambda: McpServer("shop", version="1"), id="a-server-without-tools"),
        pytest.param(
            lambda: guard().protect(McpServer("shop", version="1").asgi), id="an-app-without-rules"
        ),
    ],
)
def test_a_source_without_operations_is_refused_with_a_hint(
    source: Callable[[], object], tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        assert_permissions_unchanged(source(), tmp_path / "permissions.json")

    assert refusal.value.reason == "no-operations"
    assert "module:app" in refusal.value.hint


@proves("S193", "refuses", "an empty matrix fails")
def test_a_guard_without_its_fastmcp_server_is_refused_even_with_rules() -> None:
    from doorward.integrations.fastmcp import GuardAuth

    waiting = guard(report=Rule("reports"))
    GuardAuth(waiting)
    with pytest.raises(ConfigurationError) as refusal:
        effective_policy_of(waiting)

    assert refusal.value.reason == "unseen-server"
    assert "module:mcp" in refusal.value.hint


@proves("S193", "refuses", "an empty matrix fails")
def test_a_guard_of_two_servers_has_no_single_policy() -> None:
    both = guard()
    apps = [shop(both, "sdk", public=public)["app"] for public in (False, True)]
    with pytest.raises(ConfigurationError) as refusal:
        effective_policy_of(both)

    assert refusal.value.reason == "several-servers"
    assert all(effective_policy_of(app).policy for app in apps)
