"""Of concurrent requests, all are verified before any is served."""

import asyncio

from doorward.identity import Identity
from doorward.tokens import Verifier
from tests.guard.bench import NOW, Bench, token, trusted


class Telling(Verifier):
    """A verifier that records each verification and each cache hit."""

    def __init__(self) -> None:
        super().__init__([trusted()], clock=lambda: NOW)
        self.story: list[str] = []

    def recall(self, token: bytes) -> Identity | None:
        known = super().recall(token)
        if known is not None:
            self.story.append("recalled")
        return known

    async def verify(self, token: bytes) -> Identity:
        identity = await super().verify(token)
        self.story.append("verified")
        return identity


async def test_concurrent_new_tokens_are_all_verified_before_any_is_served() -> None:
    verifier = Telling()
    bench = Bench(verifier=verifier)
    told = [token("mcp:read", "mcp:tools", jti=f"t-{number}") for number in range(4)]
    # The first one starts the verifier, which takes a while.
    await bench.call(token=told.pop())
    verifier.story.clear()

    async def call(one: str) -> int:
        answer = await bench.call(token=one)
        verifier.story.append("served")
        return answer.status_code

    assert await asyncio.gather(*map(call, told)) == [200, 200, 200]
    assert verifier.story == ["verified"] * 3 + ["served"] * 3


async def test_a_cached_caller_is_served_at_once() -> None:
    verifier = Telling()
    bench = Bench(verifier=verifier)
    known = token("mcp:read", "mcp:tools")
    for _ in range(2):
        await bench.call(token=known)
    verifier.story.clear()

    async def call() -> None:
        await bench.call(token=known)
        verifier.story.append("served")

    await asyncio.gather(call(), call())

    assert verifier.story == ["recalled", "served"] * 2
