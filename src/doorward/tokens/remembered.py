"""Tokens that were verified a moment ago."""

from collections import OrderedDict
from contextlib import suppress
from typing import Protocol

import msgspec

from doorward.identity import Identity


class Basis(Protocol):
    """What a finding rests on: an issuer's keys, what an issuer said, the list of API keys."""

    @property
    def generation(self) -> int:
        """A number that changes when nothing holds any more that was found before."""

    @property
    def trusted_until(self) -> float:
        """Until when, in seconds since 1970, a finding of now may be used without asking again."""


class _Entry(msgspec.Struct, frozen=True, gc=False):
    """Until when, whose keys, at which generation of them, and who it was."""

    # Not tracked by the garbage collector, which would otherwise walk ten thousand of them.
    until: float
    source: Basis
    generation: int
    identity: Identity


class Remembered:
    """
    Identities by the SHA-256 of their token; the token itself is not kept.

    At most ``entries`` of them, the oldest going first; 0 keeps none. An entry is over with its
    token, after ``ttl`` seconds, when its issuer's keys must be asked for again, and as soon as
    they have changed, whichever comes first. Refusals are not remembered.
    """

    def __init__(self, *, entries: int, ttl: float) -> None:
        self._most = entries if ttl > 0 else 0
        self._ttl = ttl
        # Ordered, because the first of a plain dict is found by walking over all that were first
        # before it.
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()

    @property
    def is_off(self) -> bool:
        """Whether nothing is ever remembered."""
        return not self._most

    def __len__(self) -> int:
        return len(self._entries)

    def recall(self, digest: bytes, now: float) -> Identity | None:
        """Return whose token this is, when that was found out and still holds."""
        entry = self._entries.get(digest)
        if entry is None:
            return None
        if now < entry.until and entry.source.generation == entry.generation:
            return entry.identity
        # pop, not del: two threads may find it over at the same time.
        self._entries.pop(digest, None)
        return None

    def keep(
        self, digest: bytes, identity: Identity, source: Basis, generation: int, now: float
    ) -> None:
        """
        Remember ``identity``, verified with the keys that ``source`` had at ``generation``.

        When they have changed since, the entry is over before it is first recalled.
        """
        if not self._most:
            return
        until = min(identity.expires_at, now + self._ttl, source.trusted_until)
        if not now < until:
            return
        while len(self._entries) >= self._most:
            self._drop_oldest()
        self._entries[digest] = _Entry(until, source, generation, identity)

    def _drop_oldest(self) -> None:
        # Another thread may have dropped the last one since it was counted.
        with suppress(KeyError):
            self._entries.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
