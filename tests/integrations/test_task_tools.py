"""The tool of a task is remembered, in every shape in which a library answers with a task."""

from types import SimpleNamespace
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from doorward.integrations.mcp_sdk.tasks import note_task, require_own_tool
from doorward.policy import Policy, Rule
from tests.ledger import proves
from tests.policy.test_decide import caller

POLICY = Policy(rules={("tools/call", "pay"): Rule("admin")})


@proves("S144", "accepts", "foreign tasks")
@proves("S144", "refuses", "foreign tasks")
@pytest.mark.parametrize(
    "result",
    [
        {"taskId": "t", "resultType": "task"},
        {"task": {"taskId": "t"}},
        SimpleNamespace(task_id="t"),
        SimpleNamespace(task=SimpleNamespace(task_id="t")),
    ],
)
def test_a_caller_without_access_to_the_tool_cannot_use_its_task(result: Any) -> None:
    note_task({"name": "pay"}, result)

    require_own_tool({"taskId": "t"}, caller("admin"), POLICY)
    with pytest.raises(MCPError):
        require_own_tool({"taskId": "t"}, caller("read"), POLICY)


@pytest.mark.parametrize("result", [None, {}, {"task": None}, {"taskId": 5}, SimpleNamespace()])
def test_a_result_that_is_not_a_task_is_ignored(result: Any) -> None:
    note_task({"name": "pay"}, result)

    require_own_tool({"taskId": "none"}, caller(), POLICY)
    require_own_tool(None, caller(), POLICY)
