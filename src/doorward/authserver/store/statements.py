"""Statements that SQLAlchemy compiles once, and the driver of SQLite executes."""

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Executable, Insert
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

DIALECT = SQLiteDialect_pysqlite(dbapi=sqlite3, paramstyle="qmark")
# More than all modules keep. A statement that was composed for one call must not stay for ever.
_MOST_KEPT = 500

_Convert = Callable[[Any], Any]


class SQLiteRows:
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

    def __init__(self, statement: Executable, names: Sequence[str] = ()) -> None:
        # A kept INSERT has a column for each parameter.
        columns_of = list(names) if names and isinstance(statement, Insert) else None
        compiled = cast(ClauseElement, statement).compile(dialect=DIALECT, column_keys=columns_of)
        assert isinstance(compiled, SQLCompiler)
        if len(compiled.post_compile_params) > 0:
            raise TypeError("a list of values in a statement cannot be compiled once")
        missing = [one.key for one in compiled.binds.values() if one.required]
        if not set(missing) <= set(names) and columns_of is None:
            raise TypeError(f"the statement needs {sorted(missing)}, not {sorted(names)}")
        self._sql = str(compiled)
        given = compiled.params
        self._parameters = [
            (name, given[name], _to_driver(compiled.binds[name]))
            for name in compiled.positiontup or ()
        ]
        columns = list(getattr(statement, "exported_columns", ()))
        self._read_row = _row_type([one.key for one in columns]) if columns else None
        self._columns = [
            (position, convert)
            for position, one in enumerate(columns)
            if (convert := _from_driver(one)) is not None
        ]

    def execute(self, connection: sqlite3.Connection, given: Mapping[str, Any]) -> SQLiteRows:
        """
        Execute the statement, and read all of its rows.

        Raises:
            sqlalchemy.exc.IntegrityError: a constraint refuses the values.
            sqlite3.Error: the database fails.
        """
        values = [
            given.get(name, default) if convert is None else convert(given.get(name, default))
            for name, default, convert in self._parameters
        ]
        try:
            cursor = connection.execute(self._sql, values)
            if self._read_row is None:
                return SQLiteRows((), cursor.rowcount)
            found = cursor.fetchall()
        except sqlite3.IntegrityError as error:
            raise IntegrityError(self._sql, None, error) from None
        if self._columns:
            found = [self._converted(row) for row in found]
        return SQLiteRows([self._read_row(row) for row in found], len(found))

    def _converted(self, row: tuple[Any, ...]) -> list[Any]:
        values = list(row)
        for position, convert in self._columns:
            values[position] = convert(values[position])
        return values


def _row_type(names: Sequence[str]) -> Callable[[Sequence[Any]], Any]:
    columns = list(names)
    row: Any = namedtuple("Row", columns, rename=True)  # type: ignore[misc]  # noqa: PYI024
    make: Callable[[Sequence[Any]], Any] = row._make
    return make


_kept: dict[tuple[Any, ...], Statement] = {}


def compiled_once(statement: Executable, names: Mapping[str, Any]) -> Statement:
    """Return the statement for parameters of these names, compiled at its first use."""
    key = (statement, *names)
    found = _kept.get(key)
    if found is None:
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        found = _kept[key] = Statement(statement, tuple(names))
    return found


def _to_driver(parameter: Any) -> _Convert | None:
    convert: _Convert | None = parameter.type.dialect_impl(DIALECT).bind_processor(DIALECT)
    return convert


def _from_driver(column: Any) -> _Convert | None:
    convert: _Convert | None = column.type.dialect_impl(DIALECT).result_processor(DIALECT, None)
    return convert
