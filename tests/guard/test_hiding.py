"""With ``hide_refused``, a forbidden operation gets the response of an unknown one."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

from doorward.errors import ConfigurationError
from doorward.guard import Guard
from doorward.integrations.declared_rules import requires
from doorward.mcp_server import McpServer
from doorward.policy import EVERY, Policy, Rule
from tests.guard.bench import (
    NOW,
    RESOURCE,
    Bench,
    bearer,
    error,
    message,
    modern,
    routing,
    token,
    trusted,
)
from tests.ledger import proves

RULES = {
    ("tools/call", "add"): Rule(),
    ("tools/call", "drop"): Rule("admin"),
    ("tools/call", "fire"): Rule(roles="manager"),
    ("tools/call", "hire"): Rule(kinds={"service"}),
    ("prompts/get", "drop"): Rule("admin"),
    ("resources/read", "files://drop"): Rule("admin"),
}
POLICY = Policy(base=Rule("mcp:read"), rules=RULES)
GOOD = bearer(token("mcp:read"))
# Each names something hidden, and something that does not exist, of the same length.
HIDDEN: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("tools/call", {"name": "drop"}, {"name": "none"}),
    ("tools/call", {"name": "fire"}, {"name": "none"}),
    ("tools/call", {"name": "hire"}, {"name": "none"}),
    ("prompts/get", {"name": "drop"}, {"name": "none"}),
    ("resources/read", {"uri": "files://drop"}, {"uri": "files://none"}),
    ("resources/subscribe", {"uri": "files://drop"}, {"uri": "files://none"}),
    (
        "completion/complete",
        {"ref": {"type": "ref/prompt", "name": "drop"}},
        {"ref": {"type": "ref/prompt", "name": "none"}},
    ),
]
CASES = pytest.mark.parametrize(("method", "hidden", "unknown"), HIDDEN)


def seen(answer: httpx2.Response) -> tuple[int, Mapping[str, str], dict[str, Any]]:
    """Return all of an answer but the ids that differ from request to request."""
    headers = {name: one for name, one in answer.headers.items() if name != "x-correlation-id"}
    body = answer.json()
    body["error"]["data"].pop("correlation_id")
    return answer.status_code, headers, body


@proves("S192", "refuses", "hide_refused answers alike")
@proves("S147", "refuses", "hidden is like unknown")
@CASES
@pytest.mark.parametrize("revision", ["modern", "initialize"])
async def test_a_hidden_operation_gets_the_same_response_as_an_unknown_one(
    method: str, hidden: dict[str, Any], unknown: dict[str, Any], revision: str
) -> None:
    bench = Bench(policy=POLICY, hide_refused=True)
    answers = []
    for params in (hidden, unknown):
        name = params.get("name") or params.get("uri")
        body = (modern if revision == "modern" else message)(method, **params)
        headers = {**GOOD, **(routing(method, name) if revision == "modern" else {})}
        answers.append(seen(await bench.ask(json=body, headers=headers)))

    assert answers[0] == answers[1]
    assert "www-authenticate" not in answers[0][1]
    assert bench.seen == []


@proves("S192", "accepts", "hide_refused answers alike")
@proves("S147", "accepts", "hidden is like unknown")
@pytest.mark.parametrize("tool", ["add", "drop"])
async def test_a_caller_with_the_required_scopes_is_served(tool: str) -> None:
    bench = Bench(policy=POLICY, hide_refused=True)

    assert (await bench.call(tool, token("mcp:read", "admin"))).status_code == 200


async def test_the_audit_log_has_the_real_reason() -> None:
    bench = Bench(policy=POLICY, hide_refused=True)

    for tool in ("drop", "fire", "hire", "none"):
        await bench.call(tool, token("mcp:read"))

    assert [event.reason for event in bench.events] == [
        "scope-missing",
        "not-permitted",
        "kind-not-allowed",
        "unknown-operation",
    ]


async def test_without_hiding_a_missing_scope_is_reported() -> None:
    answer = await Bench(policy=POLICY).call("drop", token("mcp:read"))

    assert error(answer)["data"]["reason"] == "scope-missing"


async def test_a_refused_list_operation_is_not_hidden() -> None:
    policy = Policy(rules={**RULES, ("tools/list", EVERY): Rule("lists")})
    bench = Bench(policy=policy, hide_refused=True)

    answer = await bench.ask(json=message("tools/list"), headers=GOOD)

    assert error(answer)["data"]["reason"] == "scope-missing"


@proves("S192", "refuses", "hide_refused answers alike")
@pytest.mark.parametrize(
    "policy",
    [
        pytest.param(Policy(unknown="base"), id="unknown-names-go-to-the-application"),
        pytest.param(Policy(rules={("tools/call", EVERY): Rule()}), id="a-rule-for-every-tool"),
        pytest.param(
            Policy(rules={("resources/read", EVERY): Rule()}), id="a-rule-for-every-resource"
        ),
        pytest.param(
            Policy(
                rules={
                    ("resources/read", "files://{name}"): Rule(),
                    ("resources/read", "files://drop"): Rule("admin"),
                }
            ),
            id="one-of-a-templates-uris",
        ),
    ],
)
def test_a_policy_that_cannot_hide_refusals_is_refused_at_start_up(policy: Policy) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        Bench(policy=policy, hide_refused=True)

    assert refusal.value.reason == "cannot-hide"


@proves("S192", "accepts", "hide_refused answers alike")
def test_hiding_is_allowed_beside_a_template_that_shares_no_hidden_uri() -> None:
    rules = {("resources/read", "notes://{name}"): Rule(), **RULES}

    bench = Bench(policy=Policy(rules=rules), hide_refused=True)

    assert bench.guard.policy.rules == rules


@proves("S192", "accepts", "hide_refused answers alike")
@proves("S192", "refuses", "hide_refused answers alike")
@pytest.mark.parametrize(
    ("uri", "starts"), [("files://drop", False), ("notes://drop", True)], ids=["shared", "apart"]
)
async def test_a_mounted_server_whose_template_shares_a_hidden_uri_does_not_start(
    uri: str, starts: bool
) -> None:
    from fastmcp import FastMCP

    from doorward.integrations.fastmcp import protect

    inner: FastMCP[Any] = FastMCP("inner")
    inner.resource("files://{name}", name="file")(requires()(lambda name: name))
    inner.resource(uri, name="drop")(requires(scopes={"admin"})(lambda: ""))
    outer: FastMCP[Any] = FastMCP("outer")
    outer.mount(inner)
    policy = Policy(base=Rule("mcp:read"))
    guard = Guard(resource=RESOURCE, issuers=[trusted()], policy=policy, hide_refused=True)

    said = await started(protect(outer, guard))

    assert said == ("lifespan.startup.complete" if starts else "lifespan.startup.failed")


async def started(app: Any) -> str:
    """Return what an application says when its server starts it, and stop it again."""
    said: asyncio.Queue[str] = asyncio.Queue()
    told: asyncio.Queue[dict[str, str]] = asyncio.Queue()

    async def send(message: Any) -> None:
        await said.put(message["type"])

    serving = asyncio.create_task(app({"type": "lifespan", "state": {}}, told.get, send))
    await told.put({"type": "lifespan.startup"})
    first = await said.get()
    await told.put({"type": "lifespan.shutdown"})
    await asyncio.wait({serving})
    # Starlette raises what kept it from starting, too.
    serving.exception()
    return first


def own(guard: Guard) -> Any:
    server = McpServer("shop", version="1")
    server.tool(name="add", scopes={"mcp:read"})(lambda: "")
    server.tool(name="drop", scopes={"admin"})(lambda: "")
    return guard.protect(server.asgi, policy=Policy(base=Rule("mcp:read"), rules=server.rules))


def official_sdk(guard: Guard) -> Any:
    from mcp.server.mcpserver import MCPServer

    from doorward.integrations.mcp_sdk import protect

    server: MCPServer[Any] = MCPServer("shop")
    server.tool(name="add")(requires()(lambda: ""))
    server.tool(name="drop")(requires(scopes={"admin"})(lambda: ""))
    return protect(server, guard)


def fastmcp(guard: Guard) -> Any:
    from fastmcp import FastMCP

    from doorward.integrations.fastmcp import protect

    server: FastMCP[Any] = FastMCP("shop")
    server.tool(name="add")(requires()(lambda: ""))
    server.tool(name="drop")(requires(scopes={"admin"})(lambda: ""))
    return protect(server, guard)


@proves("S192", "refuses", "hide_refused answers alike")
@proves("S147", "refuses", "hidden is like unknown")
@pytest.mark.parametrize("build", [own, official_sdk, fastmcp])
async def test_every_integration_hides_refused_operations(build: Any) -> None:
    guard = Guard(
        resource=RESOURCE,
        issuers=[trusted()],
        policy=Policy(base=Rule("mcp:read")),
        hide_refused=True,
        clock=lambda: NOW,
        audit=lambda _: None,
    )
    transport = httpx2.ASGITransport(build(guard))
    answers = []
    async with httpx2.AsyncClient(transport=transport, base_url="https://mcp.example") as client:
        for tool in ("drop", "none"):
            body = message("tools/call", name=tool, arguments={})
            answers.append(seen(await client.post("/mcp", json=body, headers=GOOD)))

    assert answers[0] == answers[1]
    assert answers[0][2]["error"]["message"] == "Nothing of that name is served here."
