"""Ids by which a refusal that somebody was shown is found again in the log."""

import os
from random import Random

# Nobody gains anything by guessing one, so the kernel is not asked for each. Random rather than
# counted: a count would tell every caller how many others there are.
_numbers = Random()  # noqa: S311
if hasattr(os, "register_at_fork"):
    # Workers that a server forks would otherwise all give the same ids.
    os.register_at_fork(after_in_child=_numbers.seed)


def new_correlation_id() -> str:
    """Return sixteen hexadecimal digits that nothing else in the log has."""
    return _numbers.randbytes(8).hex()
