"""A tool of the official SDK that calls another by a name from its arguments acts for its caller."""

# mypy: disable-error-code="untyped-decorator"

from typing import Any

import pytest
from mcp.server.mcpserver import Context, MCPServer

from doorward.integrations.declared_rules import requires
from doorward.integrations.mcp_sdk import protect
from doorward.policy import Policy, Rule
from tests.integrations.guarded_server import GuardedServer
from tests.integrations.test_tools_and_lists import result_of
from tests.ledger import proves

READ, ADMIN = Rule(scopes={"mcp:read"}), Rule(scopes={"shop:admin"})
POLICY = Policy(
    base=READ,
    rules={
        **{(method, "*"): READ for method in ("tools/call", "prompts/get", "resources/read")},
        ("tools/call", "delete"): ADMIN,
        ("prompts/get", "layoffs"): ADMIN,
        ("resources/read", "files://salaries.txt"): ADMIN,
    },
)
ADMINS = requires(scopes={"shop:admin"})
SECRET = ("delete", "shred", "layoffs", "files://salaries.txt", "files://plans.txt")


def shop(ran: list[str], name: str = "shop") -> MCPServer[Any]:
    """Return a server with secrets by the operator's and by the author's rules."""
    server: MCPServer[Any] = MCPServer(name)

    def runs(what: str) -> Any:
        def run() -> str:
            ran.append(what)
            return what

        return run

    for tool in ("look", "delete"):
        server.tool(name=tool)(runs(tool))
    server.tool(name="shred")(ADMINS(runs("shred")))
    for prompt in ("hello", "layoffs"):
        server.prompt(name=prompt)(runs(prompt))
    for uri in ("files://menu.txt", "files://salaries.txt"):
        server.resource(uri)(runs(uri))
    server.resource("files://plans.txt")(ADMINS(runs("files://plans.txt")))
    return server


def with_helpers(server: MCPServer[Any], other: MCPServer[Any]) -> MCPServer[Any]:
    """Return ``server`` with tools that reach the rest of it, and another server."""

    @server.tool()
    async def call(name: str) -> str:
        return str(await server.call_tool(name, {}))

    @server.tool()
    async def get(name: str) -> str:
        return str(await server.get_prompt(name, {}))

    @server.tool()
    async def read(name: str, ctx: Context) -> str:
        return str(list(await ctx.read_resource(name)))

    @server.tool()
    async def elsewhere(name: str) -> str:
        return str(await other.call_tool(name, {}))

    @server.tool()
    async def everything() -> str:
        lists = (server.list_tools, server.list_prompts, server.list_resources)
        return str([one for listing in lists for one in await listing()])

    return server


async def call(
    guarded_server: GuardedServer, http: Any, tool: str, **arguments: str
) -> dict[str, Any]:
    """Return the result of a tool."""
    answer = await guarded_server.modern(http, "tools/call", name=tool, arguments=arguments)
    found: dict[str, Any] = result_of(answer)["result"]
    return found


@proves("S185", "accepts", "every name of a tool")
@proves("S185", "refuses", "every name of a tool")
@pytest.mark.parametrize(
    ("tool", "name", "openly"),
    [
        ("call", "delete", "look"),
        ("call", "shred", "look"),
        ("get", "layoffs", "hello"),
        ("read", "files://salaries.txt", "files://menu.txt"),
        ("read", "files://plans.txt", "files://menu.txt"),
        ("read", "files://s%61laries.txt", "files://menu.txt"),
    ],
)
async def test_a_nested_call_is_checked_for_the_caller(tool: str, name: str, openly: str) -> None:
    ran: list[str] = []
    guarded_server = GuardedServer(POLICY)
    server = with_helpers(shop(ran), shop([]))
    async with (
        guarded_server.serving(protect(server, guarded_server.guard)),
        guarded_server.http("alice") as alice,
        guarded_server.http("mia", "shop:admin") as mia,
    ):
        refused = await call(guarded_server, alice, tool, name=name)
        await call(guarded_server, alice, tool, name=openly)
        await call(guarded_server, mia, tool, name=name)

    assert refused["isError"] is True
    assert ran == [openly, *([] if "%" in name else [name])]
    by_alice = [one for one in guarded_server.events if one.subject == "alice"]
    assert [(one.decision, one.name) for one in by_alice[:2]] == [
        ("refused", name),
        ("served", tool),
    ]
    assert by_alice[0].correlation_id == by_alice[1].correlation_id


@proves("S197", "accepts", "one decision everywhere")
@proves("S197", "refuses", "one decision everywhere")
async def test_a_listing_tool_returns_only_what_its_caller_may_use() -> None:
    guarded_server = GuardedServer(POLICY)
    server = with_helpers(shop([]), shop([]))
    async with (
        guarded_server.serving(protect(server, guarded_server.guard)),
        guarded_server.http("alice") as alice,
        guarded_server.http("mia", "shop:admin") as mia,
    ):
        seen = [str(await call(guarded_server, http, "everything")) for http in (alice, mia)]

    assert [one in seen[0] for one in SECRET] == [False] * len(SECRET)
    assert [one in seen[1] for one in SECRET] == [True] * len(SECRET)
    assert "files://menu.txt" in seen[0]


async def test_calls_to_another_server_and_calls_without_a_caller_are_not_checked() -> None:
    ran: list[str] = []
    guarded_server = GuardedServer(POLICY)
    other = shop(ran, "other")
    server = with_helpers(shop(ran), other)
    protect(other, GuardedServer(POLICY).guard)
    async with (
        guarded_server.serving(protect(server, guarded_server.guard)),
        guarded_server.http("alice") as alice,
    ):
        await call(guarded_server, alice, "elsewhere", name="delete")
    await server.call_tool("call", {"name": "delete"})

    assert ran == ["delete", "delete"]
