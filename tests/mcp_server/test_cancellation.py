"""Cancellation in a session: only the own request is cancelled, and it gets no response."""

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest

from doorward.guard import Guard
from doorward.identity import Identity
from doorward.mcp_server import Context, Elicit, ListRoots, McpServer, ToolError
from doorward.mcp_server.elicitation.session_requests import send_over_session
from doorward.mcp_server.streams.response_stream import ResponseStream
from doorward.mcp_server.streams.session import Session
from doorward.policy import Policy, Rule
from doorward.tokens import LocalKeys, TrustedIssuer
from tests.mcp_server.rpc_client import person, validate_message
from tests.mcp_server.session_client import EVENTS, SessionClient, session_client
from tests.mcp_server.test_behind_the_guard import ADMIN as GUARDED_ADMIN
from tests.mcp_server.test_behind_the_guard import ALICE as GUARDED_ALICE
from tests.mcp_server.test_behind_the_guard import MINT, NOW, RESOURCE

ALICE, BOB = person("alice"), person("bob")
CALL: dict[str, Any] = {"name": "wait", "arguments": {}}


class Workshop:
    """A server whose tool waits, and says what became of it."""

    def __init__(self) -> None:
        self.server = McpServer("test", version="1.0")
        self.begun: list[str] = []
        self.stopped: list[str] = []
        self.more = asyncio.Condition()
        self.go_on = asyncio.Event()

        @self.server.tool()
        async def wait(ctx: Context, name: str = "", say: bool = True, let_go: bool = False) -> str:
            if say:
                await ctx.report_progress(1)
            if let_go:
                await ctx.close_stream()
            await self._note(self.begun, name)
            try:
                await self.go_on.wait()
            except asyncio.CancelledError:
                await self._note(self.stopped, name)
                raise
            return f"waited {name}"

        @self.server.tool()
        async def stubborn() -> str:
            await self._note(self.begun, "stubborn")
            try:
                await self.go_on.wait()
            except asyncio.CancelledError:
                await self._note(self.stopped, "stubborn")
                # Whoever stops it twice stops this.
                await self.go_on.wait()
                await self._note(self.stopped, "cleaned up")
            return "done all the same"

    async def _note(self, where: list[str], name: str) -> None:
        async with self.more:
            where.append(name)
            self.more.notify_all()

    async def until(self, where: list[str], *names: str) -> None:
        async with asyncio.timeout(5), self.more:
            await self.more.wait_for(lambda: set(names) <= set(where))


async def cancel(caller: SessionClient, request_id: Any, **params: Any) -> int:
    told = {"requestId": request_id, **params}
    message = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": told}
    return (await caller.post(message)).status_code


def waiting(name: str = "", **options: Any) -> dict[str, Any]:
    return {
        "name": "wait",
        "arguments": {"name": name, **options},
        "_meta": {"progressToken": 1},
    }


@pytest.mark.parametrize("version", ["2025-03-26", "2025-06-18", "2025-11-25"])
@pytest.mark.parametrize("say", [False, True], ids=["silent", "speaking"])
async def test_a_cancelled_call_is_stopped_and_gets_no_answer(version: str, say: bool) -> None:
    shop = Workshop()
    async with session_client(shop.server, version, identity=ALICE) as caller:
        await caller.initialize()
        asked = asyncio.create_task(_stream(caller, waiting("a", say=say), 7))
        await shop.until(shop.begun, "a")
        status = await cancel(caller, 7, reason="changed my mind")
        await shop.until(shop.stopped, "a")
        told = await asked
        after = await caller.ask("ping")

    assert status == 202
    assert [one.get("method") for one in told] == ["notifications/progress"] * say
    assert after["result"] == {}


async def test_only_the_named_request_is_stopped() -> None:
    shop = Workshop()
    async with session_client(shop.server, "2025-11-25", identity=ALICE) as caller:
        await caller.initialize()
        asked = [
            asyncio.create_task(_stream(caller, waiting(name), number))
            for name, number in (("one", 1), ("two", 2), ("text", "1"))
        ]
        await shop.until(shop.begun, "one", "two", "text")
        await cancel(caller, 1)
        await shop.until(shop.stopped, "one")
        shop.go_on.set()
        first, second, third = [await one for one in asked]

    assert shop.stopped == ["one"]
    assert [one.get("method") for one in first] == ["notifications/progress"]
    assert second[-1]["result"]["content"][0]["text"] == "waited two"
    assert third[-1]["id"] == "1"


@pytest.mark.parametrize(
    ("who", "status"),
    [
        pytest.param(ALICE, 202, id="another-session-of-hers"),
        pytest.param(BOB, 404, id="bob-with-her-session"),
        pytest.param(None, 404, id="nobody-with-her-session"),
    ],
)
async def test_another_session_cannot_cancel_a_call(who: Identity | None, status: int) -> None:
    shop = Workshop()
    async with AsyncExitStack() as stack:
        caller = await stack.enter_async_context(
            session_client(shop.server, "2025-11-25", identity=ALICE)
        )
        other = await stack.enter_async_context(
            session_client(shop.server, "2025-11-25", identity=who)
        )
        await caller.initialize()
        await other.initialize()
        if who is not ALICE:
            # With a session of their own it is a request of their own that they name.
            assert await cancel(other, 7) == 202
            other.session = caller.session
        asked = asyncio.create_task(_stream(caller, waiting("a"), 7))
        await shop.until(shop.begun, "a")
        answered = await cancel(other, 7)
        shop.go_on.set()
        told = await asked

    assert answered == status
    assert shop.stopped == []
    assert told[-1]["result"]["content"][0]["text"] == "waited a"


@pytest.mark.parametrize(
    "named",
    [
        pytest.param(8, id="never-sent"),
        pytest.param("7", id="text-for-a-number"),
        pytest.param(7.0, id="a-fraction"),
        pytest.param(True, id="a-boolean"),
        pytest.param([7], id="a-list"),
        pytest.param({"id": 7}, id="an-object"),
        pytest.param(None, id="nothing"),
    ],
)
async def test_a_cancellation_of_an_unknown_request_is_ignored(named: Any) -> None:
    shop = Workshop()
    async with session_client(shop.server, "2025-11-25", identity=ALICE) as caller:
        await caller.initialize()
        asked = [
            asyncio.create_task(_stream(caller, waiting(name), number))
            for name, number in (("seven", 7), ("one", 1))
        ]
        await shop.until(shop.begun, "seven", "one")
        status = await cancel(caller, named)
        shop.go_on.set()
        told = [await one for one in asked]

    assert status == 202
    assert shop.stopped == []
    assert all("result" in one[-1] for one in told)


async def test_a_request_id_may_be_reused_after_its_call_has_finished() -> None:
    shop = Workshop()
    shop.go_on.set()
    async with session_client(shop.server, "2025-11-25", identity=ALICE) as caller:
        await caller.initialize()
        await _stream(caller, waiting("first"), 7)
        status = await cancel(caller, 7)
        again = await _stream(caller, waiting("second"), 7)

    assert status == 202
    assert again[-1]["result"]["content"][0]["text"] == "waited second"


@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28"])
async def test_without_a_session_a_cancellation_has_no_effect(version: str) -> None:
    shop = Workshop()
    async with session_client(shop.server, version, identity=ALICE) as caller:
        asked = asyncio.create_task(_stream(caller, waiting("a"), 7))
        await shop.until(shop.begun, "a")
        status = await cancel(caller, 7)
        shop.go_on.set()
        told = await asked

    assert status == 202
    assert shop.stopped == []
    assert "result" in told[-1]


async def test_initialize_cannot_be_cancelled() -> None:
    shop = Workshop()
    async with session_client(shop.server, "2025-11-25", identity=ALICE) as caller:
        await caller.initialize()
        status = await cancel(caller, 0)
        listed = await caller.ask("tools/list")

    assert status == 202
    assert "result" in listed


async def test_a_tool_that_ignores_cancellation_is_cancelled_once_without_a_response() -> None:
    shop = Workshop()
    async with session_client(shop.server, "2025-11-25", identity=ALICE) as caller:
        await caller.initialize()
        asked = asyncio.create_task(_stream(caller, {"name": "stubborn", "arguments": {}}, 7))
        await shop.until(shop.begun, "stubborn")
        await cancel(caller, 7)
        await shop.until(shop.stopped, "stubborn")
        await cancel(caller, 7)
        shop.go_on.set()
        told = await asked

    assert shop.stopped == ["stubborn", "cleaned up"]
    assert told == []


async def test_resuming_a_cancelled_call_returns_204() -> None:
    shop = Workshop()
    async with session_client(shop.server, "2025-11-25", identity=ALICE) as caller:
        await caller.initialize()
        params = waiting("a", let_go=True)
        async with caller.stream("tools/call", params, 7) as events:
            await events.rest()
        await shop.until(shop.begun, "a")
        async with caller.standalone_stream(events.ids[0]) as back:
            await cancel(caller, 7)
            missed = await back.rest()  # what it had heard, and no answer
        async with caller.standalone_stream(events.ids[0]) as again:
            status = again.status

    assert shop.stopped == ["a"]
    assert [one.get("method") for one in missed] == ["notifications/progress"]
    assert status == 204


async def test_without_a_stream_a_cancelled_call_returns_an_empty_202() -> None:
    shop = Workshop()
    async with session_client(shop.server, "2025-11-25", identity=ALICE) as caller:
        await caller.initialize()
        body = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": CALL}
        headers = {**EVENTS, **caller.headers(), "accept": "application/json"}
        asked = asyncio.create_task(caller.http.post("/mcp", json=body, headers=headers))
        await shop.until(shop.begun, "")
        await cancel(caller, 7)
        answer = await asked

    assert (answer.status_code, answer.content) == (202, b"")


async def _stream(
    caller: SessionClient, params: dict[str, Any], number: Any
) -> list[dict[str, Any]]:
    async with caller.stream("tools/call", params, number) as events:
        assert events.status == 200
        # Every call here answers with a stream: a document would be an answer unseen.
        assert events.headers["content-type"] == "text/event-stream"
        return await events.rest()


@pytest.mark.parametrize(("token", "status"), [(GUARDED_ALICE, 202), (GUARDED_ADMIN, 404)])
async def test_behind_a_guard_only_the_caller_of_a_session_can_cancel_its_calls(
    token: str, status: int
) -> None:
    shop = Workshop()
    policy = Policy(rules={("tools/call", "wait"): Rule(scopes=frozenset({"mcp:tools"}))})
    keys = LocalKeys(MINT.jwks, clock=lambda: NOW)
    issuer = TrustedIssuer(issuer=MINT.issuer, audience=RESOURCE, algorithms=("ES256",), keys=keys)
    guard = Guard(
        resource=RESOURCE,
        policy=policy,
        issuers=[issuer],
        clock=lambda: NOW,
        audit=lambda event: None,
    )
    shop.server.decide = lambda who, what: who is not None and policy.decide(who, what).allowed
    transport = httpx2.ASGITransport(app=guard.protect(shop.server.asgi))
    async with httpx2.AsyncClient(transport=transport, base_url="https://mcp.example") as http:
        http.headers["authorization"] = f"Bearer {GUARDED_ALICE}"
        caller = SessionClient(http, "2025-11-25")
        await caller.initialize()
        asked = asyncio.create_task(caller.ask("tools/call", waiting("a")))
        await shop.until(shop.begun, "a")
        http.headers["authorization"] = f"Bearer {token}"
        answered = await cancel(caller, 1)
        shop.go_on.set()
        told = await asked

    assert answered == status
    assert shop.stopped == ["a"] * (status == 202)
    assert ("result" in told) == (status == 404)


async def test_unanswered_elicitations_are_cancelled_after_the_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "doorward.mcp_server.elicitation.session_requests.RESPONSE_TIMEOUT_SECONDS", 0.01
    )
    session = Session(None, {}, resumable=False)
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        told = json.loads(message["body"].split(b"data: ")[1])
        validate_message(told, "2025-11-25")
        sent.append(told)
        if told["method"] == "roots/list":
            session.deliver_response(told["id"], {"result": {"roots": []}})

    questions: dict[str, Any] = {"form": Elicit("Who?", {"type": "object", "properties": {}})}
    with pytest.raises(ToolError):
        await send_over_session(session, ResponseStream(send), {**questions, "roots": ListRoots()})

    form, _, taken_back = sent
    assert taken_back["method"] == "notifications/cancelled"
    assert taken_back["params"] == {"requestId": form["id"]}
