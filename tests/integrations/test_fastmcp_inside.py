"""What a FastMCP server lists and refuses inside, behind the guard's first decision."""

# mypy: disable-error-code="untyped-decorator"

from functools import wraps
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client, Context, FastMCP
from fastmcp.client.transports import FastMCPTransport
from fastmcp.server import create_proxy
from fastmcp.server.middleware.caching import ResponseCachingMiddleware
from fastmcp.server.providers import FileSystemProvider
from fastmcp.server.providers.proxy import ProxyClient, ProxyProvider
from fastmcp.server.sessions import SessionProvider
from fastmcp.server.transforms import GetResourceNext, ResourcesAsTools, Transform
from fastmcp.server.transforms.catalog import CatalogTransform
from fastmcp.server.transforms.search import RegexSearchTransform
from fastmcp.utilities.versions import VersionSpec

from doorward.errors import ConfigurationError
from doorward.integrations.declared_rules import DeclaredPolicy, requires
from doorward.integrations.fastmcp import protect
from doorward.integrations.fastmcp.declared_rules import FastMcpDeclarations
from doorward.policy import Operation, Policy
from tests.integrations.fastmcp_shop import (
    ADMIN,
    AS_TOOLS,
    BM25,
    POLICY,
    READ,
    REGEX,
    SECRET,
    Made,
    Shop,
    code_mode,
    inside,
    mounted,
    plain,
    with_author,
    with_transform,
)
from tests.integrations.guarded_server import ACCEPT, HELLO, GuardedServer
from tests.integrations.test_fastmcp_names import call
from tests.integrations.test_tools_and_lists import names, result_of
from tests.ledger import proves

TOOLS, FILES = (("look", "delete"), ("menu", "salaries"))
LISTS = {
    "regex-search": (REGEX, ("search_tools", {"pattern": "order"}), *TOOLS),
    "bm25-search": (BM25, ("find", {"query": "order"}), *TOOLS),
    "search-under-a-mount": (inside(REGEX), ("child_search_tools", {"pattern": "order"}), *TOOLS),
    "code-mode-lists": (with_transform(code_mode), ("list_tools", {}), *TOOLS),
    "code-mode-tags": (with_transform(code_mode), ("tags", {}), *TOOLS),
    "resources-as-tools": (AS_TOOLS, ("list_resources", {}), *FILES),
    "resources-as-tools-under-a-mount": (inside(AS_TOOLS), ("child_list_resources", {}), *FILES),
    "prompts-as-tools": (AS_TOOLS, ("list_prompts", {}), "hello", "layoffs"),
    "prompts-as-tools-under-a-mount": (
        inside(AS_TOOLS), ("child_list_prompts", {}), "hello", "layoffs",
    ),
}  # fmt: skip


@proves("S185", "accepts", "every name of a tool")
@proves("S185", "refuses", "every name of a tool")
@pytest.mark.parametrize(
    ("made", "asked", "openly", "closed"),
    [pytest.param(*case, id=name) for name, case in LISTS.items()],
)
async def test_a_listing_tool_returns_only_what_its_caller_may_use(
    made: Made, asked: tuple[str, dict[str, Any]], openly: str, closed: str
) -> None:
    shop, guarded_server = Shop(), GuardedServer(POLICY)
    async with (
        guarded_server.serving(protect(made(shop), guarded_server.guard)),
        guarded_server.http("alice") as alice,
        guarded_server.http("mia", "shop:admin") as mia,
    ):
        seen = [(await call(guarded_server, http, asked)).text for http in (alice, mia)]

    assert [openly in one for one in seen] == [True, True]
    assert [closed in one for one in seen] == [False, True]


@pytest.mark.parametrize("made", [plain, inside(plain)], ids=["own", "mounted"])
async def test_a_caller_with_all_scopes_sees_every_tool(made: Made) -> None:
    shop, guarded_server = Shop(), GuardedServer(POLICY)
    server = made(shop)
    everything = {tool.name for tool in await server.list_tools()}
    async with (
        guarded_server.serving(protect(server, guarded_server.guard)),
        guarded_server.http("mia", "shop:admin") as mia,
    ):
        assert names(await guarded_server.modern(mia, "tools/list"), "tools") == everything


@proves("S185", "refuses", "every name of a tool")
async def test_a_refused_nested_call_is_audited_with_the_correlation_id_of_the_request() -> None:
    shop, guarded_server = Shop(), GuardedServer(POLICY)
    async with (
        guarded_server.serving(protect(with_author(shop), guarded_server.guard)),
        guarded_server.http("alice") as alice,
    ):
        answer = await call(guarded_server, alice, ("forward", {"name": "delete"}))

    said = result_of(answer)["result"]
    (refused,) = [event for event in guarded_server.events if event.decision == "refused"]
    assert said["isError"]
    assert "scope-missing" in said["content"][0]["text"]
    assert refused.correlation_id == answer.headers["x-correlation-id"]
    assert (refused.method, refused.name, refused.reason) == (
        "tools/call",
        "delete",
        "scope-missing",
    )
    assert refused.scopes == {"mcp:read", "shop:admin"}


class OldUris(Transform):
    """Serves the salaries at an address that no list has."""

    async def get_resource(
        self, uri: str, call_next: GetResourceNext, *, version: VersionSpec | None = None
    ) -> Any:
        """Return what the old address stands for."""
        return await call_next(SECRET if uri == "old://salaries" else uri, version=version)


async def test_a_refused_nested_resource_is_a_json_rpc_error_with_the_reason() -> None:
    shop, guarded_server = Shop(), GuardedServer(POLICY)
    shop.server.add_transform(OldUris())
    async with (
        guarded_server.serving(protect(shop.server, guarded_server.guard)),
        guarded_server.http("alice") as alice,
        guarded_server.http("mia", "shop:admin") as mia,
    ):
        refused = await guarded_server.modern(alice, "resources/read", uri="old://salaries")
        by_alice = list(shop.ran)
        await guarded_server.modern(mia, "resources/read", uri="old://salaries")

    assert result_of(refused)["error"]["data"]["reason"] == "scope-missing"
    assert (by_alice, shop.ran) == ([], [SECRET])


async def test_a_cached_response_is_returned_only_to_permitted_callers() -> None:
    shop, guarded_server = Shop(), GuardedServer(POLICY)
    server = with_author(shop)
    server.add_middleware(ResponseCachingMiddleware())
    server.add_transform(ResourcesAsTools(server))
    async with (
        guarded_server.serving(protect(server, guarded_server.guard)),
        guarded_server.http("alice") as alice,
        guarded_server.http("mia", "shop:admin") as mia,
    ):
        await call(guarded_server, mia, ("delete", {}))
        await call(guarded_server, mia, ("read_resource", {"uri": SECRET}))
        stolen = [
            await call(guarded_server, alice, ("forward", {"name": "delete"})),
            await call(guarded_server, alice, ("show", {"uri": SECRET})),
        ]
        short = names(await guarded_server.modern(alice, "tools/list"), "tools")
        long = names(await guarded_server.modern(mia, "tools/list"), "tools")

    assert all(result_of(one)["result"]["isError"] for one in stolen)
    assert long - short == {"delete"}


async def test_a_server_mounted_later_is_checked_for_nested_calls() -> None:
    late, guarded_server = Shop(), GuardedServer(POLICY)
    server: FastMCP[Any] = FastMCP("parent")
    late.server.add_transform(RegexSearchTransform())
    async with (
        guarded_server.serving(protect(server, guarded_server.guard)),
        guarded_server.http("alice") as alice,
        guarded_server.http("mia", "shop:admin") as mia,
    ):
        server.mount(late.server, namespace="late")
        await call(guarded_server, alice, ("late_call_tool", {"name": "delete"}))
        found = await call(guarded_server, alice, ("late_search_tools", {"pattern": "order"}))
        by_alice = list(late.ran)
        await call(guarded_server, alice, ("late_call_tool", {"name": "look"}))
        await call(guarded_server, mia, ("late_call_tool", {"name": "delete"}))

    assert by_alice == []
    assert "delete" not in found.text
    assert late.ran == ["look", "delete"]


@proves("S185", "accepts", "every name of a tool")
@proves("S185", "refuses", "every name of a tool")
@pytest.mark.parametrize("when", ["mounted-later", "added-later", "replaced", "added-to-a-proxied"])
@pytest.mark.parametrize("whose", ["operator", "author"])
async def test_a_tool_added_at_runtime_has_its_rules(when: str, whose: str) -> None:
    late, guarded_server = Shop(), GuardedServer(POLICY)
    server: FastMCP[Any] = FastMCP("parent")
    name = "delete" if whose == "operator" else "shred"

    def appear() -> None:
        run = late.runs(name)
        late.server.tool(
            requires(scopes={"shop:admin"})(run) if whose == "author" else run, name=name
        )
        if when == "mounted-later":
            server.mount(late.server, namespace="late")

    late.server.local_provider.remove_tool("delete")
    if when == "replaced":
        late.server.tool(lambda: "before", name=name)
    if when == "added-to-a-proxied":
        server.mount(create_proxy(late.server), namespace="late")
    elif when != "mounted-later":
        server.mount(late.server, namespace="late")
    async with (
        guarded_server.serving(protect(server, guarded_server.guard)),
        guarded_server.http("alice") as alice,
        guarded_server.http("mia", "shop:admin") as mia,
    ):
        appear()
        for http, tool in ((alice, name), (alice, "look"), (mia, name)):
            await call(guarded_server, http, (f"late_{tool}", {}))
        listed = [await guarded_server.modern(http, "tools/list") for http in (alice, mia)]

    if when == "added-to-a-proxied" and version("fastmcp").startswith("4.1."):
        # FastMCP 4.1 does not find such a tool behind a guard, so nobody can run it.
        assert late.ran == ["look"]
        return
    assert late.ran == ["look", name]
    assert [f"late_{name}" in names(one, "tools") for one in listed] == [False, True]


async def test_a_tool_from_a_file_keeps_its_rule_under_its_new_name(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    code = """
from pathlib import Path
from fastmcp.tools import tool

@tool
def {name}() -> str:
    with Path({ran!r}).open("a") as file:
        file.write("{name} ")
    return "done"
"""
    root = tmp_path / "tools"
    root.mkdir()
    for name in ("look", "delete"):
        (root / f"{name}.py").write_text(code.format(name=name, ran=str(ran)))
    server: FastMCP[Any] = FastMCP("files")
    server.add_provider(FileSystemProvider(root), namespace="file")
    guarded_server = GuardedServer(POLICY)
    async with (
        guarded_server.serving(protect(server, guarded_server.guard)),
        guarded_server.http("alice") as alice,
        guarded_server.http("mia", "shop:admin") as mia,
    ):
        refused = await call(guarded_server, alice, ("file_delete", {}))
        await call(guarded_server, alice, ("file_look", {}))
        await call(guarded_server, mia, ("file_delete", {}))

    assert refused.status_code == 403
    assert ran.read_text() == "look delete "


async def test_a_rule_applies_to_the_public_name() -> None:
    # Both servers have a "delete"; the parent's own is the one that the operator named.
    child, parent, guarded_server = Shop(), Shop(), GuardedServer(POLICY)
    parent.server.mount(child.server, namespace="child")
    async with (
        guarded_server.serving(protect(parent.server, guarded_server.guard)),
        guarded_server.http("alice") as alice,
    ):
        refused = await call(guarded_server, alice, ("delete", {}))
        await call(guarded_server, alice, ("child_delete", {}))

    assert refused.status_code == 403
    assert (parent.ran, child.ran) == ([], ["delete"])


async def test_a_tool_without_a_public_name_is_not_run() -> None:
    shop, guarded_server = Shop(), GuardedServer(POLICY)
    server = mounted(with_author(shop))
    server.disable(names={"child_delete"})
    async with (
        guarded_server.serving(protect(server, guarded_server.guard)),
        guarded_server.http("mia", "shop:admin") as mia,
    ):
        refused = await call(guarded_server, mia, ("child_forward", {"name": "delete"}))
        await call(guarded_server, mia, ("child_forward", {"name": "look"}))

    assert "unknown-operation" in refused.text
    assert shop.ran == ["look"]


async def test_a_tool_enabled_for_one_session_runs_in_it() -> None:
    shop, guarded_server = Shop(), GuardedServer(POLICY)
    server = mounted(shop.server)

    @server.tool
    async def open_up(ctx: Context) -> str:
        await ctx.enable_components(names={"child_look"})
        return "open"

    server.disable(names={"child_look"})
    told = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    async with (
        guarded_server.serving(protect(server, guarded_server.guard)),
        guarded_server.http("alice") as alice,
    ):
        opened = await guarded_server.send(alice, "initialize", **HELLO)
        session = {
            "mcp-session-id": opened.headers["mcp-session-id"],
            "mcp-protocol-version": "2025-11-25",
        }
        await alice.post(guarded_server.resource, json=told, headers={**ACCEPT, **session})
        for tool in ("child_look", "open_up", "child_look"):
            await guarded_server.send(alice, "tools/call", headers=session, name=tool, arguments={})

    assert shop.ran == ["look"]


async def test_a_server_behind_two_guards_uses_the_policy_of_the_guard_of_the_request() -> None:
    shop, open_stage, closed_stage = (
        Shop(),
        GuardedServer(Policy(base=READ, unknown="base")),
        GuardedServer(POLICY),
    )
    server = with_author(shop)
    first, second = protect(server, open_stage.guard), protect(server, closed_stage.guard)
    ask = ("forward", {"name": "delete"})
    async with open_stage.serving(first), open_stage.http("alice") as alice:
        await call(open_stage, alice, ask)
    async with closed_stage.serving(second), closed_stage.http("alice") as alice:
        await call(closed_stage, alice, ask)

    assert shop.ran == ["delete"]


async def test_calls_without_a_caller_are_not_checked() -> None:
    shop, guarded_server = Shop(), GuardedServer(POLICY)
    server = REGEX(shop)
    protect(server, guarded_server.guard)
    async with Client(server) as client:
        await client.call_tool("call_tool", {"name": "delete"})
    await server.read_resource(SECRET)

    assert shop.ran == ["delete", SECRET]


async def test_fastmcp_sessions_work_behind_the_guard() -> None:
    server: FastMCP[Any] = FastMCP("sessions", providers=[SessionProvider()])
    guarded_server = GuardedServer(POLICY)
    async with (
        guarded_server.serving(protect(server, guarded_server.guard)),
        guarded_server.http("alice") as alice,
    ):
        begun = await call(guarded_server, alice, ("create_session", {}))
        session = result_of(begun)["result"]["content"][0]["text"]
        ended = await call(guarded_server, alice, ("end_session", {"session_id": session}))

    assert result_of(ended)["result"]["content"][0]["text"] == "session ended"


async def test_the_matrix_shows_the_rule_of_a_tool_under_its_mounted_name() -> None:
    shop = Shop()
    declared = FastMcpDeclarations(mounted(shop.server))
    policy = DeclaredPolicy(POLICY, declared)
    await declared.read()
    needs = policy.requirement(Operation("tools/call", "child_delete"))
    rows = {line.operation.name: line.scopes for line in policy.matrix()}

    assert needs is not None
    assert needs.scopes == {"mcp:read", "shop:admin"}
    assert rows["child_delete"] == {"mcp:read", "shop:admin"}


async def test_unknown_names_do_not_trigger_a_new_read_of_the_server() -> None:
    shop, guarded_server = Shop(), GuardedServer(POLICY)
    server = mounted(with_author(shop))
    read: list[None] = []

    async def counted() -> None:
        read.append(None)

    app = protect(server, guarded_server.guard)
    policy = app.policy
    assert isinstance(policy, DeclaredPolicy)
    async with guarded_server.serving(app), guarded_server.http("alice") as alice:
        policy.declarations.names._read_again = counted  # type: ignore[attr-defined]
        for number in range(3):
            await call(guarded_server, alice, ("child_forward", {"name": f"invented-{number}"}))

    assert read == []


async def test_a_uri_that_looks_like_a_renderer_does_not_bypass_a_rule() -> None:
    child: FastMCP[Any] = FastMCP("child")
    ran: list[str] = []

    @child.resource("ui://prefab/secret")
    def secret() -> str:
        ran.append("secret")
        return "secret"

    child.add_transform(ResourcesAsTools(child))
    public = "ui://child/prefab/secret"
    guarded_server = GuardedServer(
        Policy(base=READ, rules={**POLICY.rules, ("resources/read", public): ADMIN})
    )
    ask = ("child_read_resource", {"uri": "ui://prefab/secret"})
    async with (
        guarded_server.serving(protect(mounted(child), guarded_server.guard)),
        guarded_server.http("alice") as alice,
        guarded_server.http("mia", "shop:admin") as mia,
    ):
        await call(guarded_server, alice, ask)
        by_alice = list(ran)
        await call(guarded_server, mia, ask)

    assert (by_alice, ran) == ([], ["secret"])


async def test_tools_made_from_one_function_have_separate_rules() -> None:
    shop, guarded_server = Shop(), GuardedServer(POLICY)

    def generic() -> str:
        return "done"

    def made(name: str) -> Any:
        @wraps(generic)
        def tool() -> str:
            shop.ran.append(name)
            return generic()

        return tool

    server: FastMCP[Any] = FastMCP("shop")
    for name in ("look", "delete"):
        server.tool(made(name), name=name)
    async with (
        guarded_server.serving(protect(server, guarded_server.guard)),
        guarded_server.http("alice") as alice,
    ):
        for name in ("look", "delete"):
            await call(guarded_server, alice, (name, {}))

    assert shop.ran == ["look"]


@proves("S185", "refuses", "every name of a tool")
@pytest.mark.parametrize("made", [REGEX, AS_TOOLS, with_transform(code_mode), inside(REGEX)])
async def test_a_proxy_of_a_server_whose_tools_call_other_tools_is_refused(made: Made) -> None:
    shop = Shop()
    server = made(shop)
    parent: FastMCP[Any] = FastMCP("parent")
    parent.add_provider(ProxyProvider(lambda: ProxyClient(FastMCPTransport(server))))

    with pytest.raises(ConfigurationError) as refused:
        await FastMcpDeclarations(parent).read()

    assert refused.value.reason == "proxied-transform"
    assert type(shop.server._transforms[0]).__name__ in refused.value.problem


async def test_an_unknown_catalog_transform_is_refused() -> None:
    class Hiding(CatalogTransform):
        def __init__(self) -> None:
            pass

        async def list_tools(self, tools: Any) -> Any:
            return []

    server = Shop().server
    server.add_transform(Hiding())

    with pytest.raises(ConfigurationError) as refused:
        await FastMcpDeclarations(server).read()

    assert refused.value.reason == "unknown-transform"
    assert "Hiding" in refused.value.problem
