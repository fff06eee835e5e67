"""A FastMCP server whose components write down that they ran, and ways to reach them."""

# mypy: disable-error-code="untyped-decorator"

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import httpx2
from fastmcp import Context, FastMCP
from fastmcp.apps.app import FastMCPApp
from fastmcp.client.transports import FastMCPTransport
from fastmcp.contrib.bulk_tool_caller import BulkToolCaller
from fastmcp.experimental.transforms.code_mode import CodeMode, GetSchemas, GetTags, ListTools
from fastmcp.experimental.transforms.jev_search import JevSearchTransform
from fastmcp.server.middleware.tool_injection import ToolInjectionMiddleware
from fastmcp.server.providers import FastMCPProvider, LocalProvider
from fastmcp.server.providers.addressing import hashed_backend_name
from fastmcp.server.providers.aggregate import AggregateProvider
from fastmcp.server.providers.openapi import OpenAPIProvider
from fastmcp.server.providers.proxy import ProxyClient, ProxyProvider
from fastmcp.server.transforms import (
    GetToolNext,
    Namespace,
    PromptsAsTools,
    ResourcesAsTools,
    ToolTransform,
    Transform,
    VersionFilter,
    Visibility,
)
from fastmcp.server.transforms.search import BM25SearchTransform, RegexSearchTransform
from fastmcp.tools.base import Tool
from fastmcp.tools.tool_transform import ToolTransformConfig
from fastmcp.utilities.versions import VersionSpec

from doorward.policy import Policy, Rule

READ, ADMIN = Rule(scopes={"mcp:read"}), Rule(scopes={"shop:admin"})
SECRET, MENU = "files://salaries.txt", "files://menu.txt"
# Everybody may use everything but these.
POLICY = Policy(
    base=READ,
    rules={
        ("tools/call", "*"): READ,
        ("prompts/get", "*"): READ,
        ("resources/read", "*"): READ,
        ("tools/call", "delete"): ADMIN,
        ("prompts/get", "layoffs"): ADMIN,
        ("resources/read", SECRET): ADMIN,
        ("resources/read", "notes://payroll"): ADMIN,
    },
)


class Shop:
    """One of each for everybody and one of each for administrators; ``ran`` is what ran."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.server: FastMCP[Any] = FastMCP("shop")
        for tool in ("look", "delete"):
            self.server.tool(self.runs(tool), name=tool, description=f"To {tool} an order.")
        for prompt in ("hello", "layoffs"):
            self.server.prompt(self.runs(prompt), name=prompt)
        for uri in (MENU, SECRET):
            self.server.resource(uri)(self.runs(uri))

        @self.server.resource("notes://{name}")
        def note(name: str) -> str:
            self.ran.append(f"notes://{name}")
            return name

    def runs(self, what: str) -> Callable[[], str]:
        """Return a function that writes down that it ran."""

        def run() -> str:
            self.ran.append(what)
            return what

        return run

    def held(self, tool: str) -> Any:
        """Return a tool as the server holds it."""
        return self.server._local_provider._components[f"tool:{tool}@"]


Made = Callable[[Shop], FastMCP[Any]]


def mounted(child: FastMCP[Any], namespace: str = "child") -> FastMCP[Any]:
    """Return a server in which ``child`` is mounted."""
    parent: FastMCP[Any] = FastMCP("parent")
    parent.mount(child, namespace=namespace)
    return parent


def plain(shop: Shop) -> FastMCP[Any]:
    """Return the server as it is."""
    return shop.server


def with_transform(*made: Callable[[Shop], Transform]) -> Made:
    """Return what adds transforms to a shop's server."""

    def add(shop: Shop) -> FastMCP[Any]:
        for one in made:
            shop.server.add_transform(one(shop))
        return shop.server

    return add


def inside(made: Made) -> Made:
    """Return what mounts the server that ``made`` makes."""
    return lambda shop: mounted(made(shop))


def renaming(_: Shop) -> Transform:
    """Return a transform that gives the tools other names."""
    return ToolTransform(
        {
            "delete": ToolTransformConfig(name="remove"),
            "look": ToolTransformConfig(name="see"),
        }
    )


class OldNames(Transform):
    """Answers to names that no list has, as a transform of an author's own may."""

    async def get_tool(
        self, name: str, call_next: GetToolNext, *, version: VersionSpec | None = None
    ) -> Tool | None:
        """Return the tool that was called ``old_NAME``."""
        return await call_next(name.removeprefix("old_"), version=version)


def copied(shop: Shop) -> FastMCP[Any]:
    """Return the server with each tool under a second name."""
    for tool in ("look", "delete"):
        shop.server.add_tool(Tool.from_tool(shop.held(tool), name=f"{tool}_again"))
    return shop.server


def registered_twice(shop: Shop) -> FastMCP[Any]:
    """Return the server with each function under a second name."""
    for tool in ("look", "delete"):
        shop.server.tool(shop.held(tool).fn, name=f"{tool}_again")
    return shop.server


def from_local_provider(shop: Shop) -> FastMCP[Any]:
    """Return a server with a provider that has the same tools."""
    local = LocalProvider()
    for tool in ("look", "delete"):
        local.add_tool(shop.held(tool))
    shop.server.add_provider(local, namespace="local")
    return shop.server


def aggregated(shop: Shop) -> FastMCP[Any]:
    """Return a server with an aggregate of providers."""
    together = AggregateProvider()
    together.add_provider(FastMCPProvider(shop.server), namespace="in")
    return FastMCP("parent", providers=[together])


def proxied(shop: Shop) -> FastMCP[Any]:
    """Return a server that is a proxy of the shop."""
    proxy = ProxyProvider(lambda: ProxyClient(FastMCPTransport(shop.server)))
    parent: FastMCP[Any] = FastMCP("parent")
    parent.add_provider(proxy, namespace="far")
    return parent


def injected(shop: Shop) -> FastMCP[Any]:
    """Return a server whose tools come from its middleware."""
    tools = [Tool.from_function(shop.runs(name), name=name) for name in ("look", "delete")]
    return FastMCP("injected", middleware=[ToolInjectionMiddleware(tools)])


def from_openapi(shop: Shop) -> FastMCP[Any]:
    """Return a server made of an API, with each of its requests under two names."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        shop.ran.append(request.url.path.strip("/"))
        return httpx2.Response(200, json={})

    paths = {
        f"/{name}": {"post": {"operationId": name, "responses": {"200": {"description": "done"}}}}
        for name in ("look", "delete")
    }
    api = {"openapi": "3.1.0", "info": {"title": "api", "version": "1"}, "paths": paths}
    client = httpx2.AsyncClient(
        transport=httpx2.MockTransport(answer), base_url="https://api.example"
    )
    provider = OpenAPIProvider(api, client=client)
    server: FastMCP[Any] = FastMCP("api", providers=[provider])
    server.add_provider(provider, namespace="api")
    return server


def with_bulk_caller(shop: Shop) -> FastMCP[Any]:
    """Return the server with tools that call many tools."""
    BulkToolCaller().register_tools(shop.server)
    return shop.server


class Sandbox:
    """Runs nothing but the call that its code names as JSON."""

    async def run(
        self, code: str, *, inputs: Any = None, external_functions: dict[str, Any] | None = None
    ) -> Any:
        """Call the tool."""
        return await (external_functions or {})["call_tool"](*json.loads(code))


def code_mode(_: Shop) -> Transform:
    """Return a transform with a tool that runs code."""
    discovery: list[Any] = [ListTools(), GetSchemas(), GetTags(default_detail="full")]
    return CodeMode(sandbox_provider=Sandbox(), discovery_tools=discovery)


def with_app(shop: Shop) -> FastMCP[Any]:
    """Return a server with an app, whose page calls its tools by address."""
    pages = FastMCPApp("pages")
    for tool in ("look", "delete"):
        pages.tool(tool)(shop.runs(tool))
    return FastMCP("parent", providers=[pages])


def with_author(shop: Shop) -> FastMCP[Any]:
    """Return the server with tools that use others by a name that their caller says."""

    @shop.server.tool
    async def forward(name: str, ctx: Context) -> str:
        return str((await ctx.fastmcp.call_tool(name)).content)

    @shop.server.tool
    async def show(uri: str, ctx: Context) -> str:
        return str(await ctx.read_resource(uri))

    return shop.server


class Way(NamedTuple):
    """A tool that runs something, and another that is reached alike and is for everybody."""

    made: Made
    closed: tuple[str, dict[str, Any]]
    runs: str
    open: tuple[str, dict[str, Any]]
    openly: str


def by_name(made: Made, name: str) -> Way:
    """Return the way to a tool that has another name."""
    other = name.replace("delete", "look").replace("remove", "see")
    return Way(made, (name, {}), "delete", (other, {}), "look")


def by_argument(made: Made, tool: str, member: str, closed: str, openly: str, **more: Any) -> Way:
    """Return the way through a tool whose argument says what is run."""
    return Way(
        made,
        (tool, {member: closed, **more}),
        closed,
        (tool, {member: openly, **more}),
        openly,
    )


def address(tool: str) -> str:
    """Return by which name the app's page calls a tool."""
    return hashed_backend_name("pages", tool)


AS_TOOLS = with_transform(
    lambda shop: ResourcesAsTools(shop.server), lambda shop: PromptsAsTools(shop.server)
)
REGEX = with_transform(lambda _: RegexSearchTransform())
BM25 = with_transform(lambda _: BM25SearchTransform(search_tool_name="find", call_tool_name="run"))

WAYS = {
    "a-plain-name": by_name(plain, "delete"),
    "namespace": by_name(with_transform(lambda _: Namespace("ns")), "ns_delete"),
    "tool-transform": by_name(with_transform(renaming), "remove"),
    "tool-transform-under-a-mount": by_name(inside(with_transform(renaming)), "child_remove"),
    "version-filter": by_name(
        with_transform(lambda _: VersionFilter(version_lt="9"), renaming), "remove"
    ),
    "visibility": by_name(
        with_transform(lambda _: Visibility(True, match_all=True), renaming), "remove"
    ),
    "an-authors-transform": by_name(with_transform(lambda _: OldNames()), "old_delete"),
    "a-copied-tool": by_name(copied, "delete_again"),
    "a-function-registered-twice": by_name(registered_twice, "delete_again"),
    "mount": by_name(inside(plain), "child_delete"),
    "mount-in-a-mount": by_name(inside(inside(plain)), "child_child_delete"),
    "mount-without-a-namespace": by_name(lambda shop: mounted(shop.server, ""), "delete"),
    "aggregate-provider": by_name(aggregated, "in_delete"),
    "local-provider": by_name(from_local_provider, "local_delete"),
    "proxy-provider": by_name(proxied, "far_delete"),
    "openapi-provider": by_name(from_openapi, "api_delete"),
    "injected": by_name(injected, "delete"),
    "injected-under-a-mount": by_name(inside(injected), "child_delete"),
    "app": Way(with_app, (address("delete"), {}), "delete", (address("look"), {}), "look"),
    "app-under-a-mount": Way(
        inside(with_app), (address("delete"), {}), "delete", (address("look"), {}), "look"
    ),
    "regex-search": by_argument(REGEX, "call_tool", "name", "delete", "look"),
    "bm25-search": by_argument(BM25, "run", "name", "delete", "look"),
    "jev-search": by_argument(
        with_transform(lambda _: JevSearchTransform(api_key="unused")),
        "call_tool",
        "name",
        "delete",
        "look",
    ),
    "search-under-a-mount": by_argument(inside(REGEX), "child_call_tool", "name", "delete", "look"),
    "a-hidden-tool-under-a-mount": by_name(inside(REGEX), "child_delete"),
    "code-mode": Way(
        with_transform(code_mode),
        ("execute", {"code": '["delete", {}]'}),
        "delete",
        ("execute", {"code": '["look", {}]'}),
        "look",
    ),
    "a-resource-as-a-tool": by_argument(AS_TOOLS, "read_resource", "uri", SECRET, MENU),
    "a-template-as-a-tool": by_argument(
        AS_TOOLS, "read_resource", "uri", "notes://payroll", "notes://menu"
    ),
    "a-resource-as-a-tool-under-a-mount": by_argument(
        inside(AS_TOOLS), "child_read_resource", "uri", SECRET, MENU
    ),
    "a-template-as-a-tool-under-a-mount": by_argument(
        inside(AS_TOOLS), "child_read_resource", "uri", "notes://payroll", "notes://menu"
    ),
    "a-prompt-as-a-tool": by_argument(AS_TOOLS, "get_prompt", "name", "layoffs", "hello"),
    "a-prompt-as-a-tool-under-a-mount": by_argument(
        inside(AS_TOOLS), "child_get_prompt", "name", "layoffs", "hello"
    ),
    "bulk-caller": by_argument(
        with_bulk_caller, "call_tool_bulk", "tool", "delete", "look", tool_arguments=[{}]
    ),
    "an-authors-tool": by_argument(with_author, "forward", "name", "delete", "look"),
    "an-authors-tool-that-reads": by_argument(with_author, "show", "uri", SECRET, MENU),
}
