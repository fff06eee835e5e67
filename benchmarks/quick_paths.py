"""What each quick path saves beside its plain reference, which a property test holds equal."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from typing import Any, NamedTuple

from benchmarks.mint import Mint
from benchmarks.parts import Asked
from benchmarks.verification import finish
from doorward.audit import escape_for_log
from doorward.guard.http.request_headers import read_headers
from doorward.identity import Identity
from doorward.mcp_server.functions.signature import read_signature
from doorward.mcp_server.http.disconnect import watched, while_connected
from doorward.mcp_server.schemas.results import read_result_schema
from doorward.tokens import Revocations
from doorward.tokens.cache import VerifiedTokenCache
from doorward.tokens.seen_filter import SeenFilter
from doorward.wire.jsonrpc.envelope import read_envelope
from doorward.wire.strict_json import parse, parse_by_reference

Timed = Callable[[], object]
# The name of a quick path, a call that takes it, and a call of its plain reference.
Pair = tuple[str, Timed, Timed]
SLICE = 50


class QuickPath(NamedTuple):
    """One quick path and its plain reference: what each costs in its quickest round, in seconds."""

    name: str
    quick: float
    plain: float


class _NeverChanged:
    """The keys of an issuer that does not change them."""

    generation = 0
    trusted_until = float("inf")


def measure(mint: Mint, *, rounds: int) -> list[QuickPath]:
    """Return the cost of each quick path and of its reference, taken in turns over ``rounds``."""
    return asyncio.run(_measure(mint, rounds))


async def _measure(mint: Mint, rounds: int) -> list[QuickPath]:
    # In a task, because ``watched`` cancels the one in which it runs.
    asked = Asked(mint)
    pairs = {name: both for name, *both in [*_of_messages(asked), *await _of_tokens(asked)]}
    best = {name: [float("inf")] * 2 for name in pairs}
    for _ in range(rounds):
        for name, both in pairs.items():
            for which, once in enumerate(both):
                best[name][which] = min(best[name][which], _time(once))
        # Removes the timers that were started and cancelled in this round.
        await asyncio.sleep(0)
    return [QuickPath(name, *costs) for name, costs in best.items()]


def _time(once: Timed) -> float:
    began = time.thread_time()
    for _ in range(SLICE):
        once()
    return (time.thread_time() - began) / SLICE


def _of_messages(asked: Asked) -> Iterator[Pair]:
    """Yield the quick paths that read a request and write its result."""
    headers, body = asked.headers, asked.body
    by_name = dict(headers)
    yield (
        "`read_headers`: no header came twice",
        lambda: read_headers(headers),
        lambda: _counted(headers),
    )
    yield (
        "`strict_json.parse`: msgspec reads it",
        lambda: parse(body),
        lambda: parse_by_reference(body),
    )
    yield (
        "`read_envelope`: a call in its common form",
        lambda: read_envelope(body, by_name),
        lambda: read_envelope(body, headers),
    )

    async def add(a: int, b: int) -> int:
        return a + b

    signature, result = read_signature(add), read_result_schema(add)
    by_pydantic, serialized = replace(signature, plain=None), replace(result, plain=None)
    arguments = {"a": 1_000_007, "b": 2_000_007}
    yield (
        "`Signature.read`: arguments of plain types",
        lambda: signature.read(arguments),
        lambda: by_pydantic.read(arguments),
    )
    yield (
        "`ResultSchema.encode`: a result of a plain type",
        lambda: result.encode(3_000_014),
        lambda: serialized.encode(3_000_014),
    )
    yield (
        "`while_connected`: the tool does not wait",
        lambda: finish(_served(while_connected(asked.receive, add(1, 2)))),
        lambda: finish(_served(watched(asked.receive, add(1, 2)))),
    )


async def _of_tokens(asked: Asked) -> list[Pair]:
    """Return the quick paths that decide on a token, and write down who called."""
    identity, digest = _caller(), sha256(asked.token).digest()
    cache, seen, now = VerifiedTokenCache(entries=10, ttl=60), SeenFilter(10), time.time()
    cache.put(digest, identity, _NeverChanged(), 0, now)

    async def read() -> list[str]:
        return ["another-grant"]

    revocations = Revocations(read, clock=lambda: now)
    await revocations.require(identity.token_id)
    fields = ["POST", "tools/call", "add", identity.issuer, identity.subject, "client", ""]

    def decode() -> object:
        cache._decoded.clear()
        return cache.get(digest, now)

    return [
        (
            "`SeenFilter.seen_before`: a new token",
            lambda: seen.seen_before(asked.token),
            lambda: cache.get(sha256(asked.token).digest(), now),
        ),
        (
            "`VerifiedTokenCache.get`: decoded lately",
            lambda: cache.get(digest, now),
            decode,
        ),
        (
            "`Revocations.admits`: the list is fresh",
            lambda: revocations.admits(identity.token_id, now),
            lambda: finish(revocations.require(identity.token_id)),
        ),
        (
            "`audit.event`: nothing to escape",
            lambda: escape_for_log("".join(fields)),
            lambda: [escape_for_log(one) for one in fields],
        ),
    ]


def _counted(headers: list[tuple[bytes, bytes]]) -> tuple[dict[bytes, bytes], set[bytes]]:
    count = Counter(name for name, _ in headers)
    return dict(headers), {name for name, times in count.items() if times > 1}


async def _served(work: Any) -> None:
    await work


def _caller() -> Identity:
    return Identity(
        issuer="https://issuer.example",
        subject="user-00000007",
        client_id="https://client.example/oauth/client.json",
        scopes=frozenset({"mcp:tools"}),
        roles=frozenset({"member"}),
        expires_at=time.time() + 3600,
        kind="person",
        token_id="grant.1",
        claims_json=b'{"sub":"user-00000007"}',
    )
