"""A cache of tokens that were verified a moment ago."""

from collections import OrderedDict
from contextlib import suppress
from typing import Protocol

import msgspec

from doorward.identity import Identity, Kind
from doorward.tokens.claims_compression import ClaimsCompressor


class CacheDependency(Protocol):
    """What a verification relied on: an issuer's keys, its answer, or the list of API keys."""

    @property
    def generation(self) -> int:
        """A number that changes when everything verified before is invalid."""

    @property
    def trusted_until(self) -> float:
        """Until when, in seconds since 1970, what is verified now may be cached."""


# What many callers have in common, stored once: issuer, client, scopes, roles, kind.
_Shared = tuple[str, str | None, frozenset[str], frozenset[str], Kind]


class _Entry(msgspec.Struct, frozen=True, gc=False):
    """A verified token: when it expires, what it depends on, and its identity in compact form."""

    # Not tracked by the garbage collector, which would otherwise walk ten thousand of them.
    expires_at: float
    dependency: CacheDependency
    generation: int
    shared: _Shared
    own: bytes


# What is a caller's own: subject, name, token id, expiry, claims. Bytes take half the memory of five
# objects, and a microsecond to decode.
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[str, str | None, str | None, float, bytes]).decode
_MAX_SHARED = 1024
_MAX_DECODED = 256


class VerifiedTokenCache:
    """
    Identities by the SHA-256 of their token. The token itself is not stored.

    Holds at most ``entries``, and drops the oldest first; 0 turns it off. An entry ends with its
    token, after ``ttl`` seconds, when its dependency must be asked again, and as soon as that has
    changed, whichever comes first. Refusals are not cached.

    Ten thousand entries take less than 5 MB: common values are stored once, and claims are
    compressed against the first ones of their issuer.
    """

    def __init__(self, *, entries: int, ttl: float) -> None:
        self._max_entries = entries if ttl > 0 else 0
        # When nothing is ever cached, no token needs to be hashed.
        self.is_off = not self._max_entries
        self._ttl = ttl
        # Read by metrics: how often ``get`` had an answer.
        self.hits = 0
        # Ordered, because a plain dict finds its first key by walking over all deleted ones.
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self._shared: dict[_Shared, _Shared] = {}
        self._compressors: dict[str, ClaimsCompressor] = {}
        # The quick path of ``get``: identities that were decoded lately. It is only read after the
        # entry was found valid. ``_decode_identity`` is the reference.
        self._decoded: dict[bytes, Identity] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, digest: bytes, now: float) -> Identity | None:
        """Return the identity of the token with this SHA-256, while its entry is valid."""
        entry = self._entries.get(digest)
        if entry is None:
            return None
        expires_at = entry.expires_at
        # Both ends: when the clock is set back, an entry would otherwise live for as much longer.
        in_time = expires_at - self._ttl <= now < expires_at
        if in_time and entry.dependency.generation == entry.generation:
            self.hits += 1
            return self._decoded.get(digest) or self._decode_identity(digest, entry)
        # pop, not del: two threads may find the entry expired at the same time.
        self._entries.pop(digest, None)
        return None

    def put(
        self,
        digest: bytes,
        identity: Identity,
        dependency: CacheDependency,
        generation: int,
        now: float,
    ) -> Identity:
        """
        Cache ``identity``, verified with ``dependency`` at ``generation``, and return it.

        If the dependency has changed since, the entry is invalid from the start.
        """
        if not self._max_entries:
            return identity
        expires_at = min(identity.expires_at, now + self._ttl, dependency.trusted_until)
        if not now < expires_at:
            return identity
        while len(self._entries) >= self._max_entries:
            self._drop_oldest()
        own = _encode(
            (
                identity.subject,
                identity.name,
                identity.token_id,
                float(identity.expires_at),
                self._compressor(identity).compress(identity.claims_json),
            )
        )
        shared = self._share(identity)
        self._entries[digest] = _Entry(expires_at, dependency, generation, shared, own)
        self._decoded.pop(digest, None)
        return identity

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._decoded.clear()

    def _compressor(self, identity: Identity) -> ClaimsCompressor:
        found = self._compressors.get(identity.issuer)
        if found is None:
            made = ClaimsCompressor(identity.claims_json)
            found = self._compressors.setdefault(identity.issuer, made)
        return found

    def _share(self, identity: Identity) -> _Shared:
        shared = (
            identity.issuer,
            identity.client_id,
            identity.scopes,
            identity.roles,
            identity.kind,
        )
        if len(self._shared) >= _MAX_SHARED:
            # Entries keep theirs. Where each caller has its own, sharing saves nothing.
            self._shared.clear()
        return self._shared.setdefault(shared, shared)

    def _drop_oldest(self) -> None:
        # Another thread may have dropped the last one since it was counted.
        with suppress(KeyError):
            self._entries.popitem(last=False)

    def _decode_identity(self, digest: bytes, entry: _Entry) -> Identity:
        issuer, client_id, scopes, roles, kind = entry.shared
        subject, name, token_id, expires_at, compressed = _decode(entry.own)
        identity = Identity(
            issuer=issuer,
            subject=subject,
            client_id=client_id,
            scopes=scopes,
            roles=roles,
            expires_at=expires_at,
            kind=kind,
            name=name,
            token_id=token_id,
            claims_json=self._compressors[issuer].decompress(compressed),
        )
        if len(self._decoded) >= _MAX_DECODED:
            self._decoded.clear()
        self._decoded[digest] = identity
        return identity
