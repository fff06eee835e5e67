"""A FastMCP proxy behind a guard: what the server beyond is sent, and whose rules hold."""

# mypy: disable-error-code="untyped-decorator"

from typing import Any

import pytest
from fastmcp import Client, Context, FastMCP
from fastmcp.contrib.bulk_tool_caller import BulkToolCaller
from fastmcp.server import create_proxy
from fastmcp.server.dependencies import get_http_headers

from doorward.integrations.declared_rules import requires
from doorward.integrations.fastmcp import GuardAuth, protect
from doorward.integrations.mcp_sdk.adapter import BEARER_PLACEHOLDER
from doorward.policy import Policy, Rule
from tests.e2e.processes import free_port
from tests.integrations.guarded_server import GuardedServer
from tests.integrations.test_tools_and_lists import names
from tests.ledger import proves
from tests.mcp_server import loopback_server as loopback

READ = Rule(scopes={"mcp:read"})
OPEN = Policy(
    base=READ,
    rules={(method, "*"): READ for method in ("tools/call", "prompts/get", "resources/read")},
)


def with_auth(server: FastMCP[Any], guard: Any) -> Any:
    """Return the server as ``GuardAuth`` protects it."""
    server.auth = GuardAuth(guard)
    return server.http_app(path=guard.path)


@proves("sec-no-passthrough", "accepts")
@proves("sec-no-passthrough", "refuses")
@pytest.mark.parametrize(
    ("guarded", "sent_on"),
    [(protect, None), (with_auth, f"Bearer {BEARER_PLACEHOLDER}")],
    ids=["protect", "auth-provider"],
)
async def test_a_proxy_forwards_the_headers_of_its_callers_without_their_token(
    guarded: Any, sent_on: str | None
) -> None:
    seen: list[dict[str, str]] = []
    beyond: FastMCP[Any] = FastMCP("beyond")

    @beyond.tool
    def ping() -> str:
        seen.append(get_http_headers(include_all=True))
        return "pong"

    guarded_server, port = GuardedServer(OPEN), free_port()
    proxy = create_proxy(f"http://localhost:{port}/mcp")
    async with (
        loopback.serving(beyond.http_app(path="/mcp"), port, lifespan="on"),
        guarded_server.serving(guarded(proxy, guarded_server.guard)),
        guarded_server.http("alice") as alice,
    ):
        alice.headers["x-tenant"] = "blue"
        answer = await guarded_server.modern(alice, "tools/call", name="ping", arguments={})

    assert "pong" in answer.text
    assert [(one["x-tenant"], one.get("authorization")) for one in seen] == [("blue", sent_on)]


def beyond() -> tuple[FastMCP[Any], list[str]]:
    """Return a server with one of each for administrators, and a list of what ran."""
    server, ran = FastMCP[Any]("beyond"), list[str]()

    def runs(what: str) -> Any:
        def run() -> str:
            ran.append(what)
            return what

        return run

    admin = requires(scopes={"shop:admin"})
    server.tool(admin(runs("delete")), name="delete")
    server.tool(runs("look"), name="look")
    server.prompt(admin(runs("layoffs")), name="layoffs")
    server.resource("files://salaries.txt")(admin(runs("files://salaries.txt")))

    @server.resource("vault://{name}")
    @admin
    def vault(name: str) -> str:
        ran.append(f"vault://{name}")
        return name

    return server, ran


ASKED = [
    ("tools/call", "delete"),
    ("prompts/get", "layoffs"),
    ("resources/read", "files://salaries.txt"),
    ("resources/read", "vault://a"),
]


@proves("S185", "accepts", "every name of a tool")
@proves("S185", "refuses", "every name of a tool")
@pytest.mark.parametrize("place", ["itself", "mounted", "mounted-with-a-prefix"])
async def test_rules_of_an_in_process_server_apply_to_its_proxy(
    place: str,
) -> None:
    server, ran = beyond()
    shown: FastMCP[Any] = create_proxy(Client(server))
    if place != "itself":
        parent: FastMCP[Any] = FastMCP("parent")
        parent.mount(shown, namespace="far" if place == "mounted-with-a-prefix" else None)
        shown = parent
    guarded_server = GuardedServer(OPEN)
    async with (
        guarded_server.serving(protect(shown, guarded_server.guard)),
        guarded_server.http("alice") as alice,
        guarded_server.http("mia", "shop:admin") as mia,
    ):
        listed = names(await guarded_server.modern(alice, "tools/list"), "tools")
        prefix = "far_" if place == "mounted-with-a-prefix" else ""
        refused = []
        for http in (alice, mia):
            for method, name in ASKED:
                uri = name.replace("://", "://far/") if prefix else name
                named: dict[str, Any] = (
                    {"uri": uri} if method == "resources/read" else {"name": prefix + name}
                )
                answer = await guarded_server.modern(http, method, **named)
                if http is alice:
                    refused.append(answer.status_code)

    assert listed == {f"{prefix}look"}
    assert refused == [403] * len(ASKED)
    assert ran == [name for _, name in ASKED]


@proves("S185", "accepts", "every name of a tool")
@proves("S185", "refuses", "every name of a tool")
@pytest.mark.parametrize("by", ["call_tool_bulk", "forward"])
async def test_a_proxied_tool_that_calls_other_tools_is_limited_to_permitted_ones(by: str) -> None:
    server, ran = beyond()
    BulkToolCaller().register_tools(server)

    @server.tool
    async def forward(tool: str, ctx: Context) -> str:
        return str((await ctx.fastmcp.call_tool(tool)).content)

    shown: FastMCP[Any] = FastMCP("parent")
    shown.mount(create_proxy(Client(server)), namespace="far")
    admin = Rule(scopes={"shop:admin"})
    guarded_server = GuardedServer(
        Policy(base=READ, rules={**OPEN.rules, ("tools/call", "far_look"): admin})
    )
    more: dict[str, Any] = {"tool_arguments": [{}]} if by == "call_tool_bulk" else {}
    async with (
        guarded_server.serving(protect(shown, guarded_server.guard)),
        guarded_server.http("alice") as alice,
        guarded_server.http("mia", "shop:admin") as mia,
    ):
        for http in (alice, mia):
            for tool in ("look", "delete"):
                named: dict[str, Any] = {"name": f"far_{by}", "arguments": {"tool": tool, **more}}
                answer = await guarded_server.modern(http, "tools/call", **named)
                assert answer.status_code == 200, answer.text
            if http is alice:
                assert ran == []

    assert ran == ["look", "delete"]
