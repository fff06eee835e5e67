"""The last sign-in attempts of this process, in memory and bounded in every direction."""

import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import msgspec

from doorward.correlation_id import new_correlation_id
from doorward.operations.story.hop import CODE, Attempt, Hop, Step, Tie
from doorward.operations.story.notes import TieValue

_CONTINUED_WITHIN = 600.0
_BEFORE_SIGN_IN: frozenset[Step] = frozenset(
    {"challenge", "resource-metadata", "server-metadata", "registration"}
)
# A client may read metadata again at any time, so that proves no new attempt.
_BEGINS: frozenset[Step] = frozenset({"challenge", "authorization"})
_OVERHEAD = 300
_MOST_TIES = 64


@dataclass(kw_only=True)
class _Open:
    """An attempt to which hops are added."""

    id: str
    began_at: float
    source: str
    last_at: float
    hops: list[Hop] = field(default_factory=list)
    steps: set[Step] = field(default_factory=set)
    ties: set[bytes] = field(default_factory=set)
    client_id: str = ""
    client_name: str = ""
    user: str = ""
    awaits_token: bool = False
    dropped: int = 0
    size: int = _OVERHEAD

    def seen(self) -> Attempt:
        return Attempt(
            id=self.id,
            began_at=self.began_at,
            hops=tuple(sorted(self.hops, key=lambda hop: hop.began)),
            client_id=self.client_id,
            client_name=self.client_name,
            user=self.user,
            dropped=self.dropped,
        )

    def waits_for(self, step: Step) -> bool:
        """Return whether the next step of this attempt can be ``step``, by what has happened."""
        if step == "authorization":
            return "authorization" not in self.steps
        return step == "token" and self.awaits_token

    def continues_with(self, step: Step, ties: Sequence[bytes], client_id: str, now: float) -> bool:
        """Return whether ``step`` from the same address can belong to this attempt."""
        if ties and self.ties:
            # What is proved elsewhere, such as the sign-in of somebody else.
            return False
        if now - self.last_at > _CONTINUED_WITHIN or "call" in self.steps:
            return False
        if step in _BEGINS and "authorization" in self.steps:
            return False
        return not self.client_id or client_id in ("", self.client_id)


class Attempts:
    """
    Keeps the hops of the last sign-in attempts, for operators.

    At most ``most`` attempts are kept, ``per_source`` of one network address, each with ``hops`` hops,
    ``most_bytes`` together, and none longer than ``age`` seconds. Attempts in which somebody signed in
    make room only for others of that kind: a stranger cannot push them out. Of the strangers' attempts,
    the oldest of the busiest address goes first.

    They are in the memory of this process. Another replica has its own, and a restart forgets them.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        most: int = 100,
        per_source: int = 20,
        hops: int = 60,
        most_bytes: int = 1024 * 1024,
        age: float = 3600.0,
    ) -> None:
        self._clock = clock
        self._most = most
        self._per_source = per_source
        self._hops = hops
        self._most_bytes = most_bytes
        self._age = age
        # Ties are secrets, such as the handle of a transaction: only hashes with this key are kept.
        self._key = os.urandom(32)
        self._attempts: dict[str, _Open] = {}
        self._by_tie: dict[bytes, _Open] = {}
        self._bytes = 0

    def now(self) -> float:
        """Return the time by the clock of the hops."""
        return self._clock()

    def all(self) -> tuple[Attempt, ...]:
        """Return the attempts, the newest first."""
        self._expire()
        return tuple(one.seen() for one in reversed(self._attempts.values()))

    def find(self, attempt_id: str) -> Attempt | None:
        """Return one attempt, or ``None`` if it was never there or has made room."""
        self._expire()
        found = self._attempts.get(attempt_id)
        return None if found is None else found.seen()

    def add(
        self,
        hops: Sequence[Hop],
        *,
        source: str,
        ties: Iterable[TieValue] = (),
        client_id: str = "",
        client_name: str = "",
        user: str = "",
    ) -> None:
        """
        Add a request, the first of ``hops``, with the requests that it caused, to its attempt.

        ``source`` is the key of the sender's network address. The request belongs where one of ``ties`` is known, else where the client waits for this step, else to
        the last attempt from this address that it can continue, else to a new one.
        """
        self._expire()
        step = hops[0].step
        hashed = [self._hashed(tie) for tie in ties]
        found, tie = self._attempt_for(step, source, hashed, client_id, user)
        if found is None:
            found = self._begin(source)
        found.last_at = self._clock()
        found.client_id = found.client_id or client_id
        found.client_name = found.client_name or client_name
        found.user = found.user or user
        if len(found.ties) < _MOST_TIES:
            found.ties.update(hashed)
            self._by_tie.update(dict.fromkeys(hashed, found))
        for hop in hops:
            self._append(found, msgspec.structs.replace(hop, tie=tie))
        if not hops[0].is_refused:
            found.steps.add(step)
            found.awaits_token = CODE in hops[0].answered or (
                found.awaits_token and step != "token"
            )
        self._make_room()

    def _attempt_for(
        self, step: Step, source: str, ties: Sequence[bytes], client_id: str, user: str
    ) -> tuple[_Open | None, Tie]:
        for tie in ties:
            if (known := self._by_tie.get(tie)) is not None:
                return known, "proved"
        everyone = self._attempts.values()
        if step == "call" and user:
            # A later token of an issuer elsewhere, whose grants have no name here.
            same = [one for one in everyone if (one.user, one.client_id) == (user, client_id)]
            if same:
                return same[-1], "client"
        if client_id:
            # Installations of one application can share an id: two that wait prove nothing.
            waiting = [
                one for one in everyone if one.client_id == client_id and one.waits_for(step)
            ]
            if len(waiting) == 1:
                return waiting[0], "client"
        now = self._clock()
        for one in reversed(everyone):
            if one.source == source and one.continues_with(step, ties, client_id, now):
                return one, "address"
        return None, "proved"

    def _begin(self, source: str) -> _Open:
        mine = [one for one in self._attempts.values() if one.source == source and not one.user]
        if len(mine) >= self._per_source:
            self._drop(mine[0])
        now = self._clock()
        begun = _Open(id=new_correlation_id()[:8], began_at=now, last_at=now, source=source)
        self._attempts[begun.id] = begun
        self._bytes += begun.size
        return begun

    def _append(self, attempt: _Open, hop: Hop) -> None:
        last = attempt.hops[-1] if attempt.hops else None
        if last is not None and hop.repeats(last):
            if hop.step == "call" and not hop.is_refused:
                # Only the first calls come here, so their number would say nothing.
                return
            attempt.hops[-1] = msgspec.structs.replace(last, times=last.times + 1)
            return
        if len(attempt.hops) >= self._hops:
            self._resize(attempt, -_size(attempt.hops.pop(_expendable(attempt.hops))))
            attempt.dropped += 1
        attempt.hops.append(hop)
        self._resize(attempt, _size(hop))

    def _resize(self, attempt: _Open, by: int) -> None:
        attempt.size += by
        self._bytes += by

    def _make_room(self) -> None:
        while len(self._attempts) > self._most or self._bytes > self._most_bytes:
            signed_in = [one for one in self._attempts.values() if one.user]
            strangers = [one for one in self._attempts.values() if not one.user]
            half = len(signed_in) * 2 > self._most or not strangers
            self._drop(_oldest_of_busiest(signed_in if half else strangers))

    def _expire(self) -> None:
        now = self._clock()
        over = deque[_Open]()
        for one in self._attempts.values():
            # They are in the order of their beginning.
            if now - one.began_at <= self._age:
                break
            over.append(one)
        for one in over:
            self._drop(one)

    def _drop(self, attempt: _Open) -> None:
        del self._attempts[attempt.id]
        self._bytes -= attempt.size
        for tie in attempt.ties:
            if self._by_tie.get(tie) is attempt:
                del self._by_tie[tie]

    def _hashed(self, tie: TieValue) -> bytes:
        return blake2b("\n".join(tie).encode(), key=self._key, digest_size=16).digest()


def _oldest_of_busiest(attempts: Sequence[_Open]) -> _Open:
    counts = Counter(one.user or one.source for one in attempts)
    busiest = max(counts.values())
    return next(one for one in attempts if counts[one.user or one.source] == busiest)


def _expendable(hops: Sequence[Hop]) -> int:
    # Whoever shares an address must not push out what is proved. Of the rest, the beginning says what
    # the client is, and the end where it stopped.
    unproved = [number for number, hop in enumerate(hops) if hop.tie == "address"]
    candidates = unproved or range(len(hops))
    return candidates[len(candidates) // 2]


def _size(hop: Hop) -> int:
    return _OVERHEAD + sum(len(one) for one in (*hop.sent, *hop.answered))
