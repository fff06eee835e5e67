"""Statements that SQLAlchemy compiles once, and the driver of the database executes."""

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Dialect, Executable, Insert
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import ExpandedState, SQLCompiler

if TYPE_CHECKING:
    import asyncpg

SQLITE: Dialect = SQLiteDialect_pysqlite(dbapi=sqlite3, paramstyle="qmark")
# More than all modules keep. A statement that was composed for one call must not stay for ever.
_MOST_KEPT = 500

_Convert = Callable[[Any], Any]


class DriverRows:
    """The rows that a statement returned."""

    __slots__ = ("_rows", "rowcount")

    def __init__(self, rows: Sequence[Any], rowcount: int) -> None:
        self._rows = rows
        self.rowcount = rowcount

    def one_or_none(self) -> Any:
        """Return the only row, or ``None``."""
        if len(self._rows) > 1:
            raise ValueError(f"{len(self._rows)} rows, at most one was expected")
        return self._rows[0] if self._rows else None

    def all(self) -> Sequence[Any]:
        """Return every row."""
        return self._rows

    def scalar_one(self) -> Any:
        """Return the first column of the only row."""
        (row,) = self._rows
        return row[0]

    def scalar_one_or_none(self) -> Any:
        """Return the first column of the only row, or ``None``."""
        row = self.one_or_none()
        return None if row is None else row[0]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)


class Statement:
    """One compiled statement: its SQL, and how values go in and come out."""

    __slots__ = ("_columns", "_parameters", "_read_row", "_sql")

    def __init__(self, statement: Executable, dialect: Dialect, names: Sequence[str] = ()) -> None:
        # A kept INSERT has a column for each parameter.
        columns_of = list(names) if names and isinstance(statement, Insert) else None
        compiled = cast(ClauseElement, statement).compile(dialect=dialect, column_keys=columns_of)
        assert isinstance(compiled, SQLCompiler)
        missing = [one.key for one in compiled.binds.values() if one.required]
        if not set(missing) <= set(names) and columns_of is None:
            raise TypeError(f"the statement needs {sorted(missing)}, not {sorted(names)}")
        if compiled.post_compile_params and names:
            raise TypeError("a list of values in a statement cannot be compiled once")
        # Each value of a list has a parameter of its own.
        expanded = compiled.construct_expanded_state(compiled.params)
        self._sql = expanded.statement
        self._parameters = [
            (name, expanded.parameters[name], _to_driver(compiled, expanded, name, dialect))
            for name in expanded.positiontup or ()
        ]
        columns = list(getattr(statement, "exported_columns", ()))
        self._read_row = _row_type([one.key for one in columns]) if columns else None
        self._columns = [
            (position, convert)
            for position, one in enumerate(columns)
            if (convert := _from_driver(one, dialect)) is not None
        ]

    def execute(self, connection: sqlite3.Connection, given: Mapping[str, Any]) -> DriverRows:
        """
        Execute the statement on SQLite, and read all of its rows.

        Raises:
            sqlalchemy.exc.IntegrityError: a constraint refuses the values.
            sqlite3.Error: the database fails.
        """
        try:
            cursor = connection.execute(self._sql, self._values(given))
            if self._read_row is None:
                return DriverRows((), cursor.rowcount)
            found = cursor.fetchall()
        except sqlite3.IntegrityError as error:
            raise IntegrityError(self._sql, None, error) from None
        return self._rows(found, self._read_row)

    async def fetch(
        self, connection: "asyncpg.Connection[Any]", given: Mapping[str, Any]
    ) -> DriverRows:
        """
        Execute the statement on PostgreSQL, and read all of its rows.

        Raises:
            sqlalchemy.exc.IntegrityError: a constraint refuses the values.
            asyncpg.PostgresError, asyncpg.InterfaceError: the database fails.
        """
        values = self._values(given)
        try:
            if self._read_row is not None:
                return self._rows(await connection.fetch(self._sql, *values), self._read_row)
            status = await connection.execute(self._sql, *values)
        except Exception as error:
            # Class 23. The driver is optional, so its classes cannot be named here.
            if str(getattr(error, "sqlstate", ""))[:2] == "23":
                raise IntegrityError(self._sql, None, error) from None
            raise
        # "UPDATE 1", and "INSERT 0 1".
        count = status.rpartition(" ")[2]
        return DriverRows((), int(count) if count.isdigit() else -1)

    def _values(self, given: Mapping[str, Any]) -> list[Any]:
        return [
            given.get(name, default) if convert is None else convert(given.get(name, default))
            for name, default, convert in self._parameters
        ]

    def _rows(self, found: Sequence[Any], read_row: Callable[[Sequence[Any]], Any]) -> DriverRows:
        if self._columns:
            found = [self._converted(row) for row in found]
        return DriverRows([read_row(row) for row in found], len(found))

    def _converted(self, row: Sequence[Any]) -> list[Any]:
        values = list(row)
        for position, convert in self._columns:
            values[position] = convert(values[position])
        return values


def _row_type(names: Sequence[str]) -> Callable[[Sequence[Any]], Any]:
    columns = list(names)
    row: Any = namedtuple("Row", columns, rename=True)  # type: ignore[misc]  # noqa: PYI024
    make: Callable[[Sequence[Any]], Any] = row._make
    return make


class Statements:
    """The statements that were compiled for one kind of database."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._kept: dict[tuple[Any, ...], Statement] = {}

    def compiled(self, statement: Executable, names: Mapping[str, Any] | None) -> Statement:
        """
        Return the statement for parameters of these names, compiled at its first use.

        Without names, the values are in the statement: it was composed for one call, and is not kept.
        """
        if names is None:
            return Statement(statement, self._dialect)
        key = (statement, *names)
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            found = self._kept[key] = Statement(statement, self._dialect, tuple(names))
        return found


def _to_driver(
    compiled: SQLCompiler, expanded: ExpandedState, name: str, dialect: Dialect
) -> _Convert | None:
    parameter = compiled.binds.get(name)
    if parameter is None:
        convert: Any = expanded.processors.get(name)
    else:
        convert = parameter.type.dialect_impl(dialect).bind_processor(dialect)
    return cast("_Convert | None", convert)


def _from_driver(column: Any, dialect: Dialect) -> _Convert | None:
    if dialect.name == "postgresql":
        # Its driver returns Python's types, and SQLAlchemy has told it how to read JSON.
        return None
    kind = column.type.dialect_impl(dialect)
    convert: _Convert | None = kind.result_processor(dialect, None)
    return convert
