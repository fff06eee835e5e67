"""Where the time of one guarded call goes: the call and its parts, in this process and alone."""

import asyncio
import contextlib
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Coroutine, Iterator, Sequence
from copy import copy
from itertools import count
from typing import Any, NamedTuple

from benchmarks.calls import call_add
from benchmarks.mint import Mint
from benchmarks.scene import ISSUER, RESOURCE, SCOPE
from benchmarks.servers import floor
from benchmarks.servers.doorward_server import guard
from doorward.guard import Guard
from doorward.identity import SCOPE_KEY as IDENTITY_KEY
from doorward.mcp_server import McpServer
from doorward.policy import Operation, Policy, Rule
from doorward.tokens import TrustedIssuer, Verifier
from doorward.wire.jsonrpc.envelope import SCOPE_KEY as ENVELOPE_KEY
from doorward.wire.jsonrpc.envelope import read_envelope

Timed = Callable[[], object]
App = Callable[..., Coroutine[Any, Any, None]]
Costs = dict[str, float]
TOOLS = (1, 10, 100, 1000)
SLICE = 50


class Many(NamedTuple):
    """
    What many tokens take: bytes for each, and seconds to recall one of them.

    ``left`` is how many of the last ones of them are still known when as many again have come.
    """

    tokens: int
    bytes_each: float
    left: int
    recall: float


class Parts(NamedTuple):
    """Seconds of CPU in the quickest round: of the parts by name, and of a call by its tools."""

    costs: Costs
    by_tools: dict[int, float]
    many: Many


def measure(mint: Mint, keys_url: str, *, rounds: int, tokens: int) -> Parts:
    """Return what a call of ``add`` with a known token costs in this process, and its parts."""
    with _output_to_a_file():
        return asyncio.run(_measure(mint, keys_url, rounds, tokens))


async def _measure(mint: Mint, keys_url: str, rounds: int, tokens: int) -> Parts:
    asked = Asked(mint)
    servers = {number: _server(number) for number in TOOLS}
    guards = {number: guard(keys_url, _policy(one)) for number, one in servers.items()}
    doors = {number: one.protect(servers[number].asgi) for number, one in guards.items()}
    first = guards[1]
    constant: App = floor.build(keys_url)
    silent = guard(keys_url, first.policy, audit=lambda _: None)
    apps: dict[str, App] = {
        "floor": constant,
        "guard": first.protect(constant),
        "silent": silent.protect(constant),
        "call": doors[1],
    }
    every: list[App] = [*apps.values(), *doors.values()]
    for app in every:
        await app(asked.scope(), asked.receive, asked.send)
    timed = {name: asked.ask(app) for name, app in apps.items()}
    timed |= {f"tools {number}": asked.ask(door) for number, door in doors.items()}
    timed |= await _alone(first, servers[1], asked)
    timed["new"] = asked.ask_each(doors[1], mint.tokens(rounds * SLICE))
    found = await _time(timed, rounds)
    by_tools = {number: found.pop(f"tools {number}") for number in TOOLS}
    return Parts(found, by_tools, await _many(mint, keys_url, tokens, rounds))


class Asked:
    """One call as it reaches an application, whatever server brought it."""

    def __init__(self, mint: Mint) -> None:
        head, _, self.body = call_add(7, mint.token()).request.partition(b"\r\n\r\n")
        lines = (line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        self.headers = [(name.lower(), value) for name, value in lines]
        self.token = dict(self.headers)[b"authorization"].removeprefix(b"Bearer ")

    def scope(self, **more: Any) -> dict[str, Any]:
        """Return an ASGI scope as uvicorn makes it."""
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/mcp",
            "raw_path": b"/mcp",
            "query_string": b"",
            "root_path": "",
            "headers": [*self.headers],
            "client": ("127.0.0.1", 40_000),
            "server": ("127.0.0.1", 9000),
            **more,
        }

    async def receive(self) -> dict[str, Any]:
        """Give the whole body."""
        return {"type": "http.request", "body": self.body, "more_body": False}

    async def send(self, message: dict[str, Any]) -> None:
        """Take the answer; anything but success is none."""
        if message.get("status", 200) != 200:
            raise RuntimeError(f"answered with {message['status']}")

    def ask_each(self, app: App, tokens: Sequence[str]) -> Timed:
        """Return one call of ``app`` with the next of ``tokens``, as long as there are any."""
        others = [header for header in self.headers if header[0] != b"authorization"]
        each = iter([*others, (b"authorization", b"Bearer " + one.encode())] for one in tokens)
        asked = copy(self)
        once = asked.ask(app)

        def next_once() -> None:
            asked.headers = next(each)
            once()

        return next_once

    def ask(self, app: App, **more: Any) -> Timed:
        """Return one call of ``app``, which must not wait for anything."""

        def once() -> None:
            steps = app(self.scope(**more), self.receive, self.send).__await__()
            for waits_for in steps:
                # To let others go first is no waiting: there are none.
                if waits_for is not None:
                    raise RuntimeError("the application waited for something")

        return once


async def _alone(guarded: Guard, server: McpServer, asked: Asked) -> dict[str, Timed]:
    identity = await guarded.verifier.verify(asked.token)
    headers = dict(asked.headers)
    left = {IDENTITY_KEY: identity, ENVELOPE_KEY: read_envelope(asked.body, headers)}
    wanted = Operation("tools/call", "add")
    return {
        "transport": asked.ask(server.asgi, **left),
        "recall": lambda: guarded.verifier.recall(asked.token),
        "envelope": lambda: read_envelope(asked.body, headers),
        "decide": lambda: guarded.policy.decide(identity, wanted),
    }


def _server(tools: int) -> McpServer:
    server = McpServer("bench", version="1.0")

    @server.tool(scopes={SCOPE})
    async def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    for number in range(1, tools):
        server.tool(scopes={SCOPE}, name=f"add_{number}")(add)
    return server


def _policy(server: McpServer) -> Policy:
    policy = Policy(base=Rule(), rules=server.rules)
    server.decide = lambda user, wanted: bool(user and policy.decide(user, wanted).allowed)
    return policy


async def _time(timed: dict[str, Timed], rounds: int) -> Costs:
    best = dict.fromkeys(timed, float("inf"))
    for _ in range(rounds):
        for name, once in timed.items():
            began = time.thread_time()
            for _ in range(SLICE):
                once()
            # The turn of the loop in which the audit events of this slice are written.
            await asyncio.sleep(0)
            best[name] = min(best[name], (time.thread_time() - began) / SLICE)
    return best


async def _many(mint: Mint, keys_url: str, tokens: int, rounds: int) -> Many:
    issuer = TrustedIssuer(
        issuer=ISSUER, audience=RESOURCE, algorithms=("ES256",), jwks_uri=keys_url
    )
    numbers = count()

    async def started() -> Verifier:
        verifier = Verifier([issuer], cache_entries=tokens)
        await verifier.start()
        return verifier

    async def verify_more() -> list[bytes]:
        made = [mint.token("ES256", next(numbers)).encode() for _ in range(tokens)]
        for one in made:
            # What comes for the second time is remembered.
            await verifier.verify(one)
            await verifier.verify(one)
        return made

    # Another one before it brings in what the first one needs.
    await (await started()).aclose()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    verifier = await started()
    known = (await verify_more())[-SLICE:]
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    turns = count()
    recall = await _time({"": lambda: verifier.recall(known[next(turns) % SLICE])}, rounds)
    # As many again: what is remembered must not grow.
    known += await verify_more()
    remembered = sum(verifier.recall(one) is not None for one in known)
    await verifier.aclose()
    return Many(tokens, used / tokens, remembered, recall[""])


@contextlib.contextmanager
def _output_to_a_file() -> Iterator[None]:
    # As in the servers of the comparison: a file and not nowhere, so that writing costs something.
    with tempfile.TemporaryFile("w") as file, contextlib.redirect_stdout(file):
        yield
