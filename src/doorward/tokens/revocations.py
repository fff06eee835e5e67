"""The revoked tokens of an issuer, which are refused before they expire."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection

from doorward.errors import ConfigurationError, MissingClaim
from doorward.net import NEVER, Clock, SingleFlight, TimeRange
from doorward.tokens.refusals import RevocationsUnavailable, RevokedToken

_FLIGHT = "revocations"
_FIRST = 5


class Revocations:
    """
    The revoked tokens of one issuer, read again when the list is ``recheck`` seconds old.

    ```python
    async def revoked() -> frozenset[str]:
        return frozenset({"id-of-a-stolen-token"})  # from your own database

    issuer = TrustedIssuer(
        issuer="https://login.example",
        audience="https://mcp.example/mcp",
        revocations=Revocations(revoked),
    )
    ```

    ``read`` returns ids. An id is the ``jti`` of a token, or the part before its first dot: in our
    own authorization server, that part names the grant and so all its tokens. A revoked token is
    refused within ``recheck`` seconds, also when it is cached. While ``read`` fails, the last list
    is used until it is ``trusted_for`` seconds old. After that, every token of the issuer gets a
    503. A request waits at most ``timeout`` seconds for a read, and five times as long for the first:
    a process that has just started is slow, and has no list yet.

    Does not end a stream that is already open.

    Raises:
        ConfigurationError: with reason ``not-a-limit``.

    Spec: RFC 7009 §2; RFC 6749 §4.1.2; RFC 9700 §2.1.1
    """

    def __init__(
        self,
        read: Callable[[], Awaitable[Collection[str]]],
        *,
        clock: Clock = time.time,
        recheck: float = 2.0,
        trusted_for: float = 10.0,
        timeout: float = 1.0,
    ) -> None:
        if not 0 < recheck <= trusted_for <= 60:
            raise ConfigurationError(
                "not-a-limit",
                f"recheck is {recheck!r} and trusted_for {trusted_for!r}.",
                "Use seconds with 0 < recheck <= trusted_for <= 60.",
            )
        self._read = read
        self._clock = clock
        self._recheck = recheck
        self._trusted_for = trusted_for
        self._timeout = timeout
        self._flight: SingleFlight[str, None] = SingleFlight()
        self._ids: frozenset[str] = frozenset()
        self._fresh = self._trusted = self._pause = NEVER
        self._problem = "not read yet"
        self._was_read = False

    def admits(self, token_id: str | None, now: float) -> bool:
        """
        Say, without waiting, whether the list is fresh and the token is not on it.

        The quick path of ``require``: False means "ask ``require``", and never "revoked".
        """
        fresh, ids = self._fresh, self._ids
        # Part of every call, so it calls as little as possible.
        if token_id is None or not fresh.since <= now < fresh.until:
            return False
        return not ids or not self._contains(token_id)

    async def require(self, token_id: str | None) -> None:
        """
        Return when the token is not revoked, after reading the list if it is too old.

        Raises:
            MissingClaim: 401, the token has no ``jti`` to look for.
            RevokedToken: 401.
            RevocationsUnavailable: 503, there is no list that may still be used.
        """
        if token_id is None:
            raise MissingClaim("no jti, by which revoked tokens are told")
        if not self._fresh.contains(self._clock()):
            await self._refresh()
        if not self._trusted.contains(self._clock()):
            raise RevocationsUnavailable(self._problem)
        if self._contains(token_id):
            raise RevokedToken(f"jti={token_id[:200]!r}")

    def _contains(self, token_id: str) -> bool:
        return token_id in self._ids or token_id.partition(".")[0] in self._ids

    async def _refresh(self) -> None:
        if self._pause.contains(self._clock()):
            return
        try:
            longest = self._timeout if self._was_read else _FIRST * self._timeout
            await asyncio.wait_for(self._load_after_now(), longest)
        except TimeoutError:
            self._failed("the list did not come in time")

    async def _load_after_now(self) -> None:
        # A read in flight may have started too long ago for its list to count.
        while self._flight.in_flight(_FLIGHT):
            await self._flight.run(_FLIGHT, self._load)
            if self._fresh.contains(self._clock()) or self._pause.contains(self._clock()):
                return
        await self._flight.run(_FLIGHT, self._load)

    async def _load(self) -> None:
        # The list may lack what is revoked after this moment, however long the answer takes.
        started = self._clock()
        try:
            ids = frozenset(await asyncio.wait_for(self._read(), self._trusted_for))
        except Exception as error:  # noqa: BLE001 - whatever failed: without a list, nobody is let in
            self._failed(type(error).__name__)
            return
        self._ids, self._was_read = ids, True
        self._fresh = TimeRange(started, started + self._recheck)
        self._trusted = TimeRange(started, started + self._trusted_for)
        self._pause = NEVER

    def _failed(self, problem: str) -> None:
        now = self._clock()
        self._problem = problem
        # Nobody waits until the next try: the last list decides, or the answer is 503.
        self._pause = TimeRange(now, now + self._recheck)
        if self._trusted.contains(now):
            self._fresh = TimeRange(now, min(self._pause.until, self._trusted.until))
        # Imported by the first warning, because it takes 10 MB.
        import structlog

        structlog.get_logger("doorward.tokens").warning("revocations-unavailable", problem=problem)
