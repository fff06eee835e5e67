"""What a transaction sees of the database: a connection, and the rows of a statement."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy import Dialect, Executable

T = TypeVar("T")


class Rows(Protocol):
    """The rows that a statement returns; their columns are attributes."""

    @property
    def rowcount(self) -> int:
        """How many rows the statement changed."""
        ...

    def one_or_none(self) -> Any:
        """Return the only row, or ``None``."""
        ...

    def all(self) -> Sequence[Any]:
        """Return every row."""
        ...

    def scalar_one(self) -> Any:
        """Return the first column of the only row."""
        ...

    def scalar_one_or_none(self) -> Any:
        """Return the first column of the only row, or ``None``."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """
    A connection inside of a transaction.

    A statement that is executed with ``parameters`` is compiled once for each database, so keep it
    in a module: ``execute(_FIND, {"the_id": id})``. One without is composed for this call.
    """

    @property
    def dialect(self) -> Dialect:
        """The dialect of the database."""
        ...

    async def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | None = None, /
    ) -> Rows:
        """Execute a statement, and return its rows."""
        ...


Work = Callable[[Connection], Awaitable[T]]
"""
One transaction. It awaits nothing but its connection, because others wait for its end.

A refusal that must keep what was written is returned, and raised after the commit.
"""
