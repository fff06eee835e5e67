"""A verifier of every kind of credential: JWTs, opaque tokens and API keys."""

import time
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Protocol

from doorward.errors import MalformedToken, UnknownIssuer
from doorward.identity import Identity
from doorward.jose.compact import MalformedJws, decode_segment, read_object
from doorward.net import Clock, Fetcher
from doorward.net.clock import LEEWAY
from doorward.net.http.url import host_ports_of
from doorward.tokens.api_keys.key import PREFIX
from doorward.tokens.api_keys.verifier import ApiKeys, ApiKeyVerifier
from doorward.tokens.cache import VerifiedTokenCache
from doorward.tokens.jwt.issuer import TrustedIssuer, require_distinct
from doorward.tokens.jwt.verifier import Verifier
from doorward.tokens.opaque.issuer import OpaqueIssuer
from doorward.tokens.opaque.lookup import OpaqueTokens

_PREFIX = PREFIX.encode("ascii")
_NO_ISSUER = object()


class TokenVerifier(Protocol):
    """Verifies tokens: implemented by ``Verifier`` and ``CredentialVerifier``."""

    async def start(self) -> None:
        """Fetch what the first token needs. Never fails."""

    async def aclose(self) -> None:
        """Forget every verified token."""

    def recall(self, token: bytes) -> Identity | None:
        """Return whose token this is when it was verified a moment ago, without waiting."""

    async def verify(self, token: bytes) -> Identity:
        """
        Return whose token this is.

        Raises:
            TokenRejected: 401 ``invalid_token``.
            Unavailable: 503, nobody can say.
        """

    def describe(self) -> list[dict[str, Any]]:
        """Return what is trusted; nothing in it is secret."""


class CredentialVerifier:
    """
    Verifies JWTs, opaque tokens and API keys, each kind in its own way.

    ```python
    secret, record = new_api_key(name="nightly", now=time.time(), lifetime=3600)
    verifier: TokenVerifier = CredentialVerifier(api_keys=ApiKeyList([record]))
    job = await verifier.verify(secret.encode())
    assert job.kind == "key"
    ```

    The form of a token decides, before anything is verified, and the decision is final:

    - A token with the prefix of API keys is one. It is never sent anywhere.
    - A JWT is verified by key, or looked up at the issuer it names, as that issuer is configured.
    - Every other token is looked up at the issuer that recognises it.

    A JWT that fails verification is not looked up instead. Issuers report ID tokens, refresh tokens
    and tokens for other servers as active. They would admit what the verifier has just refused, and
    each forged token would cost them a request.

    For each kind, ``cache_entries`` are cached for at most ``cache_ttl`` seconds; 0 turns the cache
    off. Times are in seconds.

    Raises:
        ConfigurationError: with reason ``no-issuers``, ``issuer-twice`` or
            ``ambiguous-opaque-issuers``.
    """

    def __init__(
        self,
        issuers: Sequence[TrustedIssuer | OpaqueIssuer] = (),
        *,
        api_keys: ApiKeys | None = None,
        clock: Clock = time.time,
        leeway: float = LEEWAY,
        longest_life: float = 86400.0,
        cache_entries: int = 10_000,
        cache_ttl: float = 300.0,
        fetcher: Fetcher | None = None,
    ) -> None:
        signed = [one for one in issuers if isinstance(one, TrustedIssuer)]
        opaque = [one for one in issuers if isinstance(one, OpaqueIssuer)]
        # A server may accept API keys alone, without any issuer.
        if issuers or api_keys is None:
            require_distinct([one.issuer for one in issuers])
        self._clock = clock
        self._owns_fetcher = fetcher is None
        self._fetcher = fetcher or Fetcher(
            allow_private_hosts=host_ports_of(
                url
                for one in opaque
                for url in (one.issuer, one.internal_url, *one.lookup.named_urls)
            )
        )
        self._jwts = (
            Verifier(
                signed,
                clock=clock,
                leeway=leeway,
                longest_life=longest_life,
                cache_entries=cache_entries,
                cache_ttl=cache_ttl,
                fetcher=fetcher,
            )
            if signed
            else None
        )
        self._opaque = OpaqueTokens(
            opaque,
            fetcher=self._fetcher,
            clock=clock,
            leeway=leeway,
            cache_entries=cache_entries,
            cache_ttl=cache_ttl,
        )
        self._api_keys = None if api_keys is None else ApiKeyVerifier(api_keys, clock=clock)
        self._api_key_cache = VerifiedTokenCache(entries=cache_entries, ttl=cache_ttl)

    async def start(self) -> None:
        """Fetch the keys of all issuers; an issuer that is down is logged."""
        if self._jwts is not None:
            await self._jwts.start()

    async def aclose(self) -> None:
        """Forget every verified token."""
        self._opaque.clear()
        self._api_key_cache.clear()
        if self._jwts is not None:
            await self._jwts.aclose()
        if self._owns_fetcher:
            await self._fetcher.aclose()

    def issuers_without_keys(self) -> list[str]:
        """Return the issuers whose tokens get a 503 now, because their keys were never fetched."""
        return [] if self._jwts is None else self._jwts.issuers_without_keys()

    def cache_counts(self) -> tuple[int, int]:
        """Return how often a token was found in a cache, and how many are in the caches."""
        counts = [self._opaque.cache_counts()]
        counts.append((self._api_key_cache.hits, len(self._api_key_cache)))
        if self._jwts is not None:
            counts.append(self._jwts.cache_counts())
        return sum(hits for hits, _ in counts), sum(entries for _, entries in counts)

    def recall(self, token: bytes) -> Identity | None:
        """Return whose token this is when it was verified a moment ago, without waiting."""
        if token.startswith(_PREFIX):
            return self._api_key_cache.get(sha256(token).digest(), self._clock())
        if self._jwts is not None and (known := self._jwts.recall(token)) is not None:
            return known
        return self._opaque.recall(sha256(token).digest())

    async def verify(self, token: bytes) -> Identity:
        """
        Return whose token this is.

        Raises:
            TokenRejected: 401 ``invalid_token``; the subclass names the reason.
            Unavailable: 503, an issuer that must be asked does not answer.
        """
        # Also when no keys are accepted: an issuer must not see a key of this server.
        if token.startswith(_PREFIX):
            return self._verify_key(token)
        named = _issuer_named_by(token)
        if named is _NO_ISSUER:
            return await self._opaque.verify(token, sha256(token).digest())
        if isinstance(named, str) and self._opaque.knows(named):
            return await self._opaque.verify(token, sha256(token).digest(), named)
        if self._jwts is None:
            raise UnknownIssuer(f"iss={str(named)[:200]!r} is neither verified nor asked here")
        return await self._jwts.verify(token)

    def _verify_key(self, token: bytes) -> Identity:
        if self._api_keys is None:
            raise MalformedToken("an API key, where none are accepted")
        digest = sha256(token).digest()
        known = self._api_key_cache.get(digest, self._clock())
        if known is not None:
            return known
        # Read before the lookup: if the keys change in between, the entry is invalid from the start.
        generation = self._api_keys.generation
        identity = self._api_keys.verify(token.decode("ascii", "replace"))
        return self._api_key_cache.put(digest, identity, self._api_keys, generation, self._clock())

    def describe(self) -> list[dict[str, Any]]:
        """Return what is trusted, for a log line or a status page; nothing in it is secret."""
        signed = [] if self._jwts is None else self._jwts.describe()
        keys = [] if self._api_keys is None else [{"api_keys": True}]
        return [*signed, *self._opaque.describe(), *keys]


def _issuer_named_by(token: bytes) -> object:
    """
    Return the ``iss`` of a token in the form of a JWS, or ``_NO_ISSUER`` for any other form.

    The value is not verified: it only selects who verifies. A JWS that cannot be read is not taken
    for an opaque token: a token that one issuer signed must not be sent to another.
    """
    segments = token.split(b".")
    try:
        if len(segments) != 3 or not decode_segment(segments[0]).lstrip().startswith(b"{"):
            return _NO_ISSUER
    except MalformedJws:
        return _NO_ISSUER
    try:
        return read_object(decode_segment(segments[1])).get("iss")
    except MalformedJws:
        return None
