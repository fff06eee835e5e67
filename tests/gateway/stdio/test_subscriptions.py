"""Changes that a process announces reach the streams of its user."""

from tests.gateway.stdio.stdio_servers import ALICE, BOB, session_of, stdio_server
from tests.mcp_server.rpc_client import MODERN

LISTEN = {"notifications": {"toolsListChanged": True, "resourceSubscriptions": ["memo://1"]}}


async def test_a_change_reaches_a_listening_client_of_2026_07_28() -> None:
    async with (
        stdio_server() as server,
        session_of(server, MODERN) as client,
        client.stream("subscriptions/listen", LISTEN) as events,
    ):
        granted = await events.next()
        await client.ask("tools/call", {"name": "changed", "arguments": {}})
        told = [await events.next(), await events.next()]

    assert granted is not None
    assert granted["params"]["notifications"] == LISTEN["notifications"]
    assert {one["method"] for one in told if one is not None} == {
        "notifications/resources/updated",
        "notifications/tools/list_changed",
    }


async def test_a_change_reaches_the_session_that_subscribed() -> None:
    async with stdio_server() as server, session_of(server) as client:
        await client.ask("resources/subscribe", {"uri": "memo://1"})
        async with client.standalone_stream() as events:
            await client.ask("tools/call", {"name": "changed", "arguments": {}})
            told = [await events.next(), await events.next()]

    assert [one["params"] for one in told if one is not None and one["params"]] == [
        {"uri": "memo://1"}
    ]


async def test_another_user_does_not_hear_of_it() -> None:
    async with (
        stdio_server() as server,
        session_of(server, MODERN, identity=ALICE) as alice,
        session_of(server, MODERN, identity=BOB) as bob,
        bob.stream("subscriptions/listen", LISTEN) as events,
    ):
        await events.next()
        await alice.ask("tools/call", {"name": "changed", "arguments": {}})
        await bob.ask("tools/call", {"name": "echo", "arguments": {"text": ""}})
        await server.aclose()
        rest = await events.rest()

    assert [one for one in rest if "method" in one] == []


async def test_a_resource_that_the_caller_may_not_read_is_not_watched() -> None:
    async with (
        stdio_server(decide=lambda _who, one: one.name != "memo://1") as server,
        session_of(server, MODERN) as client,
        client.stream("subscriptions/listen", LISTEN) as events,
    ):
        granted = await events.next()

    assert granted is not None
    assert granted["params"]["notifications"]["resourceSubscriptions"] == []
