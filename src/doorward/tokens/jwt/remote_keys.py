"""Keys that an issuer publishes at a URL."""

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from doorward.errors import KeysUnavailable, UnknownKey
from doorward.net import NEVER, Clock, FetchFailed, SingleFlight, TimeRange
from doorward.net.http.fetcher import DocumentFetcher
from doorward.operations.observation import observed
from doorward.tokens.jwt.token_bucket import TokenBucket
from doorward.wire import strict_json

if TYPE_CHECKING:
    from doorward.jose.key_set import KeySet
    from doorward.jose.public_key import Key

# Thirty RSA keys with certificate chains; Entra's set is the largest we know, at 20 kB.
MAX_JWKS = 256 * 1024
_FLIGHT = "keys"


@dataclass(frozen=True, kw_only=True)
class Freshness:
    """
    How long a key set is used, in seconds.

    ```python
    # After an outage of 10 minutes, refuse tokens with 503 instead of trusting old keys.
    freshness = Freshness(max_age=600, stale_if_error=0)
    keys = RemoteKeys("https://login.example/keys", fetcher=fetcher, freshness=freshness)
    ```

    ``min_age`` and ``max_age`` bound the issuer's Cache-Control; ``default_age`` applies without
    one. ``stale_if_error`` is how much longer old keys are used while the issuer cannot be reached.
    A ``kid`` that is not in the set causes at most ``unknown_kid_burst`` fetches at once, and then
    one every ``unknown_kid_interval``. ``retry_interval`` is the least time between two fetches
    after a failure.
    """

    min_age: float = 60.0
    default_age: float = 300.0
    max_age: float = 3600.0
    stale_if_error: float = 3600.0
    unknown_kid_interval: float = 5.0
    unknown_kid_burst: int = 4
    retry_interval: float = 5.0


class RemoteKeys:
    """
    The keys at ``jwks_uri``, fetched when needed, by one request at a time.

    ```python
    keys = RemoteKeys("https://login.example/keys", fetcher=fetcher)
    issuer = TrustedIssuer(
        issuer="https://login.example", audience="https://mcp.example/mcp", keys=keys
    )
    ```

    A ``kid`` that is not in the set causes a fetch at once. Tokens with invented ``kid`` values
    cause at most one fetch per ``unknown_kid_interval``, and delay a new key by no more than that.

    Spec: RFC 7517 §5; RFC 9111 §4.2.4 (stale-if-error, bounded)
    """

    def __init__(
        self,
        jwks_uri: str,
        *,
        fetcher: DocumentFetcher,
        clock: Clock = time.time,
        freshness: Freshness | None = None,
    ) -> None:
        self._uri = jwks_uri
        self._fetcher = fetcher
        self._clock = clock
        self._freshness = freshness or Freshness()
        self._flight: SingleFlight[str, None] = SingleFlight()
        self._keys: KeySet | None = None
        self._content: bytes = b""
        self._generation = 0
        self._trusted = NEVER
        self._stale_until = float("-inf")
        self._pause = NEVER
        self._unknown_kid_limit = TokenBucket(
            self._freshness.unknown_kid_burst, self._freshness.unknown_kid_interval
        )
        self._background_refresh: asyncio.Task[None] | None = None
        self._problem: str | None = None

    @property
    def generation(self) -> int:
        """How often the keys have changed."""
        return self._generation

    @property
    def trusted_until(self) -> float:
        """Until when the keys are used without another fetch."""
        return self._trusted.until

    @property
    def has_keys(self) -> bool:
        """Whether there are keys that may still be used."""
        return self._keys is not None and self._clock() < self._stale_until

    @property
    def problem(self) -> str | None:
        """What went wrong at the last fetch, for logs and status pages."""
        return self._problem

    async def start(self) -> None:
        """
        Fetch the keys. A failure is logged: the provider may start after this server. Until it
        answers, every token gets a 503.
        """
        await self._refresh()

    async def aclose(self) -> None:
        """Cancel a fetch in flight, and keep the keys that were fetched before."""
        await self._flight.aclose()

    def known(self, kid: str | None, algorithm: str) -> "Key | None":
        """Return the key when it was fetched and is still trusted."""
        if self._keys is None or not self._trusted.contains(self._clock()):
            return None
        return self._keys.find(kid, algorithm)

    async def key(self, kid: str | None, algorithm: str) -> "Key":
        """
        Return the key, fetching the set when it is too old or lacks it.

        Raises:
            UnknownKey: the issuer's set, fetched lately, has no such key.
            KeysUnavailable: there is no set that may still be used, or it could not be asked anew.
        """
        old = not self._trusted.contains(self._clock())
        joins = self._flight.in_flight(_FLIGHT)
        if old:
            stand_in = self._stale_key(kid, algorithm)
            if stand_in is not None:
                return stand_in
            await self._refresh()
        found = self._usable().find(kid, algorithm)
        if found is None and (joins or not old):
            found = await self._fetch_for_unknown_kid(kid, algorithm)
        if found is not None:
            return found
        if self._problem is not None:
            # The set is old and the issuer does not answer: the key may be a new one, and a 401
            # would make clients discard valid tokens.
            raise KeysUnavailable(f"kid={kid!r} is not in the last set, and {self._problem}")
        raise UnknownKey(f"kid={kid!r} alg={algorithm!r}, have {sorted(self._usable().kids)}")

    def _usable(self) -> "KeySet":
        if self._keys is None or not self._clock() < self._stale_until:
            raise KeysUnavailable(f"no keys from {self._uri}: {self._problem}")
        return self._keys

    def _stale_key(self, kid: str | None, algorithm: str) -> "Key | None":
        """Return a stale key at once while the issuer fails, and fetch in the background."""
        # An issuer that hangs costs the fetcher's whole timeout. Only the first request pays that;
        # after a failure, no request waits whose key is in the old set.
        if self._problem is None or self._keys is None or not self._clock() < self._stale_until:
            return None
        found = self._keys.find(kid, algorithm)
        if found is not None and (
            self._background_refresh is None or self._background_refresh.done()
        ):
            self._background_refresh = asyncio.create_task(self._refresh())
        return found

    async def _fetch_for_unknown_kid(self, kid: str | None, algorithm: str) -> "Key | None":
        # A request that arrives during a fetch waits for it: many requests name a new key at once,
        # and all but the first would be refused. That fetch may have started before the rotation,
        # so a second one follows.
        for _ in range(2):
            joins = self._flight.in_flight(_FLIGHT)
            if not joins and not self._may_fetch_for_unknown_kid():
                return None
            await self._refresh()
            found = self._usable().find(kid, algorithm)
            if found is not None or not joins:
                return found
        return None

    def _may_fetch_for_unknown_kid(self) -> bool:
        now = self._clock()
        return not self._pause.contains(now) and self._unknown_kid_limit.take(now)

    async def _refresh(self) -> None:
        if self._pause.contains(self._clock()):
            return
        await self._flight.run(_FLIGHT, self._load)

    async def _load(self) -> None:
        try:
            with observed("issuer-keys", "jwks"):
                content, max_age = await self._fetch()
        except FetchFailed as error:
            self._keep_stale(f"{type(error).__name__}: {error}")
            return
        # Imported with the first keys: with the cryptography below, it is a tenth of start-up.
        from doorward.jose.key_set import InvalidKeySet, KeySet

        try:
            keys = KeySet(strict_json.parse_object(content))
        except (InvalidKeySet, strict_json.NotStrictJson) as error:
            self._keep_stale(f"{type(error).__name__}: {error}")
            return
        self._replace(content, keys, max_age)

    async def _fetch(self) -> tuple[bytes, float | None]:
        fetched = await self._fetcher.fetch(
            self._uri, accept="application/jwk-set+json, application/json", limit=MAX_JWKS
        )
        return fetched.body, fetched.max_age

    def _replace(self, content: bytes, keys: "KeySet", max_age: float | None) -> None:
        fresh = self._freshness
        wanted = fresh.default_age if max_age is None else max_age
        now = self._clock()
        self._trusted = TimeRange(now, now + min(max(wanted, fresh.min_age), fresh.max_age))
        self._stale_until = self._trusted.until + fresh.stale_if_error
        self._pause = NEVER
        self._problem = None
        if self._keys is None or content != self._content:
            self._keys, self._content = keys, content
            self._generation += 1
            for reason in keys.ignored:
                _warn("issuer-key-ignored", jwks_uri=self._uri, reason=reason)

    def _keep_stale(self, problem: str) -> None:
        now = self._clock()
        self._problem = problem
        self._pause = TimeRange(now, now + self._freshness.retry_interval)
        if self._keys is not None and self._trusted.until <= now < self._stale_until:
            self._trusted = TimeRange(
                self._trusted.since, min(self._pause.until, self._stale_until)
            )
        _warn("issuer-keys-unavailable", jwks_uri=self._uri, problem=problem)


def _warn(event: str, **facts: str) -> None:
    # Imported by the first warning, because it takes 10 MB.
    import structlog

    structlog.get_logger("doorward.tokens").warning(event, **facts)
