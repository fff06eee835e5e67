"""The verifier of JWT access tokens."""

import asyncio
import time
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from doorward.errors import (
    BadSignature,
    MalformedToken,
    UnknownIssuer,
    WrongAlgorithm,
)
from doorward.identity import Identity
from doorward.jose.compact import JwsHeader, MalformedJws, read_header, read_object, split_jws
from doorward.net import Clock, Fetcher
from doorward.net.clock import LEEWAY
from doorward.net.http.url import host_ports_of
from doorward.tokens.cache import VerifiedTokenCache
from doorward.tokens.jwt.checks import Expected, PresentedToken, admit
from doorward.tokens.jwt.discovered_keys import DiscoveredKeys
from doorward.tokens.jwt.identity_from_claims import read_identity
from doorward.tokens.jwt.issuer import TrustedIssuer, require_distinct
from doorward.tokens.jwt.key_source import KeySource
from doorward.tokens.jwt.remote_keys import RemoteKeys
from doorward.tokens.seen_filter import SeenFilter

# Parsed headers are cached: an issuer has one per key. Invented headers push the others out, which
# costs microseconds and no memory.
_MAX_HEADERS = 256


class _Trusted:
    """A trusted issuer, with what each request needs computed at start-up."""

    __slots__ = ("algorithms", "expected", "issuer", "keys")

    def __init__(
        self, issuer: TrustedIssuer, keys: KeySource, leeway: float, longest_life: float
    ) -> None:
        self.issuer = issuer
        self.keys = keys
        self.algorithms = frozenset(issuer.algorithms)
        self.expected = Expected(
            issuer=issuer.issuer,
            audiences=frozenset(issuer.audiences),
            profile=issuer.profile,
            leeway=leeway,
            longest_life=longest_life,
        )


class Verifier:
    """
    Verifies access tokens of the ``issuers``, and of no other issuer.

    ```python
    issuer = TrustedIssuer(
        issuer=mint.issuer, audience="https://mcp.example/mcp", keys=LocalKeys(mint.jwks)
    )
    verifier = Verifier([issuer])
    user = await verifier.verify(mint.mint("alice", scopes={"mcp:read"}).encode())
    assert user.subject == "alice"
    assert user.has_scope("mcp:read")
    ```

    ``leeway`` is how far clocks may differ, ``longest_life`` how far ahead a token may expire. Both
    are in seconds and apply to every issuer. Tokens that are used again are cached: at most
    ``cache_entries``, for at most ``cache_ttl`` seconds; 0 turns the cache off. ``fetcher`` gets
    keys and metadata. The default one reaches public hosts and the hosts that the issuers name.

    Raises:
        ConfigurationError: with reason ``no-issuers`` or ``issuer-twice``.

    Spec: RFC 9068 §4; RFC 7519 §7.2; RFC 8725 §3
    """

    def __init__(
        self,
        issuers: Sequence[TrustedIssuer],
        *,
        clock: Clock = time.time,
        leeway: float = LEEWAY,
        longest_life: float = 86400.0,
        cache_entries: int = 10_000,
        cache_ttl: float = 300.0,
        fetcher: Fetcher | None = None,
    ) -> None:
        require_distinct([one.issuer for one in issuers])
        self._clock = clock
        self._owns_fetcher = fetcher is None
        self._fetcher = fetcher or Fetcher(
            allow_private_hosts=host_ports_of(
                url for one in issuers for url in (one.issuer, one.internal_url, one.jwks_uri)
            )
        )
        self._own_keys: list[RemoteKeys] = []
        self._trusted = {
            one.issuer: _Trusted(one, self._source(one), leeway, longest_life) for one in issuers
        }
        self._revocations = {
            one.issuer: one.revocations for one in issuers if one.revocations is not None
        }
        self._cache = VerifiedTokenCache(entries=cache_entries, ttl=cache_ttl)
        self._seen = None if self._cache.is_off else SeenFilter(cache_entries)
        self._headers: dict[bytes, JwsHeader] = {}

    def _source(self, issuer: TrustedIssuer) -> KeySource:
        if issuer.keys is not None:
            return issuer.keys
        if issuer.jwks_uri is not None:
            keys = RemoteKeys(issuer.jwks_uri, fetcher=self._fetcher, clock=self._clock)
        else:
            keys = DiscoveredKeys(
                issuer.issuer,
                fetcher=self._fetcher,
                clock=self._clock,
                internal_url=issuer.internal_url,
            )
        self._own_keys.append(keys)
        return keys

    async def start(self) -> None:
        """Fetch the keys of every issuer; an issuer that is down is logged."""
        await asyncio.gather(*(one.keys.start() for one in self._trusted.values()))

    async def aclose(self) -> None:
        """Forget every verified token, and close the fetcher if it was created here."""
        self._cache.clear()
        if self._seen is not None:
            self._seen.clear()
        # A server that stops during a fetch leaves no task behind. Keys that were passed in may be
        # in use by another verifier.
        for keys in self._own_keys:
            await keys.aclose()
        if self._owns_fetcher:
            await self._fetcher.aclose()

    def recall(self, token: bytes) -> Identity | None:
        """Return whose token this is when it was verified a moment ago, without waiting."""
        # The quick path of ``verify``. Most tokens that are not cached were never seen, and this
        # tells so without hashing them.
        if self._seen is None or not self._seen.seen_before(token):
            return None
        now = self._clock()
        known = self._cache.get(sha256(token).digest(), now)
        if known is None or not self._revocations:
            return known
        revocations = self._revocations.get(known.issuer)
        return known if revocations is None or revocations.admits(known.token_id, now) else None

    async def verify(self, token: bytes) -> Identity:
        """
        Return whose access token this is.

        Does not check what the operation needs: that is ``policy``.

        Raises:
            TokenRejected: 401 ``invalid_token``; the subclass names the reason.
            KeysUnavailable: 503, the issuer's keys cannot be fetched.
            RevocationsUnavailable: 503, the list of revoked tokens cannot be read.
        """
        if (known := self.recall(token)) is not None:
            return known
        header, claims, trusted, parts = self._read(token)
        keys = trusted.keys
        # Read before the key: if the keys change in between, the entry is invalid from the start.
        generation = keys.generation
        key = keys.known(header.kid, header.algorithm)
        if key is None:
            key = await keys.key(header.kid, header.algorithm)
            generation = keys.generation
        if not key.verify(header.algorithm, parts.signing_input, parts.signature):
            raise BadSignature(f"kid={header.kid!r} alg={header.algorithm!r}")
        now = self._clock()
        admit(PresentedToken(header.type, claims, trusted.expected, now))
        identity = read_identity(claims, trusted.issuer.profile, parts.payload)
        if (revocations := trusted.issuer.revocations) is not None:
            await revocations.require(identity.token_id)
        return self._keep(token, identity, keys, generation, now)

    def _keep(
        self, token: bytes, identity: Identity, keys: KeySource, generation: int, now: float
    ) -> Identity:
        """Cache ``identity`` when the token is used for the second time."""
        # A token that is used twice is usually used often. Caching tokens that are used once costs
        # half as much as verifying them, and pushes out the others.
        if self._seen is None:
            return identity
        if self._seen.seen_before(token):
            digest = sha256(token).digest()
            return self._cache.put(digest, identity, keys, generation, now)
        self._seen.add(token)
        return identity

    def _read(self, token: bytes) -> tuple[JwsHeader, dict[str, Any], _Trusted, Any]:
        try:
            parts = split_jws(token)
            header = self._headers.get(parts.header) or self._read_header(parts.header)
            claims = read_object(parts.payload)
        except MalformedJws as error:
            raise MalformedToken(str(error)) from None
        # Not yet verified: `iss` only selects the issuer whose keys are tried, and no others are.
        issuer = claims.get("iss")
        trusted = self._trusted.get(issuer) if isinstance(issuer, str) else None
        if trusted is None:
            raise UnknownIssuer(f"iss={str(issuer)[:200]!r}, trust {sorted(self._trusted)}")
        if header.algorithm not in trusted.algorithms:
            raise WrongAlgorithm(
                f"alg={header.algorithm[:50]!r}, {trusted.issuer.issuer!r} is pinned to"
                f" {sorted(trusted.algorithms)}"
            )
        return header, claims, trusted, parts

    def _read_header(self, segment: bytes) -> JwsHeader:
        header = read_header(segment)
        while len(self._headers) >= _MAX_HEADERS:
            self._headers.pop(next(iter(self._headers)), None)
        self._headers[segment] = header
        return header

    def issuers_without_keys(self) -> list[str]:
        """Return the issuers whose tokens get a 503 now, because their keys were never fetched."""
        return [
            name
            for name, one in self._trusted.items()
            if isinstance(one.keys, RemoteKeys) and not one.keys.has_keys
        ]

    def cache_counts(self) -> tuple[int, int]:
        """Return how often a token was found in the cache, and how many are in it."""
        return self._cache.hits, len(self._cache)

    def describe(self) -> list[dict[str, Any]]:
        """Return what is trusted, for a log line or a status page; nothing in it is secret."""
        return [
            {
                "issuer": one.issuer.issuer,
                "audience": list(one.issuer.audiences),
                "algorithms": sorted(one.algorithms),
                "profile": one.issuer.profile.name,
                "keys": type(one.keys).__name__,
            }
            for one in self._trusted.values()
        ]
