"""Correlation ids, which connect a response to its line in the log."""

import os
from random import Random

SCOPE_KEY = "doorward.correlation_id"
"""The key in the ASGI scope under which a guard leaves the id of the request."""

# An id need not be unguessable, so it does not cost a system call. It is random and not a counter,
# which would tell each caller how many others there are.
_numbers = Random()  # noqa: S311
if hasattr(os, "register_at_fork"):
    # Forked workers would otherwise produce the same ids.
    os.register_at_fork(after_in_child=_numbers.seed)


def new_correlation_id() -> str:
    """Return a new id of sixteen hexadecimal digits."""
    return f"{_numbers.getrandbits(64):016x}"
