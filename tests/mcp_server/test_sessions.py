"""Sessions: begun if the server needs one, and closed to other principals."""

import asyncio
from typing import Any

import pytest

from doorward.errors import SessionRefused
from doorward.identity import Identity, principal_of
from doorward.mcp_server import Context, Elicit, McpServer, Sample
from doorward.mcp_server.streams.session import MAX_SESSIONS_PER_CALLER, Session, Sessions
from doorward.policy import Policy, Rule
from tests.ledger import proves
from tests.mcp_server.rpc_client import LEGACY, MODERN, person, rpc_client, validate_message
from tests.mcp_server.session_client import SessionClient, session_client

ALL: dict[str, Any] = {"elicitation": {}, "sampling": {}, "roots": {}}
FORM = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
ALICE, BOB = person("alice"), person("bob")
SAID = {"role": "assistant", "model": "m", "content": {"type": "text", "text": "yes"}}


def asking() -> McpServer:
    server = McpServer("asking", version="1.0", subscriptions=True)

    @server.tool()
    async def greet(ctx: Context) -> str:
        answer = await ctx.elicit("Who are you?", FORM)
        return f"hello {answer.content}"

    @server.tool()
    async def both(ctx: Context) -> str:
        answers = await ctx.ask(name=Elicit("Who?", FORM), model=Sample(messages="?", max_tokens=1))
        return f"{answers['name'].action} {answers['model'].text}"

    @server.tool()
    async def work(ctx: Context) -> str:
        await ctx.log("info", "working")
        await ctx.close_stream()
        await ctx.report_progress(1)
        return "worked"

    @server.tool()
    async def touch(uri: str) -> str:
        await server.notify_resource_updated(uri)
        return "touched"

    @server.resource("notes://{owner}")
    def note(owner: str) -> str:
        return owner

    return server


async def answer(caller: SessionClient, question: dict[str, Any], **message: Any) -> int:
    response = await caller.post({"jsonrpc": "2.0", "id": question["id"], **message})
    return response.status_code


@pytest.mark.parametrize("version", LEGACY[1:])
async def test_a_tool_elicits_on_its_own_stream_and_waits_for_the_response(version: str) -> None:
    async with session_client(asking(), version, identity=ALICE) as caller:
        session = await caller.initialize(ALL)
        async with caller.stream("tools/call", {"name": "greet", "arguments": {}}) as events:
            question = await events.next()
            assert question is not None
            result = {"action": "accept", "content": {"name": "Al"}}
            status = await answer(caller, question, result=result)
            last = await events.rest()

    assert session is not None
    assert len(session) >= 32
    assert question["method"] == "elicitation/create"
    assert status == 202
    assert last[0]["result"]["content"][0]["text"] == "hello {'name': 'Al'}"


async def test_several_requests_to_the_client_are_sent_at_once() -> None:
    async with session_client(asking(), "2025-11-25") as caller:
        await caller.initialize(ALL)
        async with caller.stream("tools/call", {"name": "both", "arguments": {}}) as events:
            asked = [await events.next(), await events.next()]
            for question in reversed(asked):
                assert question is not None
                is_form = question["method"] == "elicitation/create"
                await answer(caller, question, result={"action": "decline"} if is_form else SAID)
            last = await events.rest()

    assert last[0]["result"]["content"][0]["text"] == "decline yes"


@pytest.mark.parametrize(
    "message",
    [
        {"error": {"code": -1, "message": "no"}},
        {"result": {"action": "perhaps"}},
        {"result": {"action": "accept", "content": {}}},
        {"result": 5},
    ],
)
async def test_a_malformed_elicitation_response_is_a_tool_error(message: dict[str, Any]) -> None:
    async with session_client(asking(), "2025-11-25") as caller:
        await caller.initialize(ALL)
        async with caller.stream("tools/call", {"name": "greet", "arguments": {}}) as events:
            question = await events.next()
            assert question is not None
            await answer(caller, question, **message)
            last = await events.rest()

    assert last[0]["result"]["isError"] is True


@pytest.mark.parametrize("declared", [None, {"sampling": {}}])
async def test_a_client_without_the_elicitation_capability_gets_no_elicitation(
    declared: dict[str, Any] | None,
) -> None:
    async with session_client(asking(), "2025-11-25") as caller:
        if declared is not None:
            await caller.initialize(declared)
        message = await caller.ask("tools/call", {"name": "greet", "arguments": {}})

    assert message["error"]["code"] == -32021


@proves("S142", "refuses", "foreign sessions and handles")
@pytest.mark.parametrize("other", [BOB, None, person("alice2")], ids=["bob", "nobody", "alice2"])
async def test_another_caller_cannot_use_a_session(other: Identity | None) -> None:
    server = asking()
    async with session_client(server, "2025-11-25", identity=ALICE) as caller:
        taken = await caller.initialize(ALL)
    async with session_client(server, "2025-11-25", identity=other) as thief:
        thief.session = taken
        listed = await thief.http.post(
            "/mcp",
            json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
            headers=thief.headers(),
        )
        answered = await thief.post({"jsonrpc": "2.0", "id": "x", "result": {}})
        listened = await thief.http.get("/mcp", headers=thief.headers())
        ended = await thief.http.delete("/mcp", headers=thief.headers())
        thief.session = "unknown"
        unknown = await thief.http.delete("/mcp", headers=thief.headers())
    async with session_client(server, "2025-11-25", identity=ALICE) as caller:
        caller.session = taken
        still = await caller.ask("tools/list")

    refused = {listed.status_code, answered.status_code, listened.status_code, ended.status_code}
    assert refused == {404}
    # Whoever guesses learns nothing of what there is.
    assert ended.text == unknown.text
    assert "result" in still


@proves("S142", "accepts", "foreign sessions and handles")
async def test_a_deleted_session_is_not_found() -> None:
    async with session_client(asking(), "2025-11-25", identity=ALICE) as caller:
        await caller.initialize()
        own = await caller.ask("tools/list")
        ended = await caller.http.delete("/mcp", headers=caller.headers())
        after = await caller.post({"jsonrpc": "2.0", "id": 1, "method": "ping"})

    assert "result" in own
    assert (ended.status_code, after.status_code) == (204, 404)


async def test_without_a_session_only_sessionless_methods_are_served() -> None:
    async with session_client(asking(), "2025-11-25") as caller:
        listed = await caller.ask("tools/list")
        subscribed = await caller.ask("resources/subscribe", {"uri": "notes://a"})
        levelled = await caller.ask("logging/setLevel", {"level": "info"})
        listened = await caller.http.get("/mcp", headers=caller.headers())

    assert "result" in listed
    assert subscribed["error"]["code"] == levelled["error"]["code"] == -32602
    assert listened.status_code == 400


async def test_a_modern_request_ignores_the_session_id() -> None:
    async with rpc_client(asking(), MODERN) as peer:
        headers = {"mcp-session-id": "whatever"}
        answer = await peer.ask("tools/list", headers=headers)

    assert "result" in answer.message


async def test_resource_updates_are_sent_on_the_standalone_stream() -> None:
    async with session_client(asking(), "2025-11-25") as caller:
        await caller.initialize()
        assert "result" in await caller.ask("resources/subscribe", {"uri": "notes://a"})
        async with caller.standalone_stream() as events:
            await caller.ask("resources/subscribe", {"uri": "notes://b"})
            await caller.ask("resources/unsubscribe", {"uri": "notes://a"})
            for uri in ("notes://a", "notes://b"):
                await caller.ask("tools/call", {"name": "touch", "arguments": {"uri": uri}})
            heard = await events.next()

    assert heard is not None
    assert heard["params"] == {"uri": "notes://b"}


async def test_an_unknown_resource_cannot_be_subscribed_to() -> None:
    async with session_client(asking(), "2025-11-25") as caller:
        await caller.initialize()
        message = await caller.ask("resources/subscribe", {"uri": "notes://a/b"})

    assert message["error"]["code"] == -32002


@proves("S197", "accepts", "one decision everywhere")
@proves("S197", "refuses", "one decision everywhere")
@pytest.mark.parametrize("decides", [True, False], ids=["by-the-policy", "by-its-rules"])
async def test_a_subscription_is_decided_by_the_rule_of_its_uri(decides: bool) -> None:
    server = asking()

    @server.resource("notes://secret", scopes={"admin"})
    def secret() -> str:
        return "secret"

    policy = Policy(rules={**server.rules, ("resources/read", "notes://plan"): Rule("admin")})
    closed = ["notes://secret"]
    if decides:
        server.decide = lambda who, what: who is not None and policy.decide(who, what).allowed
        closed.append("notes://plan")

    for who, refused in ((person("bob"), True), (person("root", "admin"), False)):
        async with session_client(server, "2025-11-25", identity=who) as caller:
            await caller.initialize()
            open_to_all = await caller.ask("resources/subscribe", {"uri": "notes://a"})
            answers = [await caller.ask("resources/subscribe", {"uri": one}) for one in closed]

        assert "result" in open_to_all
        assert ["error" in one for one in answers] == [refused] * len(closed)


@proves("S197", "refuses", "one decision everywhere")
@proves("S142", "refuses", "foreign sessions and handles")
async def test_a_token_with_fewer_scopes_gets_no_updates_of_another_tokens_subscription() -> None:
    server = asking()
    strong, weak = person("alice", "admin"), person("alice")
    async with (
        session_client(server, "2025-11-25", identity=strong) as caller,
        session_client(server, "2025-11-25", identity=weak) as weaker,
    ):
        weaker.session = await caller.initialize()
        await caller.ask("resources/subscribe", {"uri": "notes://a"})
        async with weaker.standalone_stream() as events:
            await weaker.ask("resources/subscribe", {"uri": "notes://b"})
            for uri in ("notes://a", "notes://b"):
                await caller.ask("tools/call", {"name": "touch", "arguments": {"uri": uri}})
            heard = await events.next()
        async with caller.standalone_stream() as events:
            await caller.ask("tools/call", {"name": "touch", "arguments": {"uri": "notes://a"}})
            heard_by_the_stronger = await events.next()

    assert heard is not None
    assert heard["params"] == {"uri": "notes://b"}
    assert heard_by_the_stronger is not None
    assert heard_by_the_stronger["params"] == {"uri": "notes://a"}


@proves("S142", "refuses", "foreign sessions and handles")
async def test_a_token_with_fewer_scopes_cannot_resume_the_stream_of_another_token() -> None:
    server = asking()
    strong, weak = person("alice", "admin"), person("alice")
    async with (
        session_client(server, "2025-11-25", identity=strong) as caller,
        session_client(server, "2025-11-25", identity=weak) as weaker,
    ):
        weaker.session = await caller.initialize()
        async with caller.stream("tools/call", {"name": "work", "arguments": {}}, 9) as events:
            await events.rest()
        async with weaker.standalone_stream(events.ids[0]) as empty:
            server.close()
            stolen = await empty.rest()

    assert stolen == []


async def test_a_second_standalone_stream_replaces_the_first() -> None:
    async with session_client(asking(), "2025-11-25") as caller:
        await caller.initialize()
        async with caller.standalone_stream() as first, caller.standalone_stream():
            assert await first.rest() == []


async def test_a_client_can_resume_a_stream_after_a_disconnect() -> None:
    async with session_client(asking(), "2025-11-25") as caller:
        await caller.initialize()
        await caller.ask("logging/setLevel", {"level": "debug"})
        params = {"name": "work", "arguments": {}, "_meta": {"progressToken": 1}}
        async with caller.stream("tools/call", params, 9) as events:
            first = await events.rest()
        async with caller.standalone_stream(events.ids[0]) as again:
            everything = await again.rest()
        async with caller.standalone_stream(events.ids[-1]) as rest:
            missed = await rest.rest()

    assert [one["method"] for one in first] == ["notifications/message"]
    assert [one.get("method") for one in everything] == [
        "notifications/message",
        "notifications/progress",
        None,
    ]
    assert missed == everything[1:]
    assert everything[-1]["id"] == 9


async def test_a_tool_continues_while_its_client_is_disconnected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("doorward.mcp_server.http.disconnect.WATCH_AFTER_SECONDS", 0)
    server = McpServer("test", version="1.0")
    back = asyncio.Event()

    @server.tool()
    async def wait(ctx: Context) -> str:
        await ctx.close_stream()
        await back.wait()
        return "waited"

    async with session_client(server, "2025-11-25") as caller:
        await caller.initialize()
        async with caller.stream("tools/call", {"name": "wait", "arguments": {}}) as events:
            assert await events.rest() == []
        async with caller.standalone_stream(events.ids[0]) as again:
            back.set()
            missed = await again.rest()

    assert missed[0]["result"]["content"][0]["text"] == "waited"


@proves("S142", "refuses", "foreign sessions and handles")
async def test_another_caller_cannot_resume_a_stream() -> None:
    server = asking()
    async with session_client(server, "2025-11-25", identity=ALICE) as caller:
        session = await caller.initialize()
        async with caller.stream("tools/call", {"name": "work", "arguments": {}}) as events:
            await events.rest()
    async with session_client(server, "2025-11-25", identity=BOB) as thief:
        thief.session = session
        async with thief.standalone_stream(events.ids[0]) as stolen:
            assert stolen.status == 404
        await thief.initialize()
        async with thief.standalone_stream(events.ids[0]) as empty:
            assert empty.status == 200
            server.close()
            assert await empty.rest() == []


async def test_clients_before_2025_11_25_get_no_event_ids() -> None:
    async with session_client(asking(), "2025-06-18") as caller:
        await caller.initialize()
        await caller.ask("logging/setLevel", {"level": "debug"})
        async with caller.stream("tools/call", {"name": "work", "arguments": {}}) as events:
            told = await events.rest()

    assert events.ids == []
    assert told[-1]["result"]["content"][0]["text"] == "worked"


@pytest.mark.parametrize("level", [None, "loud", 5])
async def test_an_unknown_log_level_is_refused(level: Any) -> None:
    async with session_client(asking(), "2025-11-25") as caller:
        await caller.initialize()
        message = await caller.ask("logging/setLevel", {"level": level})

    assert message["error"]["code"] == -32602


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_idle_sessions_expire() -> None:
    clock = Clock()
    sessions = Sessions(clock, limit=10, idle=60)
    session = Session(principal_of(ALICE), {}, resumable=True)
    sessions.begin(session)
    clock.now = 59
    assert sessions.find(session.id, principal_of(ALICE)) is session
    clock.now = 120
    with pytest.raises(SessionRefused):
        sessions.find(session.id, principal_of(ALICE))


def test_one_caller_cannot_evict_the_sessions_of_another() -> None:
    sessions = Sessions(Clock(), limit=10_000, idle=60)
    kept = Session(principal_of(ALICE), {}, resumable=True)
    sessions.begin(kept)
    of_bob = [
        Session(principal_of(BOB), {}, resumable=True) for _ in range(MAX_SESSIONS_PER_CALLER + 5)
    ]
    for session in of_bob:
        sessions.begin(session)

    assert sessions.find(kept.id, principal_of(ALICE)) is kept
    with pytest.raises(SessionRefused):
        sessions.find(of_bob[0].id, principal_of(BOB))
    assert sessions.find(of_bob[-1].id, principal_of(BOB)) is of_bob[-1]


async def test_a_response_to_an_unknown_request_is_accepted_and_dropped() -> None:
    async with session_client(asking(), "2025-11-25") as caller:
        await caller.initialize(ALL)
        response = await caller.post({"jsonrpc": "2.0", "id": "guess", "result": {}})

    assert response.status_code == 202


async def test_a_disconnect_during_an_elicitation_stops_the_tool() -> None:
    server = McpServer("test", version="1.0")
    stopped = asyncio.Event()

    @server.tool()
    async def ask(ctx: Context) -> str:
        try:
            return str(await ctx.elicit("?", FORM))
        finally:
            stopped.set()

    async with session_client(server, "2025-11-25") as caller:
        await caller.initialize(ALL)
        async with caller.stream("tools/call", {"name": "ask", "arguments": {}}) as events:
            question = await events.next()
            assert question is not None
            validate_message(question, "2025-11-25")
        async with asyncio.timeout(5):
            await stopped.wait()
