"""However a FastMCP tool comes to its name, the rule of the function behind it holds."""

# mypy: disable-error-code="untyped-decorator"

from typing import Annotated, Any

import pytest
from fastmcp import FastMCP
from fastmcp.apps.app import FastMCPApp
from fastmcp.server.auth import require_scopes, restrict_tag
from fastmcp.server.context import Context
from fastmcp.server.providers.addressing import hashed_backend_name
from fastmcp.server.transforms import ToolTransform
from fastmcp.tools.tool_transform import ToolTransformConfig
from pydantic import Field

from doorward.integrations.declared_rules import requires
from doorward.integrations.fastmcp import protect
from doorward.integrations.mcp_sdk import protect as protect_sdk
from doorward.policy import Policy, Rule
from tests.integrations.guarded_server import META, GuardedServer
from tests.integrations.test_tools_and_lists import names, result_of


async def _ask(
    guarded_server: GuardedServer, server: FastMCP[Any], tool: str, *scopes: str, **more: Any
) -> Any:
    async with (
        guarded_server.serving(protect(server, guarded_server.guard)),
        guarded_server.http("alice", *scopes) as http,
    ):
        return await guarded_server.modern(http, "tools/call", name=tool, arguments={}, **more)


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(requires(scopes={"shop:x"}), id="ours"),
        pytest.param(require_scopes("shop:x"), id="fastmcps"),
        pytest.param([restrict_tag("staff", scopes=["shop:x"])], id="by-tag"),
    ],
)
async def test_a_check_in_auth_is_enforced_with_403_before_the_tool_runs(check: Any) -> None:
    guarded_server = GuardedServer()
    server: FastMCP[Any] = FastMCP("shop")

    @server.tool(auth=check, tags={"staff"})
    async def guarded() -> str:
        return "done"

    async with (
        guarded_server.serving(protect(server, guarded_server.guard)),
        guarded_server.http("alice") as alice,
        guarded_server.http("mia", "shop:x") as mia,
    ):
        refused = await guarded_server.modern(alice, "tools/call", name="guarded", arguments={})
        served = await guarded_server.modern(mia, "tools/call", name="guarded", arguments={})
        seen = [
            names(await guarded_server.modern(http, "tools/list"), "tools") for http in (alice, mia)
        ]

    assert refused.status_code == 403
    assert 'scope="mcp:read shop:x"' in refused.headers["www-authenticate"]
    assert result_of(served)["result"]["content"][0]["text"] == "done"
    assert seen == [set(), {"guarded"}]


async def test_a_tool_of_a_mounted_server_keeps_its_rule_under_its_new_name() -> None:
    child: FastMCP[Any] = FastMCP("child")

    @child.tool
    @requires(scopes={"shop:x"})
    async def guarded() -> str:
        return "done"

    server: FastMCP[Any] = FastMCP("shop")
    server.mount(child, namespace="child")

    refused = await _ask(GuardedServer(), server, "child_guarded")
    served = await _ask(GuardedServer(), server, "child_guarded", "shop:x")

    assert refused.status_code == 403
    assert result_of(served)["result"]["content"][0]["text"] == "done"


async def test_a_renamed_tool_keeps_its_rule() -> None:
    server: FastMCP[Any] = FastMCP("shop")

    @server.tool
    @requires(scopes={"shop:x"})
    async def guarded() -> str:
        return "done"

    server.add_transform(ToolTransform({"guarded": ToolTransformConfig(name="renamed")}))

    refused = await _ask(GuardedServer(), server, "renamed")
    served = await _ask(GuardedServer(), server, "renamed", "shop:x")

    assert refused.status_code == 403
    assert result_of(served)["result"]["content"][0]["text"] == "done"


async def test_the_rules_of_all_versions_of_a_tool_apply() -> None:
    server: FastMCP[Any] = FastMCP("shop")

    @server.tool(name="guarded", version="1")
    @requires(scopes={"shop:x"})
    async def old() -> str:
        return "old"

    @server.tool(name="guarded", version="2")
    @requires()
    async def new() -> str:
        return "new"

    refused = await _ask(GuardedServer(), server, "guarded")
    served = await _ask(GuardedServer(), server, "guarded", "shop:x")

    assert refused.status_code == 403
    assert result_of(served)["result"]["content"][0]["text"] == "new"


async def test_a_tool_mounted_after_start_up_is_checked_when_it_is_called() -> None:
    # A tool that appears between two readings, under a name that the operator lets everybody use.
    guarded_server = GuardedServer(Policy(base=Rule(scopes={"mcp:read"}), unknown="base"))
    child: FastMCP[Any] = FastMCP("child")
    server: FastMCP[Any] = FastMCP("shop")
    server.mount(child, namespace="child")

    @child.tool
    @requires(scopes={"shop:x"})
    async def guarded() -> str:
        return "done"

    async with (
        guarded_server.serving(protect(server, guarded_server.guard)),
        guarded_server.http("alice") as alice,
    ):
        server.mount(child, namespace="again")
        answer = await guarded_server.modern(
            alice, "tools/call", name="again_guarded", arguments={}
        )

    assert "done" not in answer.text


async def test_a_requested_version_does_not_bypass_the_rule() -> None:
    server: FastMCP[Any] = FastMCP("shop")

    @server.tool(name="guarded", version="1")
    @requires(scopes={"shop:x"})
    async def old() -> str:
        return "old"

    @server.tool(name="guarded", version="2")
    @requires()
    async def new() -> str:
        return "new"

    guarded_server = GuardedServer()
    meta = {**META, "fastmcp": {"version": "1"}}
    headers = {
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "guarded",
    }
    params = {"name": "guarded", "arguments": {}, "_meta": meta}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    async with (
        guarded_server.serving(protect(server, guarded_server.guard)),
        guarded_server.http("alice") as alice,
    ):
        answer = await alice.post(guarded_server.resource, json=body, headers=headers)

    assert answer.status_code == 403


@pytest.mark.parametrize("mounted", [False, True], ids=["own", "mounted"])
async def test_a_header_that_disagrees_with_an_argument_is_refused_as_without_the_guard(
    mounted: bool,
) -> None:
    region = Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})]
    child: FastMCP[Any] = FastMCP("child")

    async def where(region: str) -> str:
        return region

    where.__annotations__["region"] = region
    child.tool(requires()(where))
    server = child
    if mounted:
        server = FastMCP("shop")
        server.mount(child)

    guarded_server = GuardedServer()
    call: dict[str, Any] = {"name": "where", "arguments": {"region": "north"}}
    async with (
        guarded_server.serving(protect(server, guarded_server.guard)),
        guarded_server.http("alice") as alice,
    ):
        alice.headers["mcp-param-region"] = "north"
        agreed = await guarded_server.modern(alice, "tools/call", **call)
        alice.headers["mcp-param-region"] = "south"
        refused = await guarded_server.modern(alice, "tools/call", **call)

    assert result_of(agreed)["result"]["content"][0]["text"] == "north"
    assert (refused.status_code, result_of(refused)["error"]["code"]) == (400, -32020)


async def test_a_custom_schema_lookup_of_the_author_stays_in_use() -> None:
    server: FastMCP[Any] = FastMCP("shop")

    @server.tool
    @requires()
    async def where(region: str) -> str:
        return region

    schema = {"properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}
    server._mcp_server.get_tool_input_schema = lambda name: schema
    guarded_server = GuardedServer()
    async with (
        guarded_server.serving(protect(server, guarded_server.guard)),
        guarded_server.http("alice") as alice,
    ):
        alice.headers["mcp-param-region"] = "south"
        call: dict[str, Any] = {"name": "where", "arguments": {"region": "north"}}
        refused = await guarded_server.modern(alice, "tools/call", **call)

    assert (refused.status_code, result_of(refused)["error"]["code"]) == (400, -32020)


async def test_a_rule_is_kept_when_a_library_wraps_the_function() -> None:
    from mcp.server.mcpserver import Context as TheirContext
    from mcp.server.mcpserver import MCPServer

    server: FastMCP[Any] = FastMCP("shop")
    other = MCPServer("shop")

    @server.prompt
    @requires(scopes={"shop:x"})
    def letter(order: str, ctx: Context) -> str:
        return order

    @server.resource("shop://orders/{number}")
    @requires(scopes={"shop:x"})
    def order(number: str, ctx: Context) -> str:
        return number

    @other.prompt()
    @requires(scopes={"shop:x"})
    def note(order: str, ctx: TheirContext) -> str:
        return order

    guarded_server, another = GuardedServer(), GuardedServer()
    async with (
        guarded_server.serving(protect(server, guarded_server.guard)),
        guarded_server.http("alice") as alice,
    ):
        written = await guarded_server.modern(
            alice, "prompts/get", name="letter", arguments={"order": "7"}
        )
        read = await guarded_server.modern(alice, "resources/read", uri="shop://orders/7")
    async with (
        another.serving(protect_sdk(other, another.guard)),
        another.http("alice") as alice,
    ):
        noted = await another.modern(alice, "prompts/get", name="note", arguments={"order": "7"})

    assert [one.status_code for one in (written, read, noted)] == [403, 403, 403]


async def test_the_backend_name_of_an_app_tool_does_not_bypass_its_rule() -> None:
    pages: FastMCPApp = FastMCPApp("pages")

    @pages.tool()
    @requires(scopes={"shop:x"})
    async def save(order: str) -> str:
        return f"saved {order}"

    server: FastMCP[Any] = FastMCP("shop", providers=[pages])
    # An operator who lets everybody use whatever has no rule.
    guarded_server = GuardedServer(Policy(base=Rule(scopes={"mcp:read"}), unknown="base"))
    call: dict[str, Any] = {
        "name": hashed_backend_name("pages", "save"),
        "arguments": {"order": "7"},
    }
    async with (
        guarded_server.serving(protect(server, guarded_server.guard)),
        guarded_server.http("alice") as alice,
        guarded_server.http("mia", "shop:x") as mia,
    ):
        refused = await guarded_server.modern(alice, "tools/call", **call)
        served = await guarded_server.modern(mia, "tools/call", **call)

    assert refused.status_code == 403
    assert result_of(served)["result"]["content"][0]["text"] == "saved 7"
