"""Facts about providers: a value with its source, its date, and whether it is verified."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Generic, Literal, TypeVar

T = TypeVar("T")
TokenKind = Literal["jwt", "either", "opaque"]


class Answer(StrEnum):
    """What a cell of the matrix says."""

    YES = "yes"
    PARTLY = "partly"
    OPT_IN = "opt-in"
    EXPERIMENTAL = "experimental"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Fact(Generic[T]):
    """
    Something a provider does.

    ``note`` adds what the value alone does not say. If ``verified`` is false, the source does not
    state it: it was inferred, or is general knowledge, and may be wrong.
    """

    value: T
    source: str
    seen: date
    note: str = ""
    verified: bool = True


@dataclass(frozen=True)
class Source:
    """A source of facts, and the day on which it was read."""

    where: str
    seen: date

    def says(self, value: T, note: str = "") -> Fact[T]:
        """Return ``value`` as a verified fact: this source states it."""
        return Fact(value, self.where, self.seen, note)

    def suggests(self, value: T, note: str = "") -> Fact[T]:
        """Return ``value`` as a fact that is not verified: this source does not state it."""
        return Fact(value, self.where, self.seen, note, verified=False)


UNSOURCED = Source("no source found; general knowledge", date(2026, 11, 21))
"""For facts without a published source. Use it with ``suggests`` only."""


@dataclass(frozen=True, kw_only=True)
class Quirk:
    """
    Where a provider differs from what clients and servers expect.

    ``departs_from`` names the rule. ``remedy`` tells an operator what to do, in the terms of the
    provider's own screens.
    """

    departs_from: str
    fact: Fact[str]
    remedy: Fact[str]


@dataclass(frozen=True, kw_only=True)
class ManualRegistration:
    """
    How an administrator registers a client by hand.

    ``place`` tells where, in the terms of the provider's own screens. ``redirect_uris`` tells how the
    provider compares them.
    """

    place: Fact[str]
    redirect_uris: Fact[str]


EXACTLY = UNSOURCED.suggests("Compared exactly, with the port.")
"""How most providers compare redirect URIs. A client needs a fixed port there."""

OWN_TOKENS = UNSOURCED.suggests(
    "Sign people in with GuardWithSignIn, which issues tokens of its own for this server."
)
"""What to do where a provider's tokens are for the provider alone."""

Cell = Fact[Answer]


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """
    One provider's row: what it supports of what MCP authorization builds on.

    ``pkce`` is about the metadata, because clients look at that.
    """

    pkce: Cell
    rfc8414: Cell
    rfc7591: Cell
    rfc8707: Cell
    oidc: Cell
    cimd: Cell
    rfc9207: Cell
    dpop: Cell
    jwt: Cell
    introspection: Cell
    revocation: Cell


def matrix_of(**known: Cell) -> Matrix:
    """Return a row in which every other cell is unknown."""
    unknown = dict.fromkeys(Matrix.__dataclass_fields__, UNSOURCED.suggests(Answer.UNKNOWN))
    return Matrix(**unknown | known)
