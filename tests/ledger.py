"""The mark that ties a test to a line of a ledger.

``@proves("S84", "refuses", "concurrent redemptions")`` says: this test shows that the line refuses
what it must refuse. The title is the ledger's, so a reader need not look the number up.
Lines of ``ledger/security.toml`` are S1 to S236; clauses of the MCP authorization pages are in
``ledger/mcp-authorization.toml``.
"""

from collections.abc import Callable
from typing import Literal, TypeVar

import pytest

T = TypeVar("T", bound=Callable[..., object] | type)
Side = Literal["accepts", "refuses"]


def proves(line: str, side: Side, title: str = "") -> Callable[[T], T]:
    """
    Mark a test (or a class of tests) as proof of one side of one ledger line.

    ``title`` is the title of a line of the security checklist; clauses are named by their ids.
    """

    def mark(test: T) -> T:
        marked: T = pytest.mark.proves(line, side, title)(test)
        return marked

    return mark
