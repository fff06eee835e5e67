"""Tasks: only their principal can use them; their status and results."""

import asyncio
from typing import Any

import pytest

from doorward.identity import Identity
from doorward.mcp_server import Context, Elicit, InternalFailure, McpServer, ToolError
from doorward.mcp_server.features.tasks import EXTENSION, MAX_PER_CALLER
from doorward.policy import EVERY, Policy
from tests.ledger import proves
from tests.mcp_server.rpc_client import Response, RpcClient, person, rpc_client
from tests.mcp_server.session_client import session_client

TASKS: dict[str, Any] = {"elicitation": {}, "extensions": {EXTENSION: {}}}
FORM = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
YES = {"action": "accept", "content": {"name": "Al"}}
ALICE, BOB = person("alice", "mcp:work"), person("bob", "mcp:work")


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def working(clock: Clock | None = None, **settings: Any) -> McpServer:
    server = McpServer("working", version="1.0", clock=clock or Clock(), **settings)

    @server.tool(task="optional", scopes={"mcp:work"})
    async def work(user: Identity, then: str = "done") -> str:
        if then == "hang":
            await asyncio.Event().wait()
        if then == "fail":
            raise ToolError("It failed.")
        if then == "break":
            raise InternalFailure("It broke.")
        if then == "stop":
            raise asyncio.CancelledError
        return f"{then} for {user.subject}"

    @server.tool(task="required")
    async def only_as_task() -> str:
        return "done"

    @server.tool(task="optional")
    async def ask(ctx: Context) -> str:
        await ctx.report_progress(1, 2, "half way")
        answers = await ctx.ask(one=Elicit("?", FORM), two=Elicit("?", FORM))
        return f"{answers['one'].content} {answers['two'].action}"

    @server.tool(task="deferred")
    async def ask_first(ctx: Context, at_once: bool = False) -> str:
        if at_once:
            return "at once"
        answer = await ctx.elicit("?", FORM, key="first")
        await ctx.become_task()
        more = await ctx.elicit("?", FORM, key="second")
        return f"{answer.content} {more.content}"

    return server


async def begin(peer: RpcClient, name: str = "work", **arguments: Any) -> str:
    result = (await peer.call(name, **arguments)).result
    assert result["resultType"] == "task"
    task: str = result["taskId"]
    return task


async def get(peer: RpcClient, task: str) -> Response:
    return await peer.ask("tasks/get", {"taskId": task}, headers={"mcp-name": task})


async def until(peer: RpcClient, task: str, *statuses: str) -> dict[str, Any]:
    async with asyncio.timeout(5):
        while (found := (await get(peer, task)).result)["status"] not in statuses:
            await asyncio.sleep(0)
    return found


@pytest.mark.parametrize(
    ("then", "status", "member"),
    [
        ("done", "completed", "result"),
        ("fail", "completed", "result"),
        ("break", "failed", "error"),
    ],
)
async def test_the_final_status_of_a_task_is_that_of_its_tool(
    then: str, status: str, member: str
) -> None:
    async with rpc_client(working(), capabilities=TASKS, identity=ALICE) as peer:
        created = (await peer.call("work", then=then)).result
        found = await until(peer, created["taskId"], "completed", "failed")

    # It may be over before its creation is told.
    assert created["status"] in ("working", status)
    assert created["ttlMs"] == 3_600_000
    assert not {"result", "error", "inputRequests", "requestState"} & set(created)
    assert found["status"] == status
    assert found["resultType"] == "complete"
    if member == "error":
        assert found["error"] == {"code": -32603, "message": "It broke."}
        assert "result" not in found
    else:
        assert found["result"]["isError"] is (then == "fail")


async def test_a_task_that_cancels_itself_ends_as_failed() -> None:
    async with rpc_client(working(), capabilities=TASKS, identity=ALICE) as peer:
        found = await until(peer, await begin(peer, "work", then="stop"), "failed")

    assert found["error"]["message"] == "The work was stopped."


@proves("S144", "accepts", "foreign tasks")
async def test_the_principal_of_a_task_can_get_and_cancel_it() -> None:
    async with rpc_client(working(), capabilities=TASKS, identity=ALICE) as peer:
        task = await begin(peer, "work", then="hang")
        followed = (await get(peer, task)).result
        cancelled = await peer.ask("tasks/cancel", {"taskId": task})
        again = await peer.ask("tasks/cancel", {"taskId": task})
        after = (await get(peer, task)).result

    assert followed["status"] == "working"
    assert set(cancelled.result) == set(again.result) == {"resultType", "_meta"}
    assert after["status"] == "cancelled"


def varied(**changes: Any) -> Identity:
    fields = {"issuer": "https://as.example", "subject": "alice", "client_id": "client"}
    base = {"scopes": frozenset({"mcp:work"}), "roles": frozenset[str](), "expires_at": 2e9}
    return Identity(**{**fields, **base, **changes})


@proves("S144", "refuses", "foreign tasks")
@proves("S142", "refuses", "foreign sessions and handles")
@pytest.mark.parametrize(
    "other",
    [varied(subject="bob"), varied(issuer="https://b.example"), varied(client_id="c2"), None],
    ids=["subject", "issuer", "client", "nobody"],
)
@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
async def test_another_principal_cannot_use_a_task_id(method: str, other: Identity | None) -> None:
    server = working()
    async with rpc_client(server, capabilities=TASKS, identity=varied()) as peer:
        task = await begin(peer, "work", then="hang")
    async with rpc_client(server, capabilities=TASKS, identity=other) as thief:
        params: dict[str, Any] = {"inputResponses": {}}
        refused = await thief.ask(method, {**params, "taskId": task})
        unknown = await thief.ask(method, {**params, "taskId": "none"})
    async with rpc_client(server, capabilities=TASKS, identity=varied()) as peer:
        still = (await get(peer, task)).result
        await peer.ask("tasks/cancel", {"taskId": task})

    assert (refused.status, refused.error["code"]) == (400, -32602)
    assert refused.error == unknown.error
    assert still["status"] == "working"


@proves("S144", "refuses", "foreign tasks")
async def test_a_principal_without_access_to_the_tool_cannot_get_its_task() -> None:
    server = working()
    policy = Policy(rules=server.rules)
    server.decide = lambda who, what: who is not None and policy.decide(who, what).allowed
    async with rpc_client(server, capabilities=TASKS, identity=ALICE) as peer:
        task = await begin(peer)
    async with rpc_client(server, capabilities=TASKS, identity=person("alice")) as peer:
        assert (await get(peer, task)).error["message"] == "Unknown task"


@proves("S144", "accepts", "foreign tasks")
@proves("S144", "refuses", "foreign tasks")
async def test_without_a_policy_a_task_requires_the_scopes_of_the_first_token() -> None:
    server = working(subscriptions=True)
    strong, weak = person("alice", "mcp:work", "mcp:more"), person("alice", "mcp:more")
    async with rpc_client(server, capabilities=TASKS, identity=person("alice", "mcp:work")) as peer:
        task = await begin(peer)
        await until(peer, task, "completed")
    async with rpc_client(server, capabilities=TASKS, identity=strong) as peer:
        same = await get(peer, task)
    async with rpc_client(server, capabilities=TASKS, identity=weak) as peer:
        others = [
            await get(peer, task),
            await peer.ask("tasks/update", {"taskId": task, "inputResponses": {}}),
            await peer.ask("tasks/cancel", {"taskId": task}),
        ]
    params = {"notifications": {"taskIds": [task]}}
    async with (
        session_client(server, identity=weak, capabilities=TASKS) as caller,
        caller.stream("subscriptions/listen", params) as events,
    ):
        first = await events.next()

    assert same.result["result"]["structuredContent"] == {"result": "done for alice"}
    assert {one.error["message"] for one in others} == {"Unknown task"}
    assert first is not None
    assert first["params"]["notifications"]["taskIds"] == []


@proves("S144", "refuses", "foreign tasks")
async def test_another_caller_gets_no_task_notifications() -> None:
    server = working(subscriptions=True)
    async with rpc_client(server, capabilities=TASKS, identity=ALICE) as peer:
        task = await begin(peer, "work", then="hang")
    params = {"notifications": {"taskIds": [task, "none"]}}
    granted = []
    for who in (ALICE, BOB):
        async with (
            session_client(server, identity=who, capabilities=TASKS) as caller,
            caller.stream("subscriptions/listen", params) as events,
        ):
            first = await events.next()
            assert first is not None
            granted.append(first["params"]["notifications"]["taskIds"])
            if who is ALICE:
                await caller.ask("tasks/cancel", {"taskId": task})
                told = await events.next()
                assert told is not None
                assert (told["method"], told["params"]["status"]) == (
                    "notifications/tasks",
                    "cancelled",
                )

    assert granted == [[task], []]


async def test_a_client_without_the_task_extension_gets_the_result_or_an_error() -> None:
    async with rpc_client(working(), identity=ALICE) as peer:
        at_once = await peer.call("work")
        refused = [await peer.call("only_as_task"), await peer.call("ask_first")]
        refused += [await peer.ask("tasks/get", {"taskId": "x"})]
    async with rpc_client(working(), "2025-11-25", identity=ALICE) as peer:
        older = await peer.call("work")

    assert at_once.content_text == older.content_text == "done for alice"
    for answer in refused:
        assert (answer.status, answer.error["code"]) == (400, -32021)
        assert answer.error["data"] == {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}


async def test_a_task_continues_when_all_input_is_provided() -> None:
    async with rpc_client(working(), capabilities=TASKS) as peer:
        task = await begin(peer, "ask")
        asked = await until(peer, task, "input_required")
        bad = await peer.ask("tasks/update", {"taskId": task, "inputResponses": {"one": {}}})
        none = await peer.ask("tasks/update", {"taskId": task})
        some = {"one": YES, "invented": YES}
        first = await peer.ask("tasks/update", {"taskId": task, "inputResponses": some})
        left = (await get(peer, task)).result
        late = {"one": {"action": "cancel"}, "two": {"action": "decline"}}
        await peer.ask("tasks/update", {"taskId": task, "inputResponses": late})
        done = await until(peer, task, "completed")

    assert set(asked["inputRequests"]) == {"one", "two"}
    assert asked["statusMessage"] == "half way"
    assert bad.error["code"] == none.error["code"] == -32602
    assert set(first.result) == {"resultType", "_meta"}
    assert set(left["inputRequests"]) == {"two"}
    assert done["result"]["content"][0]["text"] == "{'name': 'Al'} decline"


async def test_a_tool_can_request_input_before_it_becomes_a_task() -> None:
    async with rpc_client(working(), capabilities=TASKS) as peer:
        at_once = await peer.call("ask_first", at_once=True)
        first = (await peer.call("ask_first")).result
        retry = {"requestState": first["requestState"], "inputResponses": {"first": YES}}
        created = (
            await peer.ask("tools/call", {"name": "ask_first", "arguments": {}, **retry})
        ).result
        task = created["taskId"]
        asked = await until(peer, task, "input_required")
        answers = dict.fromkeys(asked["inputRequests"], YES)
        await peer.ask("tasks/update", {"taskId": task, "inputResponses": answers})
        done = await until(peer, task, "completed")

    assert at_once.content_text == "at once"
    assert first["resultType"] == "input_required"
    assert "taskId" not in first
    assert "requestState" not in created
    assert done["result"]["content"][0]["text"] == "{'name': 'Al'} {'name': 'Al'}"


async def test_expired_tasks_are_unknown() -> None:
    clock = Clock()
    async with rpc_client(working(clock), capabilities=TASKS, identity=ALICE) as peer:
        task = await begin(peer, "work", then="hang")
        clock.now += 3599
        before = await get(peer, task)
        clock.now += 1
        after = await get(peer, task)

    assert "result" in before.message
    assert after.error["message"] == "Unknown task"


async def test_the_number_of_tasks_per_caller_is_limited() -> None:
    server = working()
    async with rpc_client(server, capabilities=TASKS, identity=ALICE) as peer:
        for _ in range(MAX_PER_CALLER):
            await begin(peer)
        refused = await peer.call("work")
    async with rpc_client(server, capabilities=TASKS, identity=BOB) as peer:
        await begin(peer)

    assert (refused.status, refused.error["code"]) == (503, -32603)


async def test_the_task_extension_is_advertised_when_a_tool_uses_it() -> None:
    server = working()
    async with rpc_client(server) as peer:
        capabilities = (await peer.ask("server/discover")).result["capabilities"]
        removed = [await peer.ask("tasks/list"), await peer.ask("tasks/result", {"taskId": "x"})]
    async with rpc_client(McpServer("none", version="1.0"), capabilities=TASKS) as peer:
        absent = await peer.ask("tasks/get", {"taskId": "x"})

    assert capabilities["extensions"] == {EXTENSION: {}}
    assert [(one.status, one.error["code"]) for one in (*removed, absent)] == [(404, -32601)] * 3
    assert ("tasks/get", EVERY) in server.rules
