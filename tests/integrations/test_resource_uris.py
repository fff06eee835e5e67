"""What ran is what the rule was about, whatever spelling of its URI came: seen in the functions."""

# mypy: disable-error-code="untyped-decorator"

from collections.abc import Callable
from typing import Any

import pytest

from doorward import Guard, McpServer, Policy, Rule
from doorward.errors import ConfigurationError
from doorward.integrations.declared_rules import requires
from tests.integrations.guarded_server import GuardedServer
from tests.integrations.test_tools_and_lists import result_of
from tests.ledger import proves

RULES = {
    ("resources/read", "files://salaries.txt"): Rule("admin"),
    ("resources/read", "files://{name}"): Rule(),
    ("resources/read", "docs://{name}"): Rule(),
    ("resources/read", "*"): Rule(),
}
POLICY = Policy(base=Rule("mcp:read"), rules=RULES, unknown="base")
Build = Callable[[Guard, list[str]], Any]


def official_sdk(guard: Guard, ran: list[str]) -> Any:
    """Return a server of the SDK that writes down which file each function was asked for."""
    from mcp.server.mcpserver import MCPServer

    from doorward.integrations.mcp_sdk import protect

    server: MCPServer[Any] = MCPServer("files")

    @server.resource("files://{name}")
    def file(name: str) -> str:
        ran.append(name)
        return name

    @server.resource("docs://{+path}")
    def doc(path: str) -> str:
        ran.append(path)
        return path

    return protect(server, guard)


def fastmcp(guard: Guard, ran: list[str]) -> Any:
    """Return a server of FastMCP that writes down which file each function was asked for."""
    from fastmcp import FastMCP

    from doorward.integrations.fastmcp import protect

    server: FastMCP[Any] = FastMCP("files")

    @server.resource("files://{name}")
    def file(name: str) -> str:
        ran.append(name)
        return name

    @server.resource("docs://{path*}")
    def doc(path: str) -> str:
        ran.append(path)
        return path

    return protect(server, guard)


def own(guard: Guard, ran: list[str]) -> Any:
    """Return a server of our own that writes down which file each function was asked for."""
    server = McpServer("files", version="1")

    @server.resource("files://{name}")
    def file(name: str) -> str:
        ran.append(name)
        return name

    @server.resource("docs://{+path}")
    def doc(path: str) -> str:
        ran.append(path)
        return path

    return guard.protect(server.asgi)


each_server = pytest.mark.parametrize("build", [official_sdk, fastmcp, own])


@proves("S184", "accepts", "every spelling of a URI")
@each_server
async def test_a_template_and_a_rule_for_one_uri_are_served(build: Build) -> None:
    ran: list[str] = []
    guarded_server = GuardedServer(policy=POLICY)
    app = build(guarded_server.guard, ran)
    async with (
        guarded_server.serving(app),
        guarded_server.http("bob") as bob,
        guarded_server.http("root", "admin") as root,
    ):
        for http, uri in ((bob, "files://menu.txt"), (root, "files://salaries.txt")):
            answer = await guarded_server.modern(http, "resources/read", uri=uri)
            assert result_of(answer)["result"]["contents"]

    assert ran == ["menu.txt", "salaries.txt"]


@proves("S184", "refuses", "every spelling of a URI")
@each_server
async def test_no_uri_spelling_bypasses_the_rule_of_a_resource(build: Build) -> None:
    ran: list[str] = []
    guarded_server = GuardedServer(policy=POLICY)
    uris = [
        *("files://salaries.txt", "files://s%61laries.txt", "files://salaries%2Etxt"),
        *("FILES://salaries.txt", "files://salaries.txt?", "files://salaries.txt?x=1"),
        *("files://salaries.txt#x", "files://./salaries.txt", "files://salaries.txt/"),
        *("files://x/../salaries.txt", "files://%2e/salaries.txt", "files://salaries.txt%00"),
        *("files://Salaries.txt", "files://x@salaries.txt", "files://salaries.txt:80"),
        *("files:///salaries.txt", "files://x%2F..%2Fsalaries.txt", "files://{name}"),
        *("docs://a/b", "docs://a%2Fb", "docs://"),
    ]
    async with (
        guarded_server.serving(build(guarded_server.guard, ran)),
        guarded_server.http("bob") as bob,
    ):
        statuses = [
            (await guarded_server.modern(bob, "resources/read", uri=uri)).status_code
            for uri in uris
        ]

    assert ran == []
    assert set(statuses) <= {400, 403}


@proves("S184", "refuses", "every spelling of a URI")
@pytest.mark.parametrize("uri", ["files://s%61laries.txt", "FILES://{name}", "salaries"])
def test_an_sdk_resource_whose_uri_is_not_normal_is_refused_at_start_up(uri: str) -> None:
    from mcp.server.mcpserver import MCPServer
    from mcp.server.mcpserver.resources import TextResource

    from doorward.integrations.mcp_sdk import protect

    server: MCPServer[Any] = MCPServer("files")
    if "{" in uri:
        server.resource(uri, name="file")(lambda name: name)
    else:
        server.add_resource(TextResource(uri=uri, name="salaries", text="1"))
    with pytest.raises(ConfigurationError) as refusal:
        protect(server, GuardedServer(policy=POLICY).guard)

    assert refusal.value.reason == "uri-not-normal"


@proves("S184", "refuses", "every spelling of a URI")
async def test_the_rule_of_an_sdk_template_with_query_variables_applies() -> None:
    """The SDK takes several lists of variables apart in a way that no rule does."""
    from mcp.server.mcpserver import MCPServer

    from doorward.integrations.mcp_sdk import protect

    ran: list[str] = []
    server: MCPServer[Any] = MCPServer("files")

    @server.resource("files://{name}{?page}")
    @requires()
    def file(name: str, page: str = "1") -> str:
        ran.append(name)
        return name

    guarded_server = GuardedServer(policy=Policy(base=Rule("mcp:read"), rules={("resources/read", "files://{name}"): Rule("admin")}))  # fmt: skip
    app = protect(server, guarded_server.guard)
    async with (
        guarded_server.serving(app),
        guarded_server.http("bob") as bob,
        guarded_server.http("root", "admin") as root,
    ):
        for uri in ("files://a", "files://a?page=2", "files://a?page=2&x=1"):
            refused = await guarded_server.modern(bob, "resources/read", uri=uri)
            assert refused.status_code == 403
        await guarded_server.modern(root, "resources/read", uri="files://a?page=2")
        listed = await guarded_server.modern(root, "resources/templates/list")

    assert ran == ["a"]
    (template,) = result_of(listed)["result"]["resourceTemplates"]
    assert template["uriTemplate"] == "files://{name}{?page}"
