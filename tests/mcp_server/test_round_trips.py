"""Multi round-trip requests: what the client carries, and which state is refused."""

import asyncio
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from doorward.errors import ConfigurationError
from doorward.identity import Identity
from doorward.mcp_server import Context, Elicit, ListRoots, McpServer, MissingCapability, Sample
from tests.ledger import proves
from tests.mcp_server.rpc_client import Response, RpcClient, person, rpc_client

ALL: dict[str, Any] = {"elicitation": {}, "sampling": {}, "roots": {}}
ALICE = person("alice")
KEY = b"k" * 32


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Trip:
    to: str
    days: int = 3
    how: Literal["train", "bus"] = "train"


def travel(clock: Clock | None = None, **settings: Any) -> McpServer:
    name = settings.pop("name", "travel")
    server = McpServer(name, version="1.0", clock=clock or Clock(), **settings)

    @server.tool()
    async def book(seat: str, ctx: Context) -> str:
        rounds = ctx.state["rounds"] = ctx.state.get("rounds", 0) + 1
        trip = await ctx.elicit("Where to?", Trip, key="trip")
        if trip.content is None:
            return f"not booked: {trip.action}"
        price = await ctx.sample("Is it dear?", max_tokens=5)
        return f"{seat} to {trip.content.to} {trip.content.days} {price.text} {rounds}"

    @server.tool()
    async def book_all(ctx: Context) -> str:
        answers = await ctx.ask(
            trip=Elicit("Where to?", Trip), model=Sample(messages="?", max_tokens=1), r=ListRoots()
        )
        return f"{answers['trip'].content.to} {answers['model'].text} {answers['r'][0].uri}"

    @server.tool()
    async def ask_twice(ctx: Context) -> str:
        await ctx.elicit("a", Trip, key="same")
        await ctx.elicit("b", Trip, key="same")
        return "asked"

    @server.tool()
    async def swallow(ctx: Context) -> str:
        try:
            await ctx.elicit("a", Trip, key="trip")
        except Exception:  # noqa: BLE001 - what authors write
            return "swallowed"
        return "asked"

    @server.tool(name="plan")
    async def plan_tool(ctx: Context) -> str:
        return str((await ctx.elicit("Where to?", Trip, key="trip")).content)

    @server.prompt()
    async def plan(ctx: Context) -> str:
        return str((await ctx.elicit("Where to?", Trip, key="trip")).content)

    @server.resource("trips://next")
    async def next_trip(ctx: Context) -> str:
        return str((await ctx.elicit("Where to?", Trip, key="trip")).content)

    return server


def accepted(**content: Any) -> dict[str, Any]:
    return {"action": "accept", "content": content}


SAID = {"role": "assistant", "model": "m", "content": {"type": "text", "text": "yes"}}
TRIP = accepted(to="Graz", days=2)
METHODS: dict[str, dict[str, Any]] = {
    "tools/call": {"name": "book", "arguments": {"seat": "5A"}},
    "prompts/get": {"name": "plan"},
    "resources/read": {"uri": "trips://next"},
}


async def first_round(peer: RpcClient, seat: str = "5A") -> str:
    answer = await peer.call("book", seat=seat)
    state: str = answer.result["requestState"]
    return state


async def again(peer: RpcClient, state: Any, answers: Any, seat: str = "5A") -> Response:
    params = {"name": "book", "arguments": {"seat": seat}}
    return await peer.ask(
        "tools/call", {**params, "requestState": state, "inputResponses": answers}
    )


async def test_a_tool_continues_with_all_earlier_answers() -> None:
    async with rpc_client(travel(), capabilities=ALL, identity=ALICE) as peer:
        first = (await peer.call("book", seat="5A")).result
        second = (await again(peer, first["requestState"], {"trip": TRIP})).result
        (key,) = second["inputRequests"]
        third = await again(peer, second["requestState"], {key: SAID})

    assert first["resultType"] == second["resultType"] == "input_required"
    assert first["inputRequests"] == {
        "trip": {
            "method": "elicitation/create",
            "params": {
                "mode": "form",
                "message": "Where to?",
                "requestedSchema": {
                    "type": "object",
                    "properties": {
                        "to": {"type": "string"},
                        "days": {"type": "integer", "default": 3},
                        "how": {"type": "string", "enum": ["train", "bus"], "default": "train"},
                    },
                    "required": ["to"],
                },
            },
        }
    }
    assert second["inputRequests"][key]["method"] == "sampling/createMessage"
    assert third.content_text == "5A to Graz 2 yes 3"
    assert "Graz" not in second["requestState"]


@pytest.mark.parametrize("method", METHODS)
async def test_every_method_with_input_requests_supports_them(method: str) -> None:
    async with rpc_client(travel(), capabilities=ALL) as peer:
        first = (await peer.ask(method, METHODS[method])).result
        params = {**METHODS[method], "requestState": first["requestState"]}
        second = await peer.ask(method, {**params, "inputResponses": {"trip": TRIP}})

    assert first["resultType"] == "input_required"
    assert "ttlMs" not in first
    assert second.status == 200


async def test_only_missing_answers_are_requested_again() -> None:
    roots = {"roots": [{"uri": "file:///home", "name": "home"}]}
    async with rpc_client(travel(), capabilities=ALL) as peer:
        first = (await peer.call("book_all")).result
        params = {"name": "book_all", "arguments": {}, "requestState": first["requestState"]}
        some = {"trip": TRIP, "r": roots, "invented": SAID}
        second = (await peer.ask("tools/call", {**params, "inputResponses": some})).result
        params["requestState"] = second["requestState"]
        third = await peer.ask("tools/call", {**params, "inputResponses": {"model": SAID}})

    assert set(first["inputRequests"]) == {"trip", "model", "r"}
    assert set(second["inputRequests"]) == {"model"}
    assert third.content_text == "Graz yes file:///home"


@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_user_can_decline_or_cancel(action: str) -> None:
    async with rpc_client(travel(), capabilities=ALL) as peer:
        answer = await again(peer, await first_round(peer), {"trip": {"action": action}})

    assert answer.content_text == f"not booked: {action}"


@proves("S143", "accepts", "foreign requestState")
async def test_a_request_state_is_valid_for_its_caller_request_and_lifetime() -> None:
    clock = Clock()
    async with rpc_client(travel(clock), capabilities=ALL, identity=ALICE) as peer:
        state = await first_round(peer)
        clock.now += 599
        answer = await again(peer, state, {"trip": TRIP})

    assert answer.result["resultType"] == "input_required"


@proves("S143", "refuses", "foreign requestState")
@pytest.mark.parametrize(
    "altered",
    [
        lambda state: state + "-TAMPERED",
        lambda state: state[:-6] + "AAAAA=",
        lambda state: "A" + state[1:] if state[0] != "A" else "B" + state[1:],
        lambda state: state[:40],
        lambda state: "",
        lambda state: "ä",
        lambda state: 5,
        lambda state: {},
    ],
)
async def test_an_altered_request_state_is_refused(altered: Any) -> None:
    async with rpc_client(travel(), capabilities=ALL, identity=ALICE) as peer:
        answer = await again(peer, altered(await first_round(peer)), {"trip": TRIP})

    assert (answer.status, answer.error["code"]) == (400, -32602)


@proves("S143", "refuses", "foreign requestState")
async def test_an_expired_request_state_is_refused() -> None:
    clock = Clock()
    async with rpc_client(travel(clock), capabilities=ALL, identity=ALICE) as peer:
        state = await first_round(peer)
        clock.now += 600
        answer = await again(peer, state, {"trip": TRIP})

    assert answer.error["message"] == "requestState is not valid for this request"


def varied(**changes: Any) -> Identity:
    fields = {"issuer": "https://as.example", "subject": "alice", "client_id": "client"}
    base = {"scopes": frozenset[str](), "roles": frozenset[str](), "expires_at": 2e9}
    return Identity(**{**fields, **base, **changes})


@proves("S143", "refuses", "foreign requestState")
@pytest.mark.parametrize(
    "other",
    [varied(subject="bob"), varied(issuer="https://b.example"), varied(client_id="c2"), None],
    ids=["subject", "issuer", "client", "nobody"],
)
async def test_a_request_state_of_another_caller_is_refused(other: Identity | None) -> None:
    server = travel(state_key=KEY)
    async with rpc_client(server, capabilities=ALL, identity=varied()) as peer:
        state = await first_round(peer)
        own = await again(peer, state, {"trip": TRIP})
    async with rpc_client(server, capabilities=ALL, identity=other) as peer:
        answer = await again(peer, state, {"trip": TRIP})

    assert "result" in own.message
    assert answer.error["code"] == -32602


@proves("S143", "refuses", "foreign requestState")
async def test_a_request_state_of_another_request_is_refused() -> None:
    async with rpc_client(travel(), capabilities=ALL, identity=ALICE) as peer:
        state = await first_round(peer)
        other_arguments = await again(peer, state, {"trip": TRIP}, seat="1A")
        params: dict[str, Any] = {"requestState": state, "inputResponses": {"trip": TRIP}}
        other_tool = await peer.ask("tools/call", {"name": "swallow", **params})
        params["requestState"] = (await peer.call("plan")).result["requestState"]
        own = await peer.ask("tools/call", {"name": "plan", **params})
        other_method = await peer.ask("prompts/get", {"name": "plan", **params})

    assert "result" in own.message
    for answer in (other_arguments, other_tool, other_method):
        assert answer.error["message"] == "requestState is not valid for this request"


@proves("S143", "refuses", "foreign requestState")
async def test_a_request_state_of_another_server_or_key_is_refused() -> None:
    async with rpc_client(travel(state_key=KEY), capabilities=ALL) as peer:
        state = await first_round(peer)
    others: list[dict[str, Any]] = [
        {},
        {"state_key": b"o" * 32},
        {"state_key": KEY, "name": "other"},
    ]
    for settings in others:
        async with rpc_client(travel(**settings), capabilities=ALL) as peer:
            assert "error" in (await again(peer, state, {"trip": TRIP})).message
    async with rpc_client(travel(state_key=[b"n" * 32, KEY]), capabilities=ALL) as peer:
        assert "result" in (await again(peer, state, {"trip": TRIP})).message


@pytest.mark.parametrize("key", [b"", b"short", [], [KEY, b"x"]])
def test_an_invalid_state_key_is_refused_at_start_up(key: Any) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        travel(state_key=key)

    assert refusal.value.reason == "unusable-state-key"


@pytest.mark.parametrize(
    "answers",
    [
        None,
        [],
        {"trip": 5},
        {"trip": {}},
        {"trip": {"action": "maybe"}},
        {"trip": {"action": "accept"}},
        {"trip": accepted(days=1)},
        {"trip": accepted(to="Graz", days="many")},
        {"trip": accepted(to="Graz", how="car")},
    ],
    ids=repr,
)
async def test_a_malformed_input_response_is_refused(answers: Any) -> None:
    async with rpc_client(travel(), capabilities=ALL) as peer:
        answer = await again(peer, await first_round(peer), answers)

    assert (answer.status, answer.error["code"]) == (400, -32602)


async def test_responses_with_other_keys_are_ignored_and_the_input_requested_again() -> None:
    async with rpc_client(travel(), capabilities=ALL) as peer:
        answer = await again(peer, await first_round(peer), {"wrong": TRIP})

    assert set(answer.result["inputRequests"]) == {"trip"}


async def test_responses_that_were_not_requested_are_not_stored_in_the_state() -> None:
    async with rpc_client(travel(), capabilities=ALL) as peer:
        answers = {"trip": TRIP, "invented": {"padding": "x" * 10_000}}
        answer = await again(peer, await first_round(peer), answers)

    assert len(answer.result["requestState"]) < 1000


@pytest.mark.parametrize(
    "declared", [{}, {"sampling": {}}, {"elicitation": {"url": {}}}, {"elicitation": True}]
)
async def test_input_is_not_requested_without_the_capability(declared: dict[str, Any]) -> None:
    async with rpc_client(travel(), capabilities=declared) as peer:
        answer = await peer.call("book", seat="5A")

    assert (answer.status, answer.error["code"]) == (400, -32021)
    assert answer.error["data"] == {"requiredCapabilities": {"elicitation": {}}}


async def test_a_duplicate_input_key_is_a_tool_error() -> None:
    async with rpc_client(travel(), capabilities=ALL) as peer:
        params = {"name": "ask_twice", "inputResponses": {"same": TRIP}}
        answer = await peer.ask("tools/call", params)

    assert answer.result["isError"] is True


async def test_an_except_clause_of_the_author_does_not_catch_an_input_request() -> None:
    async with rpc_client(travel(), capabilities=ALL) as peer:
        assert (await peer.call("swallow")).result["resultType"] == "input_required"


async def test_an_input_request_inside_a_task_group_is_sent() -> None:
    server = McpServer("test", version="1.0")

    @server.tool()
    async def grouped(ctx: Context) -> str:
        async with asyncio.TaskGroup() as outer:

            async def inner() -> None:
                async with asyncio.TaskGroup() as group:
                    group.create_task(asyncio.Event().wait())
                    await ctx.elicit("?", Trip, key="trip")

            outer.create_task(inner())
        return "asked"

    @server.tool()
    async def stopping() -> str:
        raise BaseExceptionGroup("stop", [KeyboardInterrupt()])

    async with rpc_client(server, capabilities=ALL) as peer:
        assert set((await peer.call("grouped")).result["inputRequests"]) == {"trip"}
        with pytest.raises(BaseExceptionGroup, match="stop"):
            await peer.call("stopping")


def test_missing_capability_is_an_exception() -> None:
    assert issubclass(MissingCapability, Exception)


async def test_a_nested_form_schema_is_a_tool_error() -> None:
    server = McpServer("test", version="1.0")

    @dataclass
    class Nested:
        trip: Trip

    @server.tool()
    async def ask(ctx: Context) -> str:
        return str(await ctx.elicit("?", Nested))

    async with rpc_client(server, capabilities=ALL) as peer:
        assert (await peer.call("ask")).result["isError"] is True
