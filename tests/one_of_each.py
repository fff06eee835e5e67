"""Parameters of a large matrix, of which the fast layer runs one case of each kind."""

from collections.abc import Callable, Hashable, Iterable
from typing import Any

import pytest


def one_of_each(cases: Iterable[str], kind_of: Callable[[str], Hashable]) -> list[Any]:
    """Return the cases as parameters: the first of each kind, and the others marked ``slow``."""
    seen = set[Hashable]()
    parameters = list[Any]()
    for case in cases:
        kind = kind_of(case)
        parameters.append(pytest.param(case, marks=pytest.mark.slow) if kind in seen else case)
        seen.add(kind)
    return parameters
