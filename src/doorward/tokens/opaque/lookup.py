"""The verifier of opaque tokens: looks each up at its issuer, and caches the result."""

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from doorward.errors import ConfigurationError, MalformedToken
from doorward.identity import Identity
from doorward.jose.compact import LONGEST_TOKEN
from doorward.net import Clock, Fetcher, SingleFlight
from doorward.net.circuit_breaker import CircuitBreaker
from doorward.net.clock import LEEWAY
from doorward.tokens.cache import VerifiedTokenCache
from doorward.tokens.opaque.checks import identity_from_response
from doorward.tokens.opaque.issuer import LookupContext, OpaqueIssuer
from doorward.tokens.refusals import InactiveToken, LookupUnavailable


class _IssuerLookup:
    """The lookup at one issuer, with its circuit breaker and the lifetime of its results."""

    # For the cache: nothing here depends on keys, so the generation never changes.
    generation = 0

    def __init__(self, issuer: OpaqueIssuer, fetcher: Fetcher, clock: Clock) -> None:
        self.issuer = issuer
        self._clock = clock
        self._ttl = issuer.lookup.cache_ttl
        self._circuit_breaker = CircuitBreaker(_circuit_open, clock)
        self._ask = issuer.lookup.begin(
            LookupContext(
                issuer=issuer.issuer,
                internal_url=issuer.internal_url,
                fetcher=fetcher,
                clock=clock,
            )
        )

    @property
    def trusted_until(self) -> float:
        """Until when a response holds that comes now; never beyond now when the setting is 0."""
        return self._clock() + self._ttl

    async def ask(self, token: str) -> dict[str, Any]:
        """
        Return the issuer's response about an active token.

        Raises:
            InactiveToken: 401, the token is not active.
            LookupUnavailable: 503, the issuer cannot be asked.
        """
        body = await self._circuit_breaker.call(lambda: self._ask(token))
        if body is None:
            raise InactiveToken(f"{self.issuer.issuer} says that it is not active")
        return dict(body)


def _circuit_open(because: str, left: int) -> LookupUnavailable:
    return LookupUnavailable(f"not asked for another {left} s: {because}", retry_after=left)


class OpaqueTokens:
    """
    Verifies tokens of the ``issuers`` by looking them up.

    The identity of an active token is cached by the SHA-256 of the token, until the token expires or
    the lookup's ``cache_ttl`` is over. Refusals are not cached: each guess is another token, and an
    issuer with several machines may not know a token in its first second. Concurrent requests with
    the same token share one lookup.

    Raises:
        ConfigurationError: with reason ``ambiguous-opaque-issuers``.
    """

    def __init__(
        self,
        issuers: Sequence[OpaqueIssuer],
        *,
        fetcher: Fetcher,
        clock: Clock = time.time,
        leeway: float = LEEWAY,
        cache_entries: int = 10_000,
        cache_ttl: float = 300.0,
    ) -> None:
        _require_one_answer(issuers)
        self._clock = clock
        self._leeway = leeway
        self._lookups = {one.issuer: _IssuerLookup(one, fetcher, clock) for one in issuers}
        self._cache = VerifiedTokenCache(entries=cache_entries, ttl=cache_ttl)
        self._flights: SingleFlight[bytes, Identity] = SingleFlight()

    def __len__(self) -> int:
        return len(self._cache)

    def knows(self, issuer: str) -> bool:
        """Say whether tokens of ``issuer`` are looked up."""
        return issuer in self._lookups

    def recall(self, digest: bytes) -> Identity | None:
        """Return the cached identity of the token with this SHA-256."""
        return self._cache.get(digest, self._clock())

    async def verify(self, token: bytes, digest: bytes, issuer: str | None = None) -> Identity:
        """
        Return whose token this is, looked up at ``issuer`` or at the one that recognises it.

        Raises:
            TokenRejected: 401 ``invalid_token``; the subclass names the reason.
            LookupUnavailable: 503, the issuer cannot be asked.
        """
        known = self.recall(digest)
        if known is not None:
            return known
        text = _readable(token)
        asked = self._lookups[issuer] if issuer is not None else self._recognized_by(text)
        return await self._flights.run(digest, lambda: self._look_up(asked, text, digest))

    async def _look_up(self, asked: _IssuerLookup, token: str, digest: bytes) -> Identity:
        body = await asked.ask(token)
        now = self._clock()
        identity = identity_from_response(body, asked.issuer, leeway=self._leeway, now=now)
        return self._cache.put(digest, identity, asked, asked.generation, now)

    def _recognized_by(self, token: str) -> _IssuerLookup:
        # Issuers that know their tokens by a prefix come first. At most one accepts any format.
        found = [one for one in self._lookups.values() if one.issuer.lookup.recognises(token)]
        if not found:
            raise MalformedToken("no issuer here has tokens of this format")
        return min(found, key=lambda one: one.issuer.lookup.recognises(_UNKNOWN_FORMAT))

    def cache_counts(self) -> tuple[int, int]:
        """Return how often a token was found in the cache, and how many are in it."""
        return self._cache.hits, len(self._cache)

    def clear(self) -> None:
        """Forget everything."""
        self._cache.clear()

    def describe(self) -> list[dict[str, Any]]:
        """Return which issuers are asked, for a log line or a status page, without secrets."""
        return [
            {
                "issuer": name,
                "audience": list(one.issuer.audiences),
                "client_ids": list(one.issuer.client_ids),
                "profile": one.issuer.profile.name,
                "lookup": type(one.issuer.lookup).__name__,
            }
            for name, one in self._lookups.items()
        ]


# No issuer's tokens look like this: a lookup that recognises it accepts any format.
_UNKNOWN_FORMAT = "-"


def _readable(token: bytes) -> str:
    if len(token) > LONGEST_TOKEN:
        raise MalformedToken(f"longer than {LONGEST_TOKEN} bytes")
    with suppress(UnicodeDecodeError):
        return token.decode("ascii")
    raise MalformedToken("not ASCII")


def _require_one_answer(issuers: Sequence[OpaqueIssuer]) -> None:
    greedy = [one.issuer for one in issuers if one.lookup.recognises(_UNKNOWN_FORMAT)]
    if len(greedy) > 1:
        # If all were asked, each issuer would see the tokens of the others.
        raise ConfigurationError(
            "ambiguous-opaque-issuers",
            f"{greedy[0]!r} and {greedy[1]!r} both issue tokens that nothing tells apart.",
            "Trust one issuer of opaque tokens by introspection, and let the others issue JWTs.",
        )
