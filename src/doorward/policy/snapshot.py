"""A permission matrix written down, and what has become wider since."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from doorward.errors import ConfigurationError
from doorward.policy.decide import Policy
from doorward.policy.matrix import Matrix, Row, matrix_of, row_of, who
from doorward.policy.rules import EVERY, Operation, Rule

FORMAT = "doorward permissions 1"
_VARIABLE = re.compile(r"\{[^}]*\}")


@dataclass(frozen=True)
class Change:
    """One difference to a snapshot: ``wider`` means that more people may than may be."""

    title: str
    what: Literal["wider", "narrower"]
    sentence: str


def changes(before: Matrix, policy: Policy) -> Iterator[Change]:
    """
    Yield how ``policy`` differs from what was written down, the wideners among them.

    An operation that is new is wider unless whoever may do it could before under another rule. One
    whose rule is gone is judged by the rule that decides it now.
    """
    now = matrix_of(policy)
    here = {(row.method, row.name) for row in now.rows}
    for row in now.rows:
        known = any((one.method, one.name) == (row.method, row.name) for one in before.rows)
        yield from _change(row.title, before.row(row.method, row.name), row, new=not known)
    for row in before.rows:
        if (row.method, row.name) not in here:
            # Variables filled in, so that whatever template now takes the URI is found.
            sample = _VARIABLE.sub("x", row.name)
            found = policy.requirement(Operation(row.method, sample))
            after = None if found is None else row_of(policy, found)
            yield from _change(row.title, row, after, new=False)
    yield from _change(
        "what describes the server", before.conversation, now.conversation, new=False
    )
    yield from _change("everything without a rule", before.rest, now.rest, new=False)


def _change(title: str, before: Row | None, after: Row | None, *, new: bool) -> Iterator[Change]:
    if after is None:
        if before is not None:
            yield Change(title, "narrower", "nobody may any more")
        return
    if before is None:
        yield Change(title, "wider", f"{'is new: ' if new else ''}now {who(after)}; before nobody")
    elif not after.admits_only(before):
        yield Change(title, "wider", f"now {who(after)}; before {who(before)}")
    elif not before.admits_only(after):
        yield Change(title, "narrower", f"now {who(after)}; before {who(before)}")


def document_of(matrix: Matrix) -> dict[str, Any]:
    """Return the matrix as plain data: what ``matrix_in`` reads."""
    return {
        "format": FORMAT,
        "operations": {row.title: _plain(row) for row in matrix.rows},
        "conversation": _plain(matrix.conversation),
        "rest": None if matrix.rest is None else _plain(matrix.rest),
    }


def _plain(row: Row) -> dict[str, Any]:
    told: dict[str, Any] = {
        "scopes": sorted(row.scopes),
        "roles": [sorted(roles) for roles in row.roles],
        "kinds": sorted(row.kinds),
    }
    contained = {scope: sorted(broad) for scope, broad in row.contained_in.items() if broad}
    return {**told, "contained_in": dict(sorted(contained.items()))} if contained else told


def matrix_in(document: Any) -> Matrix:
    """
    Return the matrix that ``document_of`` wrote.

    Raises:
        ConfigurationError: ``not-a-snapshot``.
    """
    try:
        if document["format"] != FORMAT:
            raise KeyError("format")
        rows = tuple(_titled(title, told) for title, told in document["operations"].items())
        rest = document["rest"]
        return Matrix(
            rows=rows,
            conversation=_read("", EVERY, document["conversation"]),
            rest=None if rest is None else _read("", EVERY, rest),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            "not-a-snapshot",
            f"This is not a snapshot of permissions: {error!r}.",
            "Write it anew: doorward who-can module:server --write PATH.",
        ) from None


def _titled(title: str, told: Mapping[str, Any]) -> Row:
    method, _, name = title.partition(" ")
    return _read(method, name or EVERY, told)


def _read(method: str, name: str, told: Mapping[str, Any]) -> Row:
    return Row(
        method=method,
        name=name,
        scopes=frozenset(told["scopes"]),
        roles=tuple(frozenset(roles) for roles in told["roles"]),
        # Read as a rule is, so that an invented kind is no wider than one that exists.
        kinds=Rule(kinds=told["kinds"]).kinds,
        contained_in={
            scope: frozenset(broad) for scope, broad in told.get("contained_in", {}).items()
        },
    )
