"""Progress, log messages and subscriptions: what the server sends during a request."""

import asyncio
from typing import Any

import pytest

from doorward.errors import ConfigurationError
from doorward.mcp_server import Context, McpServer
from tests.ledger import proves
from tests.mcp_server.rpc_client import LEGACY, MODERN, person, rpc_client
from tests.mcp_server.session_client import EventReader, SessionClient, session_client

ALICE = person("alice")
LOG_LEVEL = "io.modelcontextprotocol/logLevel"


def server_that_reports() -> McpServer:
    server = McpServer("reports", version="1.0")

    @server.tool()
    async def work(ctx: Context) -> str:
        for progress in (1, 1, 0.5, 2):
            await ctx.report_progress(progress, 2, f"at {progress}")
        await ctx.log("info", {"seen": True}, logger="work")
        await ctx.log("error", "bad")
        return "done"

    @server.tool()
    async def fail(ctx: Context) -> str:
        await ctx.report_progress(1)
        raise OSError("secret")

    return server


def calling(name: str = "work", **meta: Any) -> dict[str, Any]:
    return {"name": name, "arguments": {}, "_meta": meta}


@pytest.mark.parametrize("version", [*LEGACY, MODERN])
async def test_progress_is_sent_on_the_stream_of_its_request_in_ascending_order(
    version: str,
) -> None:
    async with rpc_client(server_that_reports(), version) as peer:
        answer = await peer.ask("tools/call", calling(progressToken="t"))

    told = [one["params"] for one in answer.messages[:-1]]
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["x-accel-buffering"] == "no"
    assert [(one["progressToken"], one["progress"], one["total"]) for one in told] == [
        ("t", 1, 2),
        ("t", 2, 2),
    ]
    assert answer.content_text == "done"


@pytest.mark.parametrize("token", [None, True, [], {}])
async def test_without_a_progress_token_the_response_is_json(token: Any) -> None:
    async with rpc_client(server_that_reports()) as peer:
        answer = await peer.ask("tools/call", calling(**{"progressToken": token} if token else {}))

    assert answer.headers["content-type"] == "application/json"
    assert answer.content_text == "done"


async def test_a_client_that_accepts_only_json_gets_only_the_response() -> None:
    async with rpc_client(server_that_reports()) as peer:
        headers = {"accept": "application/json"}
        answer = await peer.ask("tools/call", calling(progressToken=1), headers=headers)

    assert answer.headers["content-type"] == "application/json"
    assert answer.content_text == "done"


async def test_log_messages_are_filtered_by_the_level_of_the_request() -> None:
    async with rpc_client(server_that_reports()) as peer:
        everything = await peer.ask("tools/call", calling(**{LOG_LEVEL: "debug"}))
        errors = await peer.ask("tools/call", calling(**{LOG_LEVEL: "error"}))
        nonsense = await peer.ask("tools/call", calling(**{LOG_LEVEL: "loud"}))

    assert [one["params"]["level"] for one in everything.messages[:-1]] == ["info", "error"]
    assert everything.messages[0]["params"]["logger"] == "work"
    assert [one["params"]["level"] for one in errors.messages[:-1]] == ["error"]
    assert (nonsense.status, nonsense.error["code"]) == (400, -32602)


async def test_a_failure_after_the_first_progress_report_is_still_a_response() -> None:
    async with rpc_client(server_that_reports()) as peer:
        answer = await peer.ask("tools/call", calling("fail", progressToken=1))

    assert answer.status == 200
    assert answer.result["isError"] is True
    assert "secret" not in answer.text


async def test_a_disconnect_during_a_stream_stops_the_tool() -> None:
    server = McpServer("test", version="1.0")
    stopped = asyncio.Event()

    @server.tool()
    async def hang(ctx: Context) -> str:
        try:
            await ctx.report_progress(1)
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return "never"

    async with session_client(server) as caller:
        async with caller.stream("tools/call", calling("hang", progressToken=1)) as events:
            assert (await events.next() or {})["method"] == "notifications/progress"
        async with asyncio.timeout(5):
            await stopped.wait()


def watched() -> McpServer:
    server = McpServer("watched", version="1.0", subscriptions=True)

    @server.tool()
    async def touch(uri: str) -> str:
        await server.notify_resource_updated(uri)
        await server.notify_tools_changed()
        await server.notify_prompts_changed()
        await server.notify_resources_changed()
        return "touched"

    @server.resource("notes://open")
    def open_note() -> str:
        return "open"

    @server.resource("notes://closed", scopes={"mcp:notes"})
    def closed_note() -> str:
        return "closed"

    @server.resource("notes://of/{owner}")
    def note_of(owner: str) -> str:
        return owner

    return server


ID = "io.modelcontextprotocol/subscriptionId"


async def acknowledged(events: EventReader) -> dict[str, Any]:
    first = await events.next()
    assert first is not None
    assert first["method"] == "notifications/subscriptions/acknowledged"
    granted: dict[str, Any] = first["params"]["notifications"]
    return granted


async def test_a_subscription_stream_gets_only_the_requested_notifications() -> None:
    wanted = {"toolsListChanged": True, "resourceSubscriptions": ["notes://open"]}
    async with session_client(watched()) as caller:
        params = {"notifications": wanted}
        async with caller.stream("subscriptions/listen", params, 7) as events:
            assert await acknowledged(events) == wanted
            touching = {"name": "touch", "arguments": {"uri": "notes://open"}}
            await caller.ask("tools/call", touching)
            heard = [await events.next(), await events.next()]
            touching["arguments"] = {"uri": "notes://of/alice"}
            await caller.ask("tools/call", touching)
            then = await events.next()

    assert [one["method"] for one in heard if one] == [
        "notifications/resources/updated",
        "notifications/tools/list_changed",
    ]
    assert then is not None
    assert then["method"] == "notifications/tools/list_changed"
    assert all(one["params"]["_meta"] == {ID: 7} for one in [*heard, then] if one)


@proves("S145", "refuses", "no result of another user")
async def test_a_subscription_stream_is_granted_only_readable_resources() -> None:
    asked = ["notes://open", "notes://closed", "notes://none", "notes://of/alice", "notes://of/.."]
    async with session_client(watched()) as caller:
        params = {"notifications": {"resourceSubscriptions": asked, "promptsListChanged": False}}
        async with caller.stream("subscriptions/listen", params) as events:
            granted = await acknowledged(events)

    assert granted == {"resourceSubscriptions": ["notes://open", "notes://of/alice"]}


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"notifications": []},
        {"notifications": {"resourceSubscriptions": "notes://open"}},
        {"notifications": {"resourceSubscriptions": [5]}},
        {"notifications": {"resourceSubscriptions": ["a://b"] * 1001}},
    ],
)
async def test_a_malformed_notification_filter_is_refused(params: dict[str, Any]) -> None:
    async with rpc_client(watched()) as peer:
        answer = await peer.ask("subscriptions/listen", params)

    assert (answer.status, answer.error["code"]) == (400, -32602)


async def test_a_subscription_without_event_stream_in_accept_is_a_406() -> None:
    async with rpc_client(watched()) as peer:
        headers = {"accept": "application/json"}
        answer = await peer.ask("subscriptions/listen", {"notifications": {}}, headers=headers)

    assert answer.status == 406


async def test_without_subscriptions_listen_is_an_unknown_method() -> None:
    server = server_that_reports()
    async with rpc_client(server) as peer:
        answer = await peer.ask("subscriptions/listen", {"notifications": {}})
        capabilities = (await peer.ask("server/discover")).result["capabilities"]

    assert (answer.status, answer.error["code"]) == (404, -32601)
    assert capabilities == {"tools": {}, "logging": {}}
    with pytest.raises(ConfigurationError) as refusal:
        await server.notify_tools_changed()
    assert refusal.value.reason == "no-subscriptions"


async def test_closing_the_server_ends_every_stream_with_a_result() -> None:
    server = watched()
    async with (
        session_client(server) as caller,
        caller.stream("subscriptions/listen", {"notifications": {}}, 3) as events,
    ):
        await acknowledged(events)
        # It listens to nothing, and ends all the same.
        server.close()
        last = await events.rest()

    assert last == [
        {"jsonrpc": "2.0", "id": 3, "result": {"resultType": "complete", "_meta": {ID: 3}}}
    ]


async def test_an_idle_stream_gets_keep_alive_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "doorward.mcp_server.features.subscription_streams.KEEP_ALIVE_SECONDS", 0.01
    )
    server = watched()
    async with session_client(server) as caller:
        params = {"notifications": {"toolsListChanged": True}}
        async with caller.stream("subscriptions/listen", params) as events:
            await acknowledged(events)
            before = events.comments
            rest = asyncio.create_task(events.rest())
            while events.comments == before and not rest.done():
                await asyncio.sleep(0)
            server.close()
            await rest

    assert events.comments > before


async def test_repeated_changes_are_merged_for_a_slow_listener() -> None:
    from doorward.mcp_server.streams.subscriptions import Subscription, Subscriptions

    hub, slow = Subscriptions(), Subscription(["tools"])
    hub.add(slow)
    for _ in range(10_000):
        hub.publish("tools", "notifications/tools/list_changed", {})

    assert len(await slow.take(1)) == 1
    hub.remove(slow)
    hub.publish("tools", "notifications/tools/list_changed", {})
    assert await slow.take(0) == []


@pytest.mark.e2e
async def test_a_thousand_streams_receive_a_change() -> None:
    server = watched()
    async with session_client(server) as caller:

        async def hear(number: int) -> str:
            params = {"notifications": {"toolsListChanged": True}}
            async with caller.stream("subscriptions/listen", params, number) as events:
                await acknowledged(events)
                ready.release()
                heard = await events.next()
                assert heard is not None
                return str(heard["params"]["_meta"][ID])

        ready = asyncio.Semaphore(0)
        listening = [asyncio.create_task(hear(number)) for number in range(1000)]
        for _ in listening:
            await ready.acquire()
        await server.notify_tools_changed()
        heard = await asyncio.gather(*listening)

    assert sorted(map(int, heard)) == list(range(1000))


async def test_a_disconnect_removes_the_subscription() -> None:
    server = watched()
    async with session_client(server) as caller:
        assert isinstance(caller, SessionClient)
        params = {"notifications": {"toolsListChanged": True}}
        async with caller.stream("subscriptions/listen", params) as events:
            await acknowledged(events)
            assert server.listeners == 1
        async with asyncio.timeout(5):
            while server.listeners:
                await asyncio.sleep(0.01)
