"""The caller's identity: injected from the guard, and from nothing else."""

import asyncio
from typing import Annotated, Any

import pytest
from structlog.testing import capture_logs

from doorward.errors import ConfigurationError
from doorward.identity import Identity
from doorward.mcp_server import McpServer
from doorward.policy import Operation, Policy, Rule
from tests.ledger import proves
from tests.mcp_server.rpc_client import MODERN, REVISIONS, RpcClient, person, rpc_client

ALICE = person("alice", "mcp:read", "mcp:tools")
ADMIN = person("root", "mcp:read", "mcp:tools", "mcp:admin", roles=("admin",))


def demo() -> McpServer:
    server = McpServer("demo", version="1.0")

    @server.tool(scopes={"mcp:tools"})
    async def whoami(user: Identity) -> str:
        return user.subject

    @server.tool(scopes={"mcp:tools", "mcp:admin"}, roles={"admin"})
    async def shut_down(user: Identity, at: str = "noon") -> str:
        return f"{user.subject} at {at}"

    @server.prompt(scopes={"mcp:tools"})
    async def greeting(user: Annotated[Identity | None, "who"], style: str = "warm") -> str:
        return f"Greet {user.subject if user else 'nobody'}, {style}."

    @server.prompt(scopes={"mcp:admin"})
    async def eulogy() -> str:
        return "Say farewell."

    return server


def decided_by_policy(server: McpServer) -> None:
    policy = Policy(base=Rule(frozenset({"mcp:read"})), rules=server.rules)
    server.decide = lambda who, what: who is not None and policy.decide(who, what).allowed


@proves("S146", "accepts", "user from the token alone")
@pytest.mark.parametrize("version", REVISIONS)
async def test_a_tool_gets_the_caller_from_the_guard(version: str) -> None:
    async with rpc_client(demo(), version, identity=ALICE) as peer:
        assert (await peer.call("whoami")).content_text == "alice"


@proves("S146", "refuses", "user from the token alone")
async def test_the_caller_parameter_is_not_in_a_schema() -> None:
    async with rpc_client(demo(), identity=ADMIN) as peer:
        tools = (await peer.ask("tools/list")).result["tools"]
        prompts = (await peer.ask("prompts/list")).result["prompts"]

    assert [set(tool["inputSchema"]["properties"]) for tool in tools] == [set(), {"at"}]
    assert [argument["name"] for argument in prompts[0]["arguments"]] == ["style"]


@proves("S146", "refuses", "user from the token alone")
@pytest.mark.parametrize("sent", ["root", {"subject": "root"}, None], ids=repr)
async def test_an_argument_cannot_set_the_caller(sent: Any) -> None:
    async with rpc_client(demo(), identity=ALICE) as peer:
        answer = await peer.call("whoami", user=sent)

    assert answer.result["isError"] is True
    assert "user: " in answer.content_text


@proves("S146", "refuses", "user from the token alone")
async def test_a_prompt_argument_cannot_set_the_caller() -> None:
    async with rpc_client(demo(), identity=ALICE) as peer:
        answer = await peer.ask("prompts/get", {"name": "greeting", "arguments": {"user": "root"}})

    assert answer.error["code"] == -32602


@proves("S146", "refuses", "user from the token alone")
@pytest.mark.parametrize(
    "header",
    ["x-user", "x-forwarded-user", "x-mcp-authorized", "remote-user", "doorward.identity"],
)
async def test_a_header_cannot_set_the_caller(header: str) -> None:
    async with rpc_client(demo(), identity=ALICE) as peer:
        assert (await peer.call("whoami", {header: "root"})).content_text == "alice"


@proves("S146", "refuses", "user from the token alone")
async def test_meta_cannot_set_the_caller() -> None:
    meta = {"doorward.identity": {"subject": "root"}, "user": "root"}
    async with rpc_client(demo(), identity=ALICE) as peer:
        answer = await peer.ask("tools/call", {"name": "whoami", "_meta": meta})

    assert answer.content_text == "alice"


@proves("S146", "refuses", "user from the token alone")
async def test_a_scope_value_that_is_not_an_identity_is_ignored() -> None:
    async with rpc_client(demo(), identity={"subject": "root"}) as peer:  # type: ignore[arg-type]
        answer = await peer.call("whoami")

    assert answer.error["code"] == -32602


def test_a_parameter_typed_as_caller_or_argument_is_refused_at_start_up() -> None:
    async def ambiguous(user: Identity | str) -> str:
        return str(user)

    with pytest.raises(ConfigurationError) as refusal:
        McpServer("test", version="1").tool()(ambiguous)

    assert refusal.value.reason == "unusable-signature"


@pytest.mark.parametrize("version", [MODERN, "2025-11-25"])
async def test_without_a_guard_a_tool_that_needs_the_caller_fails(
    version: str,
) -> None:
    server = McpServer("test", version="1")

    @server.tool()
    async def whoami(user: Identity) -> str:
        return user.subject

    @server.tool()
    async def hello(user: Identity | None) -> str:
        return user.subject if user else "stranger"

    with capture_logs() as logs:
        async with rpc_client(server, version) as peer:
            needed = await peer.call("whoami")
            optional = await peer.call("hello")

    assert needed.result["isError"] is True
    assert "no guard" in needed.content_text
    assert logs[0]["event"] == "tool-needs-a-guard"
    assert optional.content_text == "stranger"


async def test_without_a_guard_a_prompt_that_needs_the_caller_fails() -> None:
    server = McpServer("test", version="1")

    @server.prompt()
    async def whoami(user: Identity) -> str:
        return user.subject

    with capture_logs():
        async with rpc_client(server) as peer:
            answer = await peer.ask("prompts/get", {"name": "whoami"})

    assert (answer.status, answer.error["code"]) == (500, -32603)
    assert "no guard" in answer.error["message"]


@proves("S145", "accepts", "no result of another user")
@proves("S145", "refuses", "no result of another user")
async def test_concurrent_callers_each_get_their_own_subject() -> None:
    server = McpServer("test", version="1")
    everybody_is_in = asyncio.Barrier(8)

    @server.tool()
    async def whoami(user: Identity) -> str:
        await everybody_is_in.wait()
        return user.subject

    async def ask(name: str) -> str:
        async with rpc_client(server, identity=person(name)) as peer:
            return (await peer.call("whoami")).content_text

    names = [f"person-{n}" for n in range(8)]
    assert await asyncio.gather(*(ask(name) for name in names)) == names


async def scopes_of(peer: RpcClient) -> list[str]:
    methods = ("server/discover", "tools/list", "prompts/list")
    return [(await peer.ask(method)).result["cacheScope"] for method in methods]


@proves("S145", "accepts", "no result of another user")
async def test_lists_without_rules_have_a_public_cache_scope() -> None:
    server = McpServer("test", version="1", list_ttl_ms=5000)
    server.tool(name="hello")(lambda: "hello")
    server.prompt(name="hi")(lambda: "hi")
    async with rpc_client(server) as peer:
        assert await scopes_of(peer) == ["public"] * 3
        assert (await peer.ask("tools/list")).result["ttlMs"] == 5000


@proves("S145", "refuses", "no result of another user")
async def test_lists_for_an_identified_caller_have_a_private_cache_scope() -> None:
    async with rpc_client(demo(), identity=ALICE) as peer:
        assert await scopes_of(peer) == ["private"] * 3


@proves("S145", "refuses", "no result of another user")
async def test_lists_without_rules_are_private_for_an_identified_caller() -> None:
    server = McpServer("test", version="1")
    server.tool(name="hello")(lambda: "hello")
    server.prompt(name="hi")(lambda: "hi")
    async with rpc_client(server, identity=ALICE) as peer:
        assert await scopes_of(peer) == ["private"] * 3


@proves("S145", "refuses", "no result of another user")
async def test_a_list_filtered_by_rules_has_a_private_cache_scope() -> None:
    async with rpc_client(demo()) as peer:
        listed = (await peer.ask("tools/list")).result

    assert (listed["tools"], listed["cacheScope"]) == ([], "private")


@proves("S153", "accepts", "denied under every name")
@proves("S153", "refuses", "denied under every name")
@pytest.mark.parametrize(
    "by_policy", [False, True], ids=["by-the-rules", "by-the-composers-policy"]
)
@pytest.mark.parametrize("version", [MODERN, "2025-11-25"])
async def test_a_list_shows_what_its_caller_may_use(version: str, by_policy: bool) -> None:
    server = demo()
    if by_policy:
        decided_by_policy(server)

    async with rpc_client(server, version, identity=ALICE) as peer:
        seen = await peer.tools()
        prompts = [prompt["name"] for prompt in (await peer.ask("prompts/list")).result["prompts"]]
    async with rpc_client(server, version, identity=ADMIN) as peer:
        seen_by_admin = await peer.tools()

    assert (seen, prompts) == (["whoami"], ["greeting"])
    assert seen_by_admin == ["whoami", "shut_down"]


@proves("S147", "accepts", "hidden is like unknown")
async def test_a_tool_that_its_caller_may_use_answers() -> None:
    server = demo()
    decided_by_policy(server)
    async with rpc_client(server, identity=ADMIN) as peer:
        assert (await peer.call("shut_down", at="one")).content_text == "root at one"


@proves("S147", "refuses", "hidden is like unknown")
@pytest.mark.parametrize("version", [MODERN, "2025-11-25"])
async def test_a_hidden_tool_gets_the_response_of_an_unknown_tool(version: str) -> None:
    hidden, unknown = demo(), McpServer("demo", version="1.0")
    unknown.tool(scopes={"mcp:tools"}, name="whoami")(lambda: "alice")
    unknown.prompt(scopes={"mcp:tools"}, name="greeting")(lambda: "hello")
    texts = []
    for server in (hidden, unknown):
        decided_by_policy(server)
        async with rpc_client(server, version, identity=ALICE) as peer:
            tool = await peer.call("shut_down", at=1)
            prompt = await peer.ask("prompts/get", {"name": "eulogy"})
            texts.append((tool.status, tool.text, prompt.status, prompt.text))

    assert texts[0] == texts[1]
    assert "Unknown tool: shut_down" in texts[0][1]


@proves("S147", "refuses", "hidden is like unknown")
async def test_without_a_guard_a_tool_with_a_rule_is_unknown() -> None:
    async with rpc_client(demo()) as peer:
        answer = await peer.call("whoami")

    assert answer.error == {"code": -32602, "message": "Unknown tool: whoami"}


async def test_without_its_own_policy_the_server_does_not_repeat_the_guards_decision() -> None:
    # The guard's policy may know that one scope contains another; the rules alone do not.
    broad = person("alice", "mcp:everything")
    async with rpc_client(demo(), identity=broad) as peer:
        assert (await peer.call("whoami")).content_text == "alice"


async def test_the_decision_gets_the_caller_and_the_operation() -> None:
    asked: list[tuple[Identity | None, Operation]] = []
    server = demo()

    def decide(who: Identity | None, what: Operation) -> bool:
        asked.append((who, what))
        return True

    server.decide = decide
    async with rpc_client(server, identity=ALICE) as peer:
        await peer.call("whoami")

    assert server.decide is decide
    assert asked == [(ALICE, Operation("tools/call", "whoami"))]
