"""The last decisions of the guard, kept for the tool that shows them."""

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

Entry = TypeVar("Entry")


class Journal(Generic[Entry]):
    """A bounded list of entries: the newest ``capacity`` are kept, older ones are dropped."""

    def __init__(self, capacity: int = 500) -> None:
        self._entries: deque[Entry] = deque(maxlen=capacity)

    def write(self, entry: Entry) -> None:
        """Add one entry."""
        self._entries.append(entry)

    def newest_first(self) -> Iterator[Entry]:
        """Give the entries, the newest first."""
        return reversed(self._entries)
