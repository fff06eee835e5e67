"""FastMCP's tasks behind the guard; run by ``make adapters-oldest``, which has a release of them."""

# mypy: disable-error-code="untyped-decorator"

from typing import Any

import pytest
from fastmcp import FastMCP
from fastmcp_tasks import TasksExtension

from doorward.guard.declared import requires
from doorward.guard.fastmcp import protect
from doorward.policy import Policy, Rule
from tests.adapters.stage import Stage
from tests.adapters.test_tools_and_lists import result_of
from tests.adapters.test_two_issuers import TASKS, A, B, alices, task_of
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


@proves("S144", "accepts")
@proves("S144", "refuses")
@proves("S187", "accepts")
@proves("S187", "refuses")
async def test_a_task_is_closed_to_the_same_subject_of_another_issuer() -> None:
    stage = Stage(POLICY, issuers=(A, B))
    async with stage.serving(protect(working(), stage.guard)), alices(stage) as (mine, theirs):
        begun = await stage.modern(mine, "tools/call", name="work", arguments={}, meta=TASKS)
        task = result_of(begun)["result"]["taskId"]
        seen = [await task_of(stage, http, task) for http in (mine, theirs)]

    assert seen[0]["result"]["taskId"] == task
    assert "error" in seen[1]


@proves("S144", "refuses")
@pytest.mark.parametrize("issuers", [(A,), (A, B)])
async def test_a_task_is_closed_to_another_subject(issuers: tuple[str, ...]) -> None:
    stage = Stage(POLICY, issuers=issuers)
    async with (
        stage.serving(protect(working(), stage.guard)),
        stage.http("alice") as alice,
        stage.http("bob") as bob,
    ):
        begun = await stage.modern(alice, "tools/call", name="work", arguments={}, meta=TASKS)
        task = result_of(begun)["result"]["taskId"]
        seen = [await task_of(stage, http, task) for http in (alice, bob)]

    assert seen[0]["result"]["taskId"] == task
    assert "error" in seen[1]
