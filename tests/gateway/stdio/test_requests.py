"""What a stdio server answers, in every protocol revision."""

import json

import pytest

from doorward.gateway.stdio.server import StdioLogLine
from tests.gateway.stdio.child import TOOLS
from tests.gateway.stdio.stdio_servers import ALICE, BOB, client_of, session_of, stdio_server
from tests.mcp_server.rpc_client import LEGACY, MODERN, REVISIONS


@pytest.mark.parametrize("version", LEGACY)
async def test_a_client_of_an_older_revision_initializes_lists_and_calls(version: str) -> None:
    async with stdio_server() as server, session_of(server, version) as client:
        listed = await client.ask("tools/list")
        answer = await client.ask("tools/call", {"name": "echo", "arguments": {"text": "hello"}})

    assert client.session is not None
    assert [one["name"] for one in listed["result"]["tools"]] == list(TOOLS)
    assert answer["result"]["content"] == [{"type": "text", "text": "hello"}]


async def test_a_client_of_2026_07_28_discovers_lists_and_calls() -> None:
    async with stdio_server() as server, client_of(server) as client:
        found = (await client.ask("server/discover")).result
        listed = (await client.ask("tools/list")).result
        answer = await client.call("echo", text="hello")

    assert found["instructions"] == "Be kind."
    assert found["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "child"
    assert (listed["ttlMs"], listed["cacheScope"]) == (0, "private")
    assert answer.result["resultType"] == "complete"
    assert answer.content_text == "hello"


async def test_tasks_of_the_process_are_not_announced() -> None:
    async with stdio_server() as server, client_of(server) as client:
        found = (await client.ask("server/discover")).result

    assert set(found["capabilities"]) == {"tools", "resources", "logging"}


async def test_a_method_that_the_process_does_not_offer_is_unknown() -> None:
    async with stdio_server() as server, client_of(server) as client:
        refused = await client.ask("prompts/list")

    assert (refused.status, refused.error["code"]) == (404, -32601)


async def test_an_error_of_the_process_reaches_the_client_as_it_came() -> None:
    async with stdio_server() as server, client_of(server) as client:
        refused = await client.call("fail")

    assert (refused.status, refused.error["code"]) == (400, -32602)
    assert refused.error["message"] == "no such city"


async def test_a_process_is_not_told_what_is_between_client_and_gateway() -> None:
    async with stdio_server() as server, client_of(server) as client:
        answer = await client.ask(
            "tools/call", {"name": "meta", "arguments": {}, "_meta": {"traceparent": "00-1"}}
        )

    assert json.loads(answer.content_text) == {
        "name": "meta", "arguments": {}, "_meta": {"traceparent": "00-1"},
    }  # fmt: skip


async def test_two_clients_of_one_user_share_a_process_and_no_ids() -> None:
    async with (
        stdio_server() as server,
        client_of(server) as one,
        client_of(server) as other,
    ):
        first = await one.ask("tools/call", {"name": "whoami", "arguments": {}}, id=7)
        second = await other.ask("tools/call", {"name": "whoami", "arguments": {}}, id=7)

    assert first.content_text == second.content_text
    assert first.message["id"] == second.message["id"] == 7


async def test_each_user_has_a_process_that_knows_its_user() -> None:
    async with (
        stdio_server() as server,
        client_of(server, identity=ALICE) as alice,
        client_of(server, identity=BOB) as bob,
    ):
        first, second = await alice.call("whoami"), await bob.call("whoami")

    assert first.content_text.startswith("alice ")
    assert second.content_text.startswith("bob ")


async def test_a_shared_process_serves_everybody_and_knows_nobody() -> None:
    async with (
        stdio_server(shared=True) as server,
        client_of(server, identity=ALICE) as alice,
        client_of(server, identity=BOB) as bob,
    ):
        first, second = await alice.call("whoami"), await bob.call("whoami")

    assert first.content_text == second.content_text
    assert first.content_text.startswith("None ")


async def test_a_request_that_no_guard_verified_is_refused_and_starts_nothing() -> None:
    async with stdio_server() as server, client_of(server, identity=None) as stranger:
        refused = await stranger.call("echo", text="hello")
        running = len(server.processes)

    assert (refused.status, running) == (401, 0)


async def test_a_session_of_another_user_is_not_found() -> None:
    async with (
        stdio_server() as server,
        session_of(server, identity=ALICE) as alice,
        session_of(server, identity=BOB) as bob,
    ):
        bob.session = alice.session
        refused = await bob.http.post(
            "/mcp",
            json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
            headers=bob.headers(),
        )

    assert refused.status_code == 404


@pytest.mark.parametrize("version", REVISIONS)
async def test_lists_have_only_what_the_caller_may_use(version: str) -> None:
    async with (
        stdio_server(decide=lambda _who, one: one.name in ("echo", "memo://2")) as server,
        session_of(server, version) as client,
    ):
        tools = await client.ask("tools/list")
        resources = await client.ask("resources/list")

    assert [one["name"] for one in tools["result"]["tools"]] == ["echo"]
    assert [one["uri"] for one in resources["result"]["resources"]] == ["memo://2"]


@pytest.mark.parametrize("version", ["2025-11-25", MODERN])
async def test_progress_reaches_the_client_with_its_own_token(version: str) -> None:
    params = {"name": "progress", "arguments": {}, "_meta": {"progressToken": "mine"}}
    async with (
        stdio_server() as server,
        session_of(server, version) as client,
        client.stream("tools/call", params) as events,
    ):
        *told, answer = await events.rest()

    assert [one["params"]["progressToken"] for one in told] == ["mine", "mine"]
    assert [one["params"]["progress"] for one in told] == [1, 2]
    assert answer["result"]["content"][0]["text"] != "mine"


async def test_logs_reach_the_client_that_asked_for_them() -> None:
    lines: list[StdioLogLine] = []
    async with stdio_server(log=lines.append) as server, session_of(server) as client:
        await client.ask("logging/setLevel", {"level": "warning"})
        async with client.stream("tools/call", {"name": "log", "arguments": {}}) as events:
            told, _answer = await events.rest()

    assert told["params"] == {"level": "error", "data": "careful"}
    assert [one.text for one in lines] == ["written to stderr \\u001b[31m"]
    assert lines[0].server.startswith("python")
