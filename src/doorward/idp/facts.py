"""The shape of what is known: a value, where it was read, when, and whether that was verified."""

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
    Something that a provider does.

    ``note`` says what the value alone does not. When ``verified`` is false, the source does not say
    it outright: it was inferred, or is general knowledge, and may be wrong.
    """

    value: T
    source: str
    seen: date
    note: str = ""
    verified: bool = True


@dataclass(frozen=True)
class Source:
    """Somewhere that facts were read, and the day on which they were."""

    where: str
    seen: date

    def says(self, value: T, note: str = "") -> Fact[T]:
        """Return ``value`` as a fact that this source states."""
        return Fact(value, self.where, self.seen, note)

    def suggests(self, value: T, note: str = "") -> Fact[T]:
        """Return ``value`` as a claim that this source does not state outright."""
        return Fact(value, self.where, self.seen, note, verified=False)


UNSOURCED = Source("no source found; general knowledge", date(2026, 11, 21))
"""For claims that nobody published where we looked; only ever ``suggests``."""


@dataclass(frozen=True, kw_only=True)
class Quirk:
    """
    Where a provider does something else than clients and servers expect.

    ``departs_from`` names what it differs from. ``remedy`` is what an operator does, in the words
    of the provider's own screens.
    """

    departs_from: str
    fact: Fact[str]
    remedy: Fact[str]


Cell = Fact[Answer]


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """
    One provider's row: what it supports of what the MCP authorization pages build on.

    ``pkce`` is about what the metadata says, because that is what clients look at.
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
