"""Tokens that were revoked before they are over."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection

from doorward.errors import ConfigurationError, MissingClaim
from doorward.net import NEVER, Clock, SingleFlight, Span
from doorward.tokens.refusals import RevocationsUnavailable, RevokedToken

_FLIGHT = "revocations"


class Revocations:
    """
    The revoked tokens of one issuer, read again when the list is ``recheck`` seconds old.

    ``read`` returns ids: the ``jti`` of a token, or what stands before its first dot, which in our
    own authorization server is the grant with all its tokens. A revoked token is refused within
    ``recheck`` seconds, also when it was remembered. While ``read`` fails, the last list counts until
    it is ``trusted_for`` seconds old; then every token of the issuer is answered 503. Nobody waits
    longer than ``patience`` seconds for a read.

    Does not end a stream that was opened before.

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
        patience: float = 1.0,
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
        self._patience = patience
        self._flight: SingleFlight[str, None] = SingleFlight()
        self._ids: frozenset[str] = frozenset()
        self._fresh = self._trusted = self._pause = NEVER
        self._problem = "not read yet"

    def admits(self, token_id: str | None, now: float) -> bool:
        """Say, without waiting, whether the list is fresh and the token is not on it."""
        fresh, ids = self._fresh, self._ids
        # Part of every call, so nothing is called that need not be.
        if token_id is None or not fresh.since <= now < fresh.until:
            return False
        return not ids or not self._names(token_id)

    async def require(self, token_id: str | None) -> None:
        """
        Return when the token is not revoked, reading the list when it is too old.

        Raises:
            MissingClaim: 401, the token has no ``jti`` to look for.
            RevokedToken: 401.
            RevocationsUnavailable: 503, there is no list that may still be used.
        """
        if token_id is None:
            raise MissingClaim("no jti, by which revoked tokens are told")
        if not self._fresh.holds(self._clock()):
            await self._refresh()
        if not self._trusted.holds(self._clock()):
            raise RevocationsUnavailable(self._problem)
        if self._names(token_id):
            raise RevokedToken(f"jti={token_id[:200]!r}")

    def _names(self, token_id: str) -> bool:
        return token_id in self._ids or token_id.partition(".")[0] in self._ids

    async def _refresh(self) -> None:
        if self._pause.holds(self._clock()):
            return
        try:
            await asyncio.wait_for(self._read_lately(), self._patience)
        except TimeoutError:
            self._failed("the list did not come in time")

    async def _read_lately(self) -> None:
        # A read that was under way may have been asked for too long ago to count.
        while self._flight.in_flight(_FLIGHT):
            await self._flight.run(_FLIGHT, self._load)
            if self._fresh.holds(self._clock()) or self._pause.holds(self._clock()):
                return
        await self._flight.run(_FLIGHT, self._load)

    async def _load(self) -> None:
        # What is revoked after this moment may be missing, however long the answer takes.
        asked = self._clock()
        try:
            ids = frozenset(await asyncio.wait_for(self._read(), self._trusted_for))
        except Exception as error:  # noqa: BLE001 - whatever failed: without a list, nobody is let in
            self._failed(type(error).__name__)
            return
        self._ids = ids
        self._fresh = Span(asked, asked + self._recheck)
        self._trusted = Span(asked, asked + self._trusted_for)
        self._pause = NEVER

    def _failed(self, problem: str) -> None:
        now = self._clock()
        self._problem = problem
        # Until the next try, nobody waits: the last list decides, or nobody can.
        self._pause = Span(now, now + self._recheck)
        if self._trusted.holds(now):
            self._fresh = Span(now, min(self._pause.until, self._trusted.until))
        # Brought in by the first warning, as it weighs 10 MB.
        import structlog

        structlog.get_logger("doorward.tokens").warning("revocations-unavailable", problem=problem)
