"""Snapshots of a permission matrix, and the permissions that became wider since."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from doorward.errors import ConfigurationError
from doorward.policy.decide import Policy
from doorward.policy.matrix import Matrix, Row, matrix_of, row_of, who
from doorward.policy.rule_index import literal_prefix
from doorward.policy.rules import EVERY, REACHES, Operation, Rule

FORMAT = "doorward permissions 1"
# A URI for which nobody writes a rule.
_OTHER_URI = "other-resource://x"
_VARIABLE = re.compile(r"\{[^}]*\}")


@dataclass(frozen=True)
class Change:
    """One difference to a snapshot; ``wider`` means that more callers are allowed."""

    title: str
    what: Literal["wider", "narrower"]
    sentence: str


def changes(before: Matrix, policy: Policy) -> Iterator[Change]:
    """
    Yield every difference between the snapshot ``before`` and ``policy``, wider or narrower.

    A new operation is wider, unless an earlier rule allowed the same callers. An operation whose
    rule was removed is compared with the rule that now decides it.
    """
    now = matrix_of(policy)
    for row in now.rows:
        known = (row.method, row.name) in _names(before)
        yield from _change(row.title, _row_before(row, before, now), row, new=not known)
    for row in before.rows:
        if (row.method, row.name) not in _names(now):
            yield from _change(row.title, row, _row_now(policy, row.method, row.name), new=False)
            yield from _widened_by_removed_template(row, before, policy)
    yield from _widened_through_other_methods(before, now, policy)
    yield from _widened_for_other_resources(before, now, policy)
    yield from _change(
        "what describes the server", before.conversation, now.conversation, new=False
    )
    yield from _change("everything without a rule", before.rest, now.rest, new=False)


def _widened_by_removed_template(row: Row, before: Matrix, policy: Policy) -> Iterator[Change]:
    """Yield what a removed template refused before: URIs that share its prefix and do not fit it."""
    if row.template is not None:
        start = literal_prefix(row.name)
        later = _row_now(policy, row.method, start)
        found = _change(f"{row.title} (other URIs that begin with {start})",
                        before.row(row.method, start), later, new=False)  # fmt: skip
        yield from (one for one in found if one.what == "wider")


def _names(matrix: Matrix) -> set[tuple[str, str]]:
    return {(row.method, row.name) for row in matrix.rows}


def _row_now(policy: Policy, method: str, name: str) -> Row | None:
    found = policy.requirement(Operation(method, _sample_uri(name)))
    return None if found is None else row_of(policy, found)


def _sample_uri(name: str) -> str:
    """Return a URI that fits the template ``name``, to look up the rule that decides it now."""
    return _VARIABLE.sub("x", name)


def _row_before(row: Row, before: Matrix, now: Matrix) -> Row | None:
    """Return the row that decided the operation of ``row`` before."""
    if (row.method, row.name) in _names(before):
        return before.row(row.method, row.name)
    others: list[Row] = []
    # A new rule for many names can replace removed templates and rules of the methods it reaches.
    # It is compared with the strictest of them.
    if row.template is not None:
        gone = _names(before) - _names(now)
        others += [one for one in before.rows if one.template and one.method == row.method
                   and (one.method, one.name) in gone]  # fmt: skip
    if row.template is not None or row.name == EVERY:
        others += [one for one in before.rows if one.method in REACHES.get(row.method, ())]
    return before.strictest(row.method, row.name, others)


def _widened_through_other_methods(before: Matrix, now: Matrix, policy: Policy) -> Iterator[Change]:
    """Yield what became wider for methods that the rules of other methods decide."""
    named = _names(before) | _names(now)
    for method, targets in REACHES.items():
        for name in sorted({name for target, name in named if target in targets}):
            if (method, name) not in named:
                earlier, later = (
                    before.row(method, _sample_uri(name)),
                    _row_now(policy, method, name),
                )
                if later is not None and not _target_is_wider(before, now, policy, targets, name):
                    found = _change(f"{method} {name}", earlier, later, new=False)
                    yield from (one for one in found if one.what == "wider")


def _target_is_wider(
    before: Matrix, now: Matrix, policy: Policy, targets: tuple[str, ...], name: str
) -> bool:
    """Return whether a target itself became wider, and is reported under its own name."""
    return any(
        change.what == "wider"
        for target in targets
        if (target, name) in _names(before) | _names(now)
        for change in _change(
            name, before.row(target, _sample_uri(name)), _row_now(policy, target, name), new=False
        )
    )


def _widened_for_other_resources(before: Matrix, now: Matrix, policy: Policy) -> Iterator[Change]:
    """
    Yield what became wider for resources without a rule, by a method that reaches prompts as well.

    The row of such a method's "*" says who may do it for prompts.
    """
    ruled = {row.method for row in (*before.rows, *now.rows)}
    for method, targets in REACHES.items():
        # Without a rule of its own, the rules of the targets decide, and they are reported.
        if len(targets) > 1 and method in ruled:
            earlier = before.row(method, _OTHER_URI)
            found = _change(f"{method} (other resources)", earlier,
                            _row_now(policy, method, _OTHER_URI), new=False)  # fmt: skip
            yield from (one for one in found if one.what == "wider")


def _change(title: str, before: Row | None, after: Row | None, *, new: bool) -> Iterator[Change]:
    before = before if before is not None and before.kinds else None
    if after is None or not after.kinds:
        if before is not None:
            yield Change(title, "narrower", "nobody may any more")
        return
    if before is None:
        yield Change(title, "wider", f"{'is new: ' if new else ''}now {who(after)}; before nobody")
    elif not after.admits_only(before):
        yield Change(title, "wider", f"now {who(after)}; before {who(before)}")
    elif not before.admits_only(after):
        yield Change(title, "narrower", f"now {who(after)}; before {who(before)}")
    if after.advertised and not (before is not None and before.advertised):
        yield Change(title, "wider", "now listed before a sign-in")


def document_of(matrix: Matrix) -> dict[str, Any]:
    """Return the matrix as plain data, which ``matrix_in`` reads."""
    return {
        "format": FORMAT,
        "operations": {row.title: _plain(row) for row in matrix.rows},
        "conversation": _plain(matrix.conversation),
        "rest": None if matrix.rest is None else _plain(matrix.rest),
    }


def _plain(row: Row) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "scopes": sorted(row.scopes),
        "roles": [sorted(roles) for roles in row.roles],
        "kinds": sorted(row.kinds),
    }
    if row.public:
        entry["public"] = True
    if row.advertised:
        entry["advertised"] = True
    if row.arguments:
        entry["arguments"] = sorted(row.arguments)
    contained = {scope: sorted(broad) for scope, broad in row.contained_in.items() if broad}
    return {**entry, "contained_in": dict(sorted(contained.items()))} if contained else entry


def matrix_in(document: Any) -> Matrix:
    """
    Return the matrix that ``document_of`` wrote.

    Raises:
        ConfigurationError: ``not-a-snapshot``.
    """
    try:
        if document["format"] != FORMAT:
            raise KeyError("format")
        rows = tuple(_row_of_title(title, entry) for title, entry in document["operations"].items())
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


def _row_of_title(title: str, entry: Mapping[str, Any]) -> Row:
    method, _, name = title.partition(" ")
    return _read(method, name or EVERY, entry)


def _read(method: str, name: str, entry: Mapping[str, Any]) -> Row:
    return Row(
        method=method,
        name=name,
        scopes=frozenset(entry["scopes"]),
        roles=tuple(frozenset(roles) for roles in entry["roles"]),
        # ``Rule`` refuses unknown kinds. A made-up kind would count as wider than any real one.
        kinds=Rule(kinds=entry["kinds"]).kinds if entry["kinds"] else frozenset(),
        contained_in={
            scope: frozenset(broad) for scope, broad in entry.get("contained_in", {}).items()
        },
        public=entry.get("public", False) is True,
        advertised=entry.get("advertised", False) is True,
        arguments=frozenset(entry.get("arguments", ())),
    )
