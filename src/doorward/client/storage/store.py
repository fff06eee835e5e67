"""What every store of tokens and registrations can do."""

from pathlib import Path
from typing import Any, Protocol

Record = dict[str, Any]


class Store(Protocol):
    """
    Records by key, kept from other users of this machine.

    ``directory`` is where lock files lie. ``location`` says in words where the records are.
    """

    directory: Path
    location: str

    def get(self, key: str) -> Record | None:
        """Return the record under ``key``, or ``None``."""

    def put(self, key: str, record: Record) -> None:
        """Keep ``record`` under ``key``."""

    def delete(self, key: str) -> None:
        """Forget what is under ``key``, if anything."""

    def keys(self) -> tuple[str, ...]:
        """Return every key that has a record."""
