"""The hops of a connection: what was sent and answered, and where it failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from doorward.idp.clients import McpClient
from doorward.idp.facts import Fact

Hop = Literal[
    "challenge",
    "resource-metadata",
    "issuer",
    "registration",
    "authorization",
    "sign-in",
    "token",
    "session",
    "list",
    "call",
    "refresh",
]


@dataclass(frozen=True)
class Exchange:
    """One request and the status of its response; ``url`` has no query, which may hold secrets."""

    method: str
    url: str
    status: int

    def __str__(self) -> str:
        return f"{self.method} {self.url} {self.status}"


@dataclass(frozen=True)
class HopResult:
    """What happened at one hop: its exchanges, and what came of it."""

    hop: Hop
    exchanges: tuple[Exchange, ...]
    outcome: str

    def __str__(self) -> str:
        lines = [f"{self.hop}: {self.outcome}", *(f"    {one}" for one in self.exchanges)]
        return "\n".join(lines)


class PersonaFailed(AssertionError):
    """
    A persona could not connect. ``hop`` is where, ``problem`` what happened there.

    ```python
    async def try_cursor(running: ServerUnderTest) -> None:
        try:
            await persona("cursor").connect(running, "alice")
        except PersonaFailed as failed:
            print(failed.hop, failed.problem)
    ```

    ``fact`` is what this client does otherwise than others, if that is the cause. ``hops`` are all
    hops, with the one that failed at the end.
    """

    def __init__(
        self,
        client: McpClient,
        hop: Hop,
        problem: str,
        hops: Sequence[HopResult],
        fact: Fact[Any] | None = None,
    ) -> None:
        self.client, self.hop, self.problem = client, hop, problem
        self.fact, self.hops = fact, tuple(hops)
        lines = [f"{client.title} stops at the hop {hop!r}: {problem}"]
        if fact is not None:
            doubt = "" if fact.verified else ", not verified"
            lines.append(f"How it is known: {fact.source} ({fact.seen}{doubt})")
        super().__init__("\n".join([*lines, *map(str, hops)]))


class Trace:
    """Records the hops of one connection."""

    def __init__(self, client: McpClient) -> None:
        self._client = client
        self._done: list[HopResult] = []
        self._hop: Hop = "challenge"
        self._exchanges: list[Exchange] = []

    @property
    def hops(self) -> tuple[HopResult, ...]:
        """The hops that are finished, in their order."""
        return tuple(self._done)

    def start(self, hop: Hop) -> None:
        """Begin a hop; what is recorded from now on belongs to it."""
        self._hop, self._exchanges = hop, []

    def record(self, exchange: Exchange) -> None:
        """Add an exchange to the hop that has begun."""
        self._exchanges.append(exchange)

    def finish(self, outcome: str) -> None:
        """End the hop that has begun."""
        self._done.append(HopResult(self._hop, tuple(self._exchanges), outcome))
        self._exchanges = []

    def failure(self, problem: str, fact: Fact[Any] | None = None) -> PersonaFailed:
        """Return the error of the hop that has begun."""
        self.finish("failed")
        return PersonaFailed(self._client, self._hop, problem, self._done, fact)
