"""The mark that ties a test to a line of a ledger.

``@proves("S84", "refuses")`` says: this test shows that the line refuses what it must refuse.
Lines of ``ledger/security.toml`` are S1 to S233; clauses of the MCP authorization pages are in
``ledger/mcp-authorization.toml``.
"""

from collections.abc import Callable
from typing import Literal, TypeVar

import pytest

T = TypeVar("T", bound=Callable[..., object] | type)
Side = Literal["accepts", "refuses"]


def proves(line: str, side: Side) -> Callable[[T], T]:
    """Mark a test (or a class of tests) as proof of one side of one ledger line."""

    def mark(test: T) -> T:
        marked: T = pytest.mark.proves(line, side)(test)
        return marked

    return mark
