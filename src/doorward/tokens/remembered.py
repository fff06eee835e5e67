"""Tokens that were verified a moment ago."""

from doorward.identity import Identity
from doorward.tokens.source import KeySource

# Until when, whose keys, at which generation of them, and who it was.
_Entry = tuple[float, KeySource, int, Identity]


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
        self._entries: dict[bytes, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def recall(self, digest: bytes, now: float) -> Identity | None:
        """Return whose token this is, when that was found out and still holds."""
        entry = self._entries.get(digest)
        if entry is None:
            return None
        until, source, generation, identity = entry
        if now < until and source.generation == generation:
            return identity
        # pop, not del: two threads may find it over at the same time.
        self._entries.pop(digest, None)
        return None

    def keep(
        self, digest: bytes, identity: Identity, source: KeySource, generation: int, now: float
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
            self._entries.pop(next(iter(self._entries)), None)
        self._entries[digest] = (until, source, generation, identity)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
