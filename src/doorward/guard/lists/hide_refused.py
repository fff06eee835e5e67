"""Checks at start-up that a guard can hide the operations it refuses."""

from collections.abc import Collection
from itertools import permutations

from doorward.errors import ConfigurationError
from doorward.policy import EVERY, Policy
from doorward.policy.rule_index import literal_prefix
from doorward.wire.jsonrpc.envelope import MIRRORED
from doorward.wire.uri_template import is_template


def require_hideable(policy: Policy) -> None:
    """
    Refuse a policy under which callers can tell a hidden operation from an unknown one.

    The application answers for a name that a rule for many names allows. The guard answers for a
    name that a stricter rule refuses. The two answers differ.

    Raises:
        ConfigurationError: with reason ``cannot-hide``.
    """
    if policy.unknown == "base":
        raise _cannot_hide("Policy(unknown='base') lets the application answer for unknown names.")
    keys = {*policy.rules, *((one.method, one.name or "") for one in policy.offered())}
    for method in MIRRORED:
        names = {name for ruled, name in keys if ruled == method}
        if EVERY in names:
            raise _cannot_hide(f"The rule for {(method, EVERY)!r} lets the application answer.")
        if (found := _overlapping(names)) is not None:
            many, one = found
            raise _cannot_hide(f"{one!r} is also one of the URIs of {many!r}.")


def _overlapping(names: Collection[str]) -> tuple[str, str] | None:
    for many, one in permutations(sorted(names), 2):
        if is_template(many) and one.startswith(literal_prefix(many)):
            return many, one
    return None


def _cannot_hide(problem: str) -> ConfigurationError:
    return ConfigurationError(
        "cannot-hide",
        f"hide_refused=True cannot hide an operation here. {problem}",
        "Write one rule for each tool, prompt and resource, and templates that share no URI.",
    )
