"""Tokens that were verified a moment ago."""

from collections import OrderedDict
from contextlib import suppress
from typing import Protocol

import msgspec

from doorward.identity import Identity, Kind
from doorward.tokens.claims_compression import ClaimsCompressor


class CacheBasis(Protocol):
    """What a finding rests on: an issuer's keys, what an issuer said, the list of API keys."""

    @property
    def generation(self) -> int:
        """A number that changes when nothing holds any more that was found before."""

    @property
    def trusted_until(self) -> float:
        """Until when, in seconds since 1970, a finding of now may be used without asking again."""


# What many callers have in common, kept once for all of them: issuer, client, scopes, roles, kind.
_Shape = tuple[str, str | None, frozenset[str], frozenset[str], Kind]


class _Entry(msgspec.Struct, frozen=True, gc=False):
    """Until when, on what it rests, at which generation of that, and who it was."""

    # Not tracked by the garbage collector, which would otherwise walk ten thousand of them.
    until: float
    source: CacheBasis
    generation: int
    shape: _Shape
    own: bytes


# A caller's own part: subject, name, token id, end, and claims. As bytes it takes half the room that
# five objects do, and reading it takes a microsecond.
_write = msgspec.msgpack.Encoder().encode
_read = msgspec.msgpack.Decoder(tuple[str, str | None, str | None, float, bytes]).decode
_MOST_SHAPES = 1024
_MOST_AT_HAND = 256


class VerifiedTokenCache:
    """
    Identities by the SHA-256 of their token; the token itself is not kept.

    At most ``entries`` of them, the oldest going first; 0 keeps none. An entry is over with its
    token, after ``ttl`` seconds, when its issuer's keys must be asked for again, and as soon as
    they have changed, whichever comes first; and when the clock was set back behind its beginning,
    which would otherwise make it last for as much longer. Refusals are not remembered.

    Ten thousand take less than 5 MB: what callers have in common is kept once, and claims are kept as
    what they do not share with the first ones of their issuer.
    """

    def __init__(self, *, entries: int, ttl: float) -> None:
        self._most = entries if ttl > 0 else 0
        # Whether nothing is ever remembered, so that no token needs to be hashed.
        self.is_off = not self._most
        self._ttl = ttl
        # Ordered, because the first of a plain dict is found by walking over all that were first
        # before it.
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self._shapes: dict[_Shape, _Shape] = {}
        # By issuer: the first of its claims are the pattern of all others.
        self._compressors: dict[str, ClaimsCompressor] = {}
        # The callers of this moment, unpacked. Only ever read beside an entry that still holds.
        self._at_hand: dict[bytes, Identity] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def recall(self, digest: bytes, now: float) -> Identity | None:
        """Return whose token this is, when that was found out and still holds."""
        entry = self._entries.get(digest)
        if entry is None:
            return None
        until = entry.until
        if until - self._ttl <= now < until and entry.source.generation == entry.generation:
            return self._at_hand.get(digest) or self._unpack(digest, entry)
        # pop, not del: two threads may find it over at the same time.
        self._entries.pop(digest, None)
        return None

    def _compress(self, issuer: str, claims_json: bytes) -> bytes:
        compressor = self._compressors.get(issuer)
        if compressor is None:
            compressor = self._compressors.setdefault(issuer, ClaimsCompressor(claims_json))
        return compressor.compress(claims_json)

    def keep(
        self, digest: bytes, identity: Identity, source: CacheBasis, generation: int, now: float
    ) -> Identity:
        """
        Remember ``identity``, verified with the keys that ``source`` had at ``generation``.

        When they have changed since, the entry is over before it is first recalled. Returns
        ``identity``.
        """
        if not self._most:
            return identity
        until = min(identity.expires_at, now + self._ttl, source.trusted_until)
        if not now < until:
            return identity
        while len(self._entries) >= self._most:
            self._drop_oldest()
        own = _write(
            (
                identity.subject,
                identity.name,
                identity.token_id,
                float(identity.expires_at),
                self._compress(identity.issuer, identity.claims_json),
            )
        )
        shape = self._shape(identity)
        self._entries[digest] = _Entry(until, source, generation, shape, own)
        self._at_hand.pop(digest, None)
        return identity

    def _unpack(self, digest: bytes, entry: _Entry) -> Identity:
        identity = _identity(entry, self._compressors[entry.shape[0]])
        if len(self._at_hand) >= _MOST_AT_HAND:
            self._at_hand.clear()
        self._at_hand[digest] = identity
        return identity

    def _shape(self, identity: Identity) -> _Shape:
        shape = (
            identity.issuer,
            identity.client_id,
            identity.scopes,
            identity.roles,
            identity.kind,
        )
        if len(self._shapes) >= _MOST_SHAPES:
            # Entries hold on to theirs; where every caller has one of its own, sharing saves nothing.
            self._shapes.clear()
        return self._shapes.setdefault(shape, shape)

    def _drop_oldest(self) -> None:
        # Another thread may have dropped the last one since it was counted.
        with suppress(KeyError):
            self._entries.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._at_hand.clear()


def _identity(entry: _Entry, compressor: ClaimsCompressor) -> Identity:
    issuer, client_id, scopes, roles, kind = entry.shape
    subject, name, token_id, expires_at, compressed = _read(entry.own)
    return Identity(
        issuer=issuer,
        subject=subject,
        client_id=client_id,
        scopes=scopes,
        roles=roles,
        expires_at=expires_at,
        kind=kind,
        name=name,
        token_id=token_id,
        claims_json=compressor.decompress(compressed),
    )
