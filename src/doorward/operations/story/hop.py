"""One request of a sign-in and its answer, and the attempt that it belongs to."""

from itertools import count
from typing import Literal

import msgspec

Party = Literal["browser", "client", "guard", "server", "provider"]
Step = Literal[
    "challenge",
    "resource-metadata",
    "server-metadata",
    "registration",
    "authorization",
    "sign-in",
    "account-switch",
    "to-provider",
    "callback",
    "provider-call",
    "consent-page",
    "consent",
    "token",
    "refresh",
    "revocation",
    "call",
]
Tie = Literal["proved", "client", "address"]
"""
What ties a hop to its attempt.

``proved`` is a transaction, a grant or a token of the attempt. ``client`` is the client's id, if only
one attempt waits for this step. ``address`` is the network address alone.
"""

CODE = "a code"
ISSUED = "an access token"

_ticks = count()


def next_tick() -> int:
    """Return a number above all earlier ones: two events of one clock reading have an order too."""
    return next(_ticks)


class Hop(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """
    One request and its answer.

    ``began`` and ``ended`` are ticks, which give the order; ``time`` is in seconds since 1970.
    ``path`` is a route, never the path of a request. ``sent`` and ``answered`` are words and facts
    that ``admitted`` has let through. ``status`` is 0 if no answer came. ``times`` counts equal hops in
    a row.
    """

    step: Step
    sender: Party
    receiver: Party
    time: float
    began: int
    ended: int
    method: str
    path: str
    status: int
    sent: tuple[str, ...] = ()
    answered: tuple[str, ...] = ()
    reason: str = ""
    correlation_id: str = ""
    tie: Tie = "proved"
    times: int = 1

    @property
    def is_refused(self) -> bool:
        """Whether the receiver refused, or did not answer; a challenge is how a sign-in begins."""
        if self.step == "challenge" and self.status == 401:
            return False
        return self.status >= 400 or self.status == 0 or bool(self.reason)

    def repeats(self, other: "Hop") -> bool:
        """Return whether this is ``other`` once more."""
        return _content(self) == _content(other)


def _content(hop: Hop) -> tuple[object, ...]:
    return (hop.step, hop.sender, hop.receiver, hop.status, hop.reason, hop.sent, hop.answered)


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """
    One attempt to connect, from the first refused call on.

    ``user`` is the subject of the tokens, and empty until somebody signed in. ``dropped`` counts the
    hops that did not fit.
    """

    id: str
    began_at: float
    hops: tuple[Hop, ...]
    client_id: str = ""
    client_name: str = ""
    user: str = ""
    dropped: int = 0

    @property
    def correlation_ids(self) -> frozenset[str]:
        """The ids under which the log has the hops of this attempt."""
        return frozenset(hop.correlation_id for hop in self.hops if hop.correlation_id)
