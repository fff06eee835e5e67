"""What a transaction sees of the database: a connection, and the rows of a statement."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
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


class Transactions(Protocol):
    """Runs transactions on the driver of a database itself."""

    async def read(self, work: Work[T]) -> T:
        """Return what ``work`` returns; it sees committed rows, and nothing that it writes is kept."""
        ...

    async def look_up(self, work: Work[T]) -> T:
        """Return what ``work`` returns; it executes one SELECT."""
        ...

    async def write(self, work: Work[T]) -> T:
        """Return what ``work`` returns, once it is committed."""
        ...

    async def write_at_once(self, work: Work[T]) -> T:
        """Return what ``work`` returns; it executes one statement, which is committed by itself."""
        ...

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Keep other writers of this process out, on a database with one writer at a time."""
        ...

    def connections(self) -> tuple[int, int]:
        """Return how many connections of a pool are in use, and how many are idle."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...
