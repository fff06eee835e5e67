"""The interface of a store for tokens and registrations."""

from pathlib import Path
from typing import Any, Protocol

Record = dict[str, Any]


class Store(Protocol):
    """
    Records by key, protected from other users of this machine.

    ``directory`` is the folder for lock files. ``location`` describes where the records are.
    """

    directory: Path
    location: str

    def get(self, key: str) -> Record | None:
        """Return the record under ``key``, or ``None``."""

    def put(self, key: str, record: Record) -> None:
        """Store ``record`` under ``key``."""

    def delete(self, key: str) -> None:
        """Delete the record under ``key``, if any."""

    def keys(self) -> tuple[str, ...]:
        """Return every key that has a record."""
