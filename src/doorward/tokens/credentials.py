"""Every kind of credential on one endpoint: JWTs, opaque tokens, API keys."""

import time
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Protocol

from doorward.errors import MalformedToken, UnknownIssuer
from doorward.identity import Identity
from doorward.jose.compact import NotCompact, decode_segment, read_object
from doorward.net import Clock, Fetcher
from doorward.net.url import pairs_of
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
    """Whatever tells from a token who is calling: ``Verifier`` and ``CredentialVerifier``."""

    async def start(self) -> None:
        """Fetch ahead what the first token needs. Never fails."""

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
    Judge JWTs of some issuers, opaque tokens of others, and API keys; each in its own way alone.

    Which way a token goes is decided by its form before anything is verified, and is final:

    - what begins as an API key is one, and is never sent anywhere;
    - a JWT goes to the issuer that it names: verified by key, or looked up there, as that issuer
      was configured;
    - everything else is looked up at the issuer that recognises it.

    A JWT that fails its verification is not looked up instead. Issuers say "active" of ID tokens,
    of refresh tokens and of tokens for other servers; asked second, they would let in what the
    verifier has just refused, and every forged token would cost them a request.

    Of each way, ``cache_entries`` are remembered for at most ``cache_ttl`` seconds; 0 turns that
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
        leeway: float = 30.0,
        longest_life: float = 86400.0,
        cache_entries: int = 10_000,
        cache_ttl: float = 300.0,
        fetcher: Fetcher | None = None,
    ) -> None:
        signed = [one for one in issuers if isinstance(one, TrustedIssuer)]
        opaque = [one for one in issuers if isinstance(one, OpaqueIssuer)]
        # Where nobody issues tokens, keys alone may open the door.
        if issuers or api_keys is None:
            require_distinct([one.issuer for one in issuers])
        self._clock = clock
        self._owns_fetcher = fetcher is None
        self._fetcher = fetcher or Fetcher(
            allow_private_hosts=pairs_of(
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
        self._verifier = None if api_keys is None else ApiKeyVerifier(api_keys, clock=clock)
        self._keys = VerifiedTokenCache(entries=cache_entries, ttl=cache_ttl)

    async def start(self) -> None:
        """Fetch the keys of issuers ahead of the first token; one that is down is logged."""
        if self._jwts is not None:
            await self._jwts.start()

    async def aclose(self) -> None:
        """Forget every verified token."""
        self._opaque.clear()
        self._keys.clear()
        if self._jwts is not None:
            await self._jwts.aclose()
        if self._owns_fetcher:
            await self._fetcher.aclose()

    def recall(self, token: bytes) -> Identity | None:
        """Return whose token this is when it was verified a moment ago, without waiting."""
        if token.startswith(_PREFIX):
            return self._keys.get(sha256(token).digest(), self._clock())
        if self._jwts is not None and (known := self._jwts.recall(token)) is not None:
            return known
        return self._opaque.recall(sha256(token).digest())

    async def verify(self, token: bytes) -> Identity:
        """
        Return whose token this is.

        Raises:
            TokenRejected: 401 ``invalid_token``; the subclass names the reason.
            Unavailable: 503, whoever must be asked does not answer.
        """
        # Also where there are no keys: a key for this server is nothing to show to an issuer.
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
        if self._verifier is None:
            raise MalformedToken("an API key, where none are accepted")
        digest = sha256(token).digest()
        known = self._keys.get(digest, self._clock())
        if known is not None:
            return known
        # Taken before the key is looked up: when the keys change in between, nothing is remembered.
        generation = self._verifier.generation
        identity = self._verifier.verify(token.decode("ascii", "replace"))
        return self._keys.put(digest, identity, self._verifier, generation, self._clock())

    def describe(self) -> list[dict[str, Any]]:
        """Return what is trusted, for a log line or a status page; nothing in it is secret."""
        signed = [] if self._jwts is None else self._jwts.describe()
        keys = [] if self._verifier is None else [{"api_keys": True}]
        return [*signed, *self._opaque.describe(), *keys]


def _issuer_named_by(token: bytes) -> object:
    """
    Return what stands in ``iss`` of what is a JWS by its form, or ``_NO_ISSUER`` for other forms.

    Not verified: it only says who is to judge. A JWS that cannot be read names nobody, and is not
    taken for an opaque token instead: a token that one issuer signed is not to be shown to another.
    """
    segments = token.split(b".")
    try:
        if len(segments) != 3 or not decode_segment(segments[0]).lstrip().startswith(b"{"):
            return _NO_ISSUER
    except NotCompact:
        return _NO_ISSUER
    try:
        return read_object(decode_segment(segments[1])).get("iss")
    except NotCompact:
        return None
