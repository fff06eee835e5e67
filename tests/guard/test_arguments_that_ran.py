"""Whatever runs meets the conditions, however its arguments were spelled and whoever reads them."""

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx2
from fastmcp import FastMCP
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mcp.server.mcpserver import MCPServer

from doorward.integrations import mcp_sdk
from doorward.integrations.fastmcp import GuardAuth
from doorward.policy import Policy, Rule
from tests.guard.bench import Bench, bearer, message, modern, routing, token

LEAST, MOST = -3, 12
RULE = Rule(
    arguments={
        "user_id": {"claim": "sub"},
        "amount": {"type": "integer", "minimum": LEAST, "maximum": MOST},
        "where": {"type": "string", "pattern": "^a+|b$"},
        "dry_run": {"const": True},
    }
)
POLICY = Policy(rules={("tools/call", "run"): RULE})
HEADERS = {**bearer(token("any")), "content-type": "application/json"}


def is_permitted(user_id: Any, amount: Any, where: Any, dry_run: Any) -> bool:
    """Return what the rule means, in Python's own words."""
    return (
        user_id == "alice"
        and LEAST <= amount <= MOST
        and amount == int(amount)
        and (where == "b" or (where != "" and set(where) == {"a"}))
        and dry_run is True
    )


def _text(value: str) -> st.SearchStrategy[str]:
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in value)
    return st.sampled_from([json.dumps(value), f'"{escaped}"'])


def _name(name: str) -> st.SearchStrategy[str]:
    spellings = [name, name.upper(), name.title(), name.replace("_", ""), name.replace("_", "-")]
    return st.one_of(
        _text(name), _text(name), _text(name), st.sampled_from(spellings).flatmap(_text)
    )


NUMBERS = st.one_of(
    st.integers(-20, 20).map(str),
    st.sampled_from(
        ["1e1", "12.0", "12.00000000000000000001", "1e2", "-0", "0.5", "9007199254740993", "1E+1"]
    ),
    st.integers(-20, 20).map(lambda one: f'"{one}"'),
)
VALUES: dict[str, st.SearchStrategy[str]] = {
    "user_id": st.sampled_from(["alice", "alice", "bob", "Alice", "alice ", ""]).flatmap(_text),
    "amount": NUMBERS,
    "where": st.sampled_from(["a", "aa", "b", "ab", "a\n", "c", ""]).flatmap(_text),
    "dry_run": st.sampled_from(["true", "true", "true", "false", "1", '"true"', "null", "[true]"]),
}


@st.composite
def arguments(draw: st.DrawFn) -> str:
    """Return the text of arguments: some missing, some twice, some spelled in another way."""
    names = [*VALUES, *draw(st.lists(st.sampled_from(list(VALUES)), max_size=1))]
    left_out = draw(st.sampled_from([None, None, None, *VALUES]))
    members = [
        f"{draw(_name(name))}:{draw(VALUES[name])}"
        for name in draw(st.permutations(names))
        if name != left_out
    ]
    return "{" + ",".join(members) + "}"


def _go(text: str) -> Any:
    """Read members in any case, with or without separators, as Go's parsers can."""
    return json.loads(
        text,
        object_pairs_hook=lambda pairs: {
            name.casefold().replace("_", "").replace("-", ""): one for name, one in pairs
        },
    )


READERS: dict[str, Callable[[str], Any]] = {
    "last": json.loads,
    "first": lambda text: json.loads(text, object_pairs_hook=lambda some: dict(reversed(some))),
    "any case": _go,
    "decimal": lambda text: json.loads(text, parse_float=Decimal),
    "double": lambda text: json.loads(text, parse_int=float),
}


def _what_runs(reader: Callable[[str], Any], body: str) -> dict[str, Any]:
    """Return what a server with this reader runs; its defaults are the worst that there are."""
    read = reader(body)["params"]["arguments"]
    defaults = {"user_id": "root", "amount": 1000, "where": "/", "dry_run": False}
    return {
        name: read.get(name, read.get(name.replace("_", ""), default))
        for name, default in defaults.items()
    }


@settings(max_examples=50, deadline=None)
@given(arguments())
@example('{"user_id":"alice","amount":12.00000000000000000001,"where":"a","dry_run":true}')
@example('{"user_id":"alice","amount":12,"where":"a","dry_run":true,"DRY_RUN":false}')
@example('{"user_id":"alice","amount":12,"where":"aa","dry_run":true}')
def test_what_reaches_a_server_meets_the_conditions_for_every_reader(text: str) -> None:
    at = Bench(policy=POLICY)
    sent = json.dumps(message("tools/call", name="run", arguments="HERE")).replace('"HERE"', text)

    # No running loop: hypothesis draws synchronously.
    answer = asyncio.run(at.ask(content=sent.encode(), headers=HEADERS))

    assert answer.status_code in (200, 400, 403)
    for name, reader in READERS.items():
        for body in at.bodies:
            assert is_permitted(**_what_runs(reader, body.decode())), name


async def test_what_a_tool_of_the_sdk_runs_meets_the_conditions() -> None:
    """The SDK reads "5" as a number and true as 1: what counts is what its tool gets."""
    ran: list[dict[str, Any]] = []
    server = MCPServer("shop")

    @server.tool()
    def run(
        amount: int = 1000, user_id: str = "root", where: str = "/", dry_run: bool = False
    ) -> str:
        ran.append({"user_id": user_id, "amount": amount, "where": where, "dry_run": dry_run})
        return "done"

    app = mcp_sdk.protect(server, Bench(policy=POLICY).guard)
    good = {"user_id": "alice", "amount": 5, "where": "a", "dry_run": True}
    spellings: list[dict[str, Any]] = [
        good,
        {**good, "amount": 12.0},
        *({**good, "amount": one} for one in ("5", "500", 500, [5], None, "5.0")),
        *({**good, "dry_run": one} for one in (1, "true", "on", False, None)),
        *({**good, "user_id": one} for one in ("bob", ["alice"], '"alice"')),
        *({name: one for name, one in good.items() if name != gone} for gone in good),
    ]
    for one in spellings:
        await _call(app, "run", one)

    assert len(ran) == 2
    assert all(is_permitted(**one) for one in ran)


async def test_a_tool_that_calls_another_one_meets_its_conditions_too() -> None:
    ran: list[int] = []
    server = MCPServer("shop")
    rules = {
        ("tools/call", "refund"): Rule(arguments={"amount": {"type": "integer", "maximum": 100}}),
        ("tools/call", "relay"): Rule(),
    }

    @server.tool()
    def refund(amount: int) -> str:
        ran.append(amount)
        return "done"

    @server.tool()
    async def relay(tool: str, amount: int) -> str:
        return str(await server.call_tool(tool, {"amount": amount}))

    app = mcp_sdk.protect(server, Bench(policy=Policy(rules=rules)).guard)

    assert "argument-refused" in await _call(app, "relay", {"tool": "refund", "amount": 101})
    await _call(app, "relay", {"tool": "refund", "amount": 100})

    assert ran == [100]


async def test_a_tool_of_fastmcp_that_calls_another_one_meets_its_conditions_too() -> None:
    ran: list[int] = []
    rules = {
        ("tools/call", "refund"): Rule(arguments={"amount": {"type": "integer", "maximum": 100}}),
        ("tools/call", "relay"): Rule(),
    }
    server: FastMCP[Any] = FastMCP("shop", auth=GuardAuth(Bench(policy=Policy(rules=rules)).guard))

    @server.tool()
    async def refund(amount: int, more: int = 0) -> str:
        ran.append(amount)
        if more:
            await server.call_tool("refund", {"amount": more})
        return "done"

    @server.tool()
    async def relay(tool: str, amount: int) -> str:
        return str(await server.call_tool(tool, {"amount": amount}))

    app = server.http_app()
    async with app.router.lifespan_context(app):
        for amount in (100, 101):
            await _call(app, "relay", {"tool": "refund", "amount": amount})
        # A tool that calls itself with other arguments.
        await _call(app, "refund", {"amount": 1, "more": 101})

    assert ran == [100, 1]


async def _call(app: Any, tool: str, arguments: dict[str, Any]) -> str:
    """Call a tool as a client of 2026-07-28 does, and return the answer."""
    headers = {
        **HEADERS,
        **routing("tools/call", tool),
        "accept": "application/json, text/event-stream",
    }
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://mcp.example") as client:
        asked = modern("tools/call", name=tool, arguments=arguments)
        return (await client.post("/mcp", json=asked, headers=headers)).text
