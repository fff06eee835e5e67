"""FastMCP's tasks behind the guard; run by ``make test-oldest``, which has a release of them."""

# mypy: disable-error-code="untyped-decorator"

from typing import Any

import pytest
from fastmcp import FastMCP
from fastmcp_tasks import TasksExtension

from doorward.integrations.declared_rules import requires
from doorward.integrations.fastmcp import protect
from doorward.policy import Policy, Rule
from tests.integrations.guarded_server import GuardedServer
from tests.integrations.test_tools_and_lists import result_of
from tests.integrations.test_two_issuers import TASKS, A, B, alices, task_of
from tests.ledger import proves

READ = Rule(scopes={"mcp:read"})
POLICY = Policy(base=READ, rules={("tasks/get", "*"): READ})


def working() -> FastMCP[Any]:
    """Return a server with a tool that runs as a task."""
    server: FastMCP[Any] = FastMCP("working")
    server.add_extension(TasksExtension(url="memory://"))

    @server.tool(task=True)
    @requires()
    async def work() -> str:
        return "done"

    return server


@proves("S144", "accepts", "foreign tasks")
@proves("S144", "refuses", "foreign tasks")
@proves("S187", "accepts", "callers of two issuers")
@proves("S187", "refuses", "callers of two issuers")
async def test_the_same_subject_of_another_issuer_cannot_use_a_task() -> None:
    guarded_server = GuardedServer(POLICY, issuers=(A, B))
    async with (
        guarded_server.serving(protect(working(), guarded_server.guard)),
        alices(guarded_server) as (mine, theirs),
    ):
        begun = await guarded_server.modern(
            mine, "tools/call", name="work", arguments={}, meta=TASKS
        )
        task = result_of(begun)["result"]["taskId"]
        seen = [await task_of(guarded_server, http, task) for http in (mine, theirs)]

    assert seen[0]["result"]["taskId"] == task
    assert "error" in seen[1]


@proves("S144", "refuses", "foreign tasks")
@pytest.mark.parametrize("issuers", [(A,), (A, B)])
async def test_another_subject_cannot_use_a_task(issuers: tuple[str, ...]) -> None:
    guarded_server = GuardedServer(POLICY, issuers=issuers)
    async with (
        guarded_server.serving(protect(working(), guarded_server.guard)),
        guarded_server.http("alice") as alice,
        guarded_server.http("bob") as bob,
    ):
        begun = await guarded_server.modern(
            alice, "tools/call", name="work", arguments={}, meta=TASKS
        )
        task = result_of(begun)["result"]["taskId"]
        seen = [await task_of(guarded_server, http, task) for http in (alice, bob)]

    assert seen[0]["result"]["taskId"] == task
    assert "error" in seen[1]


@proves("S144", "accepts", "foreign tasks")
@proves("S144", "refuses", "foreign tasks")
async def test_a_principal_without_access_to_the_tool_cannot_get_its_task() -> None:
    rules = {**POLICY.rules, ("tools/call", "work"): Rule(scopes={"shop:admin"})}
    guarded_server = GuardedServer(Policy(base=READ, rules=rules))
    async with (
        guarded_server.serving(protect(working(), guarded_server.guard)),
        guarded_server.http("mia", "shop:admin") as strong,
        guarded_server.http("mia") as weak,
    ):
        begun = await guarded_server.modern(
            strong, "tools/call", name="work", arguments={}, meta=TASKS
        )
        task = result_of(begun)["result"]["taskId"]
        seen = [await task_of(guarded_server, http, task) for http in (strong, weak)]

    assert seen[0]["result"]["taskId"] == task
    assert seen[1]["error"]["message"] == "Unknown task"


async def test_a_background_task_cannot_call_a_forbidden_tool() -> None:
    ran: list[str] = []
    server: FastMCP[Any] = FastMCP("working")
    server.add_extension(TasksExtension(url="memory://"))

    @server.tool
    async def delete() -> str:
        ran.append("delete")
        return "done"

    @server.tool(task=True)
    async def forward(name: str) -> str:
        return str((await server.call_tool(name)).content)

    rules = {("tools/call", "*"): READ, ("tools/call", "delete"): Rule(scopes={"shop:admin"})}
    guarded_server = GuardedServer(Policy(base=READ, rules={**POLICY.rules, **rules}))
    async with (
        guarded_server.serving(protect(server, guarded_server.guard)),
        guarded_server.http("alice") as alice,
    ):
        call: dict[str, Any] = {"name": "forward", "arguments": {"name": "delete"}}
        begun = await guarded_server.modern(alice, "tools/call", meta=TASKS, **call)
        task = result_of(begun)["result"]["taskId"]
        for _ in range(1000):
            said = (await task_of(guarded_server, alice, task))["result"]
            if said["status"] != "working":
                break

    assert ran == []
    assert said["status"] == "completed"
    assert said["result"]["isError"]


@proves("S185", "refuses", "every name of a tool")
async def test_a_task_is_refused_before_it_starts_by_the_rule_of_its_inner_name() -> None:
    child = working()
    server: FastMCP[Any] = FastMCP("parent")
    server.add_extension(TasksExtension(url="memory://"))
    server.mount(child, namespace="child")
    rules = {("tools/call", "*"): READ, ("tools/call", "work"): Rule(scopes={"shop:admin"})}
    guarded_server = GuardedServer(Policy(base=READ, rules={**POLICY.rules, **rules}))
    async with (
        guarded_server.serving(protect(server, guarded_server.guard)),
        guarded_server.http("alice") as alice,
        guarded_server.http("mia", "shop:admin") as mia,
    ):
        call: dict[str, Any] = {"name": "child_work", "arguments": {}}
        refused = await guarded_server.modern(alice, "tools/call", meta=TASKS, **call)
        begun = await guarded_server.modern(mia, "tools/call", meta=TASKS, **call)

    assert refused.status_code == 403
    assert "taskId" in result_of(begun)["result"]
