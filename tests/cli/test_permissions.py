"""``who-can`` and ``why``: the user's own rules, printed, compared and explained."""

import io
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from doorward import Guard, McpServer, Policy, Rule
from doorward.testing import TokenMint
from doorward.tokens import LocalKeys, TrustedIssuer, new_api_key
from tests.cli.conftest import Command
from tests.ledger import proves

MINT = TokenMint(issuer="https://login.example", audience="https://mcp.example/mcp")
SHOP = """
from tests.cli.test_permissions import make
server, guard, policy = make(scopes={scopes!r})
nothing = object()
"""


def make(scopes: set[str]) -> tuple[McpServer, Guard, Policy]:
    """Return a shop whose tool ``refund`` needs ``scopes``."""
    server = McpServer("shop", version="1")

    @server.tool(scopes=scopes, roles={"manager"})
    async def refund(order: str) -> str:
        return order

    policy = Policy(
        base=Rule(scopes={"mcp:read"}), rules=server.rules, hierarchy={"all": {"refunds"}}
    )
    issuer = TrustedIssuer(
        issuer=MINT.issuer, audience="https://mcp.example/mcp", keys=LocalKeys(MINT.jwks)
    )
    return (
        server,
        Guard(resource="https://mcp.example/mcp", issuers=[issuer], policy=policy),
        policy,
    )


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[Path]:
    """A module of the user's own in the present directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    module = tmp_path / "shop.py"
    module.write_text(SHOP.format(scopes={"refunds"}))
    yield module
    sys.modules.pop("shop", None)


def changed(shop: Path, scopes: set[str]) -> None:
    """Change what the tool needs."""
    sys.modules.pop("shop", None)
    shop.unlink()
    shop.write_text(SHOP.format(scopes=scopes) + f"# {sorted(scopes)}, not from a cached file\n")


def piped(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Put ``text`` on standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_the_matrix_lists_the_requirements_of_each_tool(doorward: Command) -> None:
    ended = doorward("who-can", "shop:guard")

    assert ended.status == 0
    assert ended.out.splitlines() == [
        "tools/call refund\tmcp:read refunds (or all)\tmanager\tany",
        "(what describes the server)\tmcp:read\t-\tany",
        "(everything else)\tnobody\tnobody\tnobody",
    ]


def test_the_matrix_can_be_printed_as_a_markdown_table(doorward: Command) -> None:
    lines = doorward("who-can", "shop:guard", "--markdown").out.splitlines()

    assert lines[0] == "| OPERATION | ALL OF THESE SCOPES | A ROLE OF | KINDS OF CALLER |"
    assert lines[1] == "| --- | --- | --- | --- |"
    assert lines[2] == "| tools/call refund | mcp:read refunds (or all) | manager | any |"


@pytest.mark.parametrize("source", ["guard", "policy", "server"])
def test_the_matrix_as_json_lists_scopes_and_roles(doorward: Command, source: str) -> None:
    operations = doorward("who-can", f"shop:{source}", "--json").document["operations"]

    assert "refunds" in operations["tools/call refund"]["scopes"]
    assert operations["tools/call refund"]["roles"] == [["manager"]]


def test_an_unchanged_snapshot_exits_with_zero(doorward: Command, shop: Path) -> None:
    assert doorward("who-can", "shop:guard", "--write", "permissions.json").status == 0

    assert doorward("who-can", "shop:guard", "--check", "permissions.json").status == 0


def test_a_wider_rule_is_named_and_exits_with_one(doorward: Command, shop: Path) -> None:
    doorward("who-can", "shop:guard", "--write", "permissions.json")
    changed(shop, set())

    ended = doorward("who-can", "shop:guard", "--check", "permissions.json")

    assert ended.status == 1
    assert ended.out.startswith("tools/call refund\twider\t")


def test_a_narrower_rule_is_named_and_exits_with_zero(doorward: Command, shop: Path) -> None:
    doorward("who-can", "shop:guard", "--write", "permissions.json")
    changed(shop, {"refunds", "more"})

    ended = doorward("who-can", "shop:guard", "--check", "permissions.json", "--json")

    assert ended.status == 0
    assert [one["change"] for one in ended.document["changes"]] == ["narrower"]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("shop", "not-a-target"),
        (":guard", "not-a-target"),
        ("no_such_module:x", "cannot-import"),
        ("shop:no_such_name", "no-such-name"),
        ("shop:nothing", "no-policy"),
    ],
)
def test_an_invalid_target_is_refused_with_its_reason(
    doorward: Command, target: str, reason: str
) -> None:
    ended = doorward("who-can", target, "--json")

    assert (ended.status, ended.document["error"]["code"]) == (2, reason)


def test_a_failing_module_prints_no_traceback(doorward: Command, shop: Path) -> None:
    shop.write_text("raise RuntimeError('no database')\n")

    ended = doorward("who-can", "shop:guard")

    assert ended.status == 2
    assert "RuntimeError: no database" in ended.err
    assert "Traceback" not in ended.err


def test_why_prints_every_step_of_an_allowed_call_and_exits_with_zero(doorward: Command) -> None:
    ended = doorward(
        "why", "alice", "refund", "--at", "shop:guard", "--scopes", "mcp:read,all",
        "--roles", "manager",
    )  # fmt: skip

    assert ended.status == 0
    assert ended.out.splitlines() == [
        "yes\trule\ta rule\tits own, and the base rule",
        "yes\tkind\tany kind\tperson",
        "yes\tscope\tmcp:read\theld",
        "yes\tscope\trefunds\tcontained in all",
        "yes\trole\tmanager\tmanager",
        "alice may tools/call refund (allowed)",
    ]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("refund", "--roles", "manager"), "scope-missing"),
        (("refund", "--scopes", "mcp:read,refunds"), "role-missing"),
        (("no_such_tool",), "unknown-operation"),
        (("refund", "--method", "prompts/get"), "unknown-operation"),
    ],
)
def test_why_prints_the_reason_of_a_refused_call_and_exits_with_one(
    doorward: Command, words: tuple[str, ...], reason: str
) -> None:
    ended = doorward("why", "alice", *words, "--at", "shop:guard", "--json")

    assert (ended.status, ended.document["allowed"]) == (1, False)
    assert ended.document["reason"] == reason


def test_a_missing_scope_lists_all_required_scopes(doorward: Command) -> None:
    ended = doorward("why", "alice", "refund", "--at", "shop:guard", "--roles", "manager")

    assert 'scope="mcp:read refunds"' in ended.err


def test_a_token_on_standard_input_is_verified_by_the_guard(
    doorward: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    piped(monkeypatch, MINT.mint("alice", scopes={"mcp:read", "refunds"}, roles={"manager"}) + "\n")

    ended = doorward("why", "-", "refund", "--at", "shop:guard")

    assert ended.status == 0
    assert "alice may" in ended.out


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [({"exp": 1}, "outside-lifetime"), ({"aud": "https://other.example"}, "wrong-audience")],
)
def test_a_token_that_the_guard_refuses_is_reported_with_its_reason(
    doorward: Command, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any], reason: str
) -> None:
    token = MINT.mint("alice", scopes={"mcp:read", "refunds"}, roles={"manager"}, **wrong)
    piped(monkeypatch, token)

    ended = doorward("why", "-", "refund", "--at", "shop:guard", "--json")

    assert (ended.status, ended.document["reason"]) == (1, reason)
    assert token not in ended.out + ended.err


def test_an_api_key_on_the_command_line_is_refused(doorward: Command) -> None:
    key, _ = new_api_key(name="nightly", now=time.time(), lifetime=60)

    ended = doorward("why", key, "refund", "--at", "shop:guard", "--json")

    assert (ended.status, ended.document["error"]["code"]) == (2, "token-in-arguments")
    assert key not in ended.out + ended.err


def test_without_a_guard_a_token_is_decoded_and_reported_as_unverified(
    doorward: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    piped(monkeypatch, MINT.mint("alice", scopes={"refunds"}, roles={"manager"}))

    ended = doorward("why", "-", "refund", "--at", "shop:server")

    assert ended.status == 0
    assert "not verified" in ended.err


def test_a_token_on_the_command_line_is_refused(doorward: Command) -> None:
    token = MINT.mint("alice")

    ended = doorward("why", token, "refund", "--at", "shop:guard", "--json")

    assert (ended.status, ended.document["error"]["code"]) == (2, "token-in-arguments")
    assert token not in ended.out + ended.err


def test_an_unknown_kind_is_refused(doorward: Command) -> None:
    ended = doorward("why", "x", "refund", "--at", "shop:guard", "--kind", "robot", "--json")

    assert (ended.status, ended.document["error"]["code"]) == (2, "not-a-kind")


SERVERS = """
from doorward import Guard, Policy, Rule
from doorward.integrations.declared_rules import requires

def guarded():
    return Guard(resource="https://mcp.example/mcp", issuer="https://login.example",
                 policy=Policy(base=Rule("mcp:read")))

def refund(order: str) -> str:
    return order

refund = requires(scopes={scopes!r})(refund)

from mcp.server.mcpserver import MCPServer
from doorward.integrations.mcp_sdk import protect
guard = guarded()
server = MCPServer("shop")
server.add_tool(refund)
app = protect(server, guard)

from fastmcp import FastMCP
from doorward.integrations.fastmcp import GuardAuth
waiting = guarded()
mcp = FastMCP("shop", auth=GuardAuth(waiting))
mcp.tool(refund)
web = mcp.http_app()
bare = guarded()
"""


@proves("S193", "accepts", "an empty matrix fails")
@proves("S193", "refuses", "an empty matrix fails")
@pytest.mark.parametrize("target", ["guard", "app", "mcp", "web"])
def test_snapshots_and_explanations_work_for_other_server_types(
    doorward: Command, shop: Path, target: str
) -> None:
    shop.write_text(SERVERS.format(scopes={"admin"}))
    asking = ("why", "alice", "refund", "--at", f"shop:{target}", "--scopes", "mcp:read,admin")

    assert doorward("who-can", f"shop:{target}", "--write", "permissions.json").status == 0
    assert doorward("who-can", f"shop:{target}", "--check", "permissions.json").status == 0
    assert doorward(*asking).status == 0
    sys.modules.pop("shop", None)
    shop.unlink()
    shop.write_text(SERVERS.format(scopes=set()) + "# public now, not from a cached file\n")
    ended = doorward("who-can", f"shop:{target}", "--check", "permissions.json")

    assert ended.status == 1
    assert ended.out.startswith("tools/call refund\twider\t")


@proves("S193", "refuses", "an empty matrix fails")
@pytest.mark.parametrize(
    ("target", "reason"), [("bare", "no-operations"), ("waiting", "unseen-server")]
)
@pytest.mark.parametrize(
    "verb", [("who-can",), ("who-can", "--write", "new.json"), ("why", "alice", "refund", "--at")]
)
def test_a_guard_without_operations_is_refused(
    doorward: Command, shop: Path, target: str, reason: str, verb: tuple[str, ...]
) -> None:
    shop.write_text(SERVERS.format(scopes={"admin"}))

    ended = doorward(*verb, f"shop:{target}", "--json")

    assert ended.status != 0
    assert reason in ended.out + ended.err
    assert not Path("new.json").exists()


FILE = """
[[mcp_servers]]
resource = "https://mcp.example/mcp"
upstream = "http://127.0.0.1:9000/mcp"
issuer = "https://login.example"

[mcp_servers.policy.tools.refund.arguments]
amount = { type = "integer", maximum = 100 }
user_id = { claim = "sub" }
"""


@pytest.mark.parametrize(
    ("given", "status", "found"),
    [
        (["amount=100", "user_id=alice"], 0, "alice may tools/call refund (allowed)"),
        (["amount=101", "user_id=alice"], 1, "alice may not tools/call refund (argument-refused)"),
        (["amount=100", "user_id=bob"], 1, "must be the value of your own claim sub"),
        (["amount=100"], 1, "user_id"),
        ([], 0, "a call with other arguments can be refused"),
    ],
)
def test_why_decides_on_the_arguments_of_a_call(
    doorward: Command, tmp_path: Path, given: list[str], status: int, found: str
) -> None:
    (tmp_path / "doorward.toml").write_text(FILE)
    options = [word for one in given for word in ("--argument", one)]

    told = doorward("why", "alice", "refund", "--at", "doorward.toml", *options)

    assert told.status == status
    assert found in told.out + told.err


def test_who_can_shows_the_conditions_of_a_file(doorward: Command, tmp_path: Path) -> None:
    (tmp_path / "doorward.toml").write_text(FILE)

    told = doorward("who-can", "doorward.toml")

    assert told.status == 0
    assert (
        '{"amount": {"maximum": 100, "type": "integer"}, "user_id": {"claim": "sub"}}' in told.out
    )


def test_a_file_with_several_servers_needs_the_name_of_one(
    doorward: Command, tmp_path: Path
) -> None:
    second = FILE.replace("mcp.example/mcp", "mcp.example/two")
    (tmp_path / "doorward.toml").write_text(FILE + second)

    told = doorward("who-can", "doorward.toml")

    assert told.status == 2
    assert "which-server" in told.err
    assert doorward("who-can", "doorward.toml:https://mcp.example/two").status == 0


def test_a_condition_that_is_removed_or_changed_makes_permissions_wider(
    doorward: Command, tmp_path: Path
) -> None:
    file = tmp_path / "doorward.toml"
    file.write_text(FILE)
    doorward("who-can", "doorward.toml", "--write", "permissions.json")

    assert doorward("who-can", "doorward.toml", "--check", "permissions.json").status == 0
    file.write_text(FILE.replace("maximum = 100", "maximum = 1000"))
    assert doorward("who-can", "doorward.toml", "--check", "permissions.json").status == 1
    file.write_text(FILE + 'note = { type = "string" }\n')
    assert doorward("who-can", "doorward.toml", "--check", "permissions.json").status == 1
    file.write_text(FILE.partition("[mcp_servers.policy")[0] + "[mcp_servers.policy.tools.refund]")
    assert doorward("who-can", "doorward.toml", "--check", "permissions.json").status == 1
