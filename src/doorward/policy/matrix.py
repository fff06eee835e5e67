"""The permission matrix of a server: who may do what, row by row."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, runtime_checkable

from doorward.errors import ConfigurationError
from doorward.identity import Kind
from doorward.policy.decide import Policy, Requirement
from doorward.policy.rule_index import RuleIndex
from doorward.policy.rules import EVERY, EVERY_KIND, Operation, Rule
from doorward.wire.uri_template import UriTemplate, is_template, read_uri_template

Clauses = frozenset[frozenset[str]]


@runtime_checkable
class HasPolicy(Protocol):
    """An object that decides by a policy: a guard, or an application behind one."""

    @property
    def policy(self) -> Policy:
        """The policy."""


@runtime_checkable
class HasRules(Protocol):
    """An object with declared rules, such as an ``McpServer``."""

    @property
    def rules(self) -> Mapping[tuple[str, str], Rule]:
        """The rule of each ``(method, name)``."""


def policy_of(source: object) -> Policy:
    """
    Return the policy of ``source``: one itself, or anything with a ``policy`` or with ``rules``.

    Rules alone are used as they are, without the base rule that a guard would add.

    Raises:
        ConfigurationError: ``no-policy``.
    """
    if isinstance(source, Policy):
        return source
    if isinstance(source, HasPolicy) and isinstance(source.policy, Policy):
        return source.policy
    if isinstance(source, HasRules) and isinstance(source.rules, Mapping):
        return Policy(rules=source.rules)
    raise ConfigurationError(
        "no-policy",
        f"A {type(source).__name__} has neither a policy nor rules.",
        "Name a Guard, what protect() returned, a FastMCP server with GuardAuth, a Policy or an "
        "McpServer.",
    )


@dataclass(frozen=True)
class Row:
    """
    Who may do one operation: any of ``kinds`` that meets every clause.

    Each clause is a set of scopes or of roles, any one of which meets it. ``scopes`` and ``roles``
    are the same as their author wrote them, without what the hierarchy adds. Without any kind,
    nobody may.
    """

    method: str
    name: str
    scopes: frozenset[str]
    roles: tuple[frozenset[str], ...]
    kinds: frozenset[Kind]
    contained_in: Mapping[str, frozenset[str]] = field(default_factory=dict)
    # Whether callers without a token may do it too.
    public: bool = False
    # Whether lists show it before a sign-in.
    advertised: bool = False
    # The conditions for arguments, all of which must be met, each as JSON.
    arguments: frozenset[str] = frozenset()

    @property
    def title(self) -> str:
        """``"tools/call add"``."""
        return f"{self.method} {self.name}"

    @property
    def template(self) -> UriTemplate | None:
        """The URI template, if the name is one."""
        return read_uri_template(self.name) if is_template(self.name) else None

    def admits_only(self, other: "Row") -> bool:
        """
        Return whether ``other`` admits everybody whom this row admits.

        This is exact: callers of this row meet a clause of ``other`` if and only if one clause of
        this row is a subset of it. Conditions for arguments are compared by their text: a changed one
        counts as wider.
        """
        if self.public or other.public:
            return other.public
        return (
            self.kinds <= other.kinds
            and self.arguments >= other.arguments
            and _implies(self._scope_clauses(), other._scope_clauses())
            and _implies(frozenset(self.roles), frozenset(other.roles))
        )

    def _scope_clauses(self) -> Clauses:
        return frozenset(
            frozenset({scope}) | self.contained_in.get(scope, frozenset()) for scope in self.scopes
        )


def _implies(some: Clauses, others: Clauses) -> bool:
    return all(any(one <= other for one in some) for other in others)


@dataclass(frozen=True)
class Matrix:
    """
    Every operation that has a rule or is offered, in order, and what holds for the rest.

    ``conversation`` is who may do what only describes the server; ``rest`` is who may do anything
    else, or ``None`` when nobody may.
    """

    rows: tuple[Row, ...]
    conversation: Row
    rest: Row | None

    def row(self, method: str, name: str) -> Row | None:
        """Return who may do an operation, or ``None``: the decision of the policy with these rows."""
        if (method, name) in self._public:
            return self._public[method, name]
        status, entries = self._rule_index.lookup(method, name)
        if status == "no-template-fits" or status == "uri-not-normal":
            return None
        if status == "ruled":
            return _combine(entries, method, name)
        otherwise = self.conversation if status == "conversation" else self.rest
        if otherwise is None or not entries:
            return otherwise
        return _combine([otherwise, *entries], method, name)

    @cached_property
    def _rule_index(self) -> RuleIndex[Row]:
        # By another method or spelling, the base rule alone decides what is public by its name.
        rows = {(row.method, row.name): row for row in self.rows}
        return RuleIndex(rows | dict.fromkeys(self._public, self.conversation))

    @cached_property
    def _public(self) -> Mapping[tuple[str, str], Row]:
        return {(row.method, row.name): row for row in self.rows if row.public}

    def strictest(self, method: str, name: str, others: Iterable[Row]) -> Row | None:
        """Return who may do an operation and each of ``others`` as well."""
        found = self.row(method, name)
        return None if found is None else _combine([found, *others], method, name)


def _combine(rows: Iterable[Row], method: str, name: str) -> Row:
    every = list(rows)
    return Row(
        method=method,
        name=name,
        scopes=frozenset[str]().union(*(row.scopes for row in every)),
        roles=tuple(dict.fromkeys(roles for row in every for roles in row.roles)),
        kinds=EVERY_KIND.intersection(*(row.kinds for row in every)),
        contained_in={scope: broad for row in every for scope, broad in row.contained_in.items()},
        public=all(row.public for row in every),
        advertised=all(row.advertised for row in every),
        arguments=frozenset[str]().union(*(row.arguments for row in every)),
    )


def matrix_of(source: object) -> Matrix:
    """
    Return the matrix of a policy, a guard, or a server with rules.

    Raises:
        ConfigurationError: ``no-policy``.
    """
    policy = policy_of(source)
    base = row_of(policy, Requirement(Operation("", None), *_base(policy)))
    rows = {one.operation: row_of(policy, one) for one in policy.matrix()}
    for operation in policy.offered():
        if operation not in rows:
            needs = policy.requirement(operation)
            rows[operation] = row_of(policy, needs) if needs else _nobody(operation)
    return Matrix(
        rows=tuple(sorted(rows.values(), key=lambda row: (row.method, row.name))),
        conversation=base,
        rest=base if policy.unknown == "base" else None,
    )


def _nobody(operation: Operation) -> Row:
    return Row(operation.method, operation.name or EVERY, frozenset(), (), frozenset())


def _base(policy: Policy) -> tuple[frozenset[str], tuple[frozenset[str], ...], frozenset[Kind]]:
    roles = (policy.base.roles,) if policy.base.roles else ()
    return policy.base.scopes, roles, policy.base.kinds


def row_of(policy: Policy, needs: Requirement) -> Row:
    """Return who may do the operation of a requirement of ``policy``."""
    return Row(
        method=needs.operation.method,
        name=needs.operation.name or EVERY,
        scopes=needs.scopes,
        roles=needs.roles,
        kinds=needs.kinds,
        contained_in={scope: policy.containing(scope) for scope in needs.scopes},
        public=needs.public,
        advertised=needs.advertised,
        arguments=frozenset(one.arguments.text for one in needs.conditions),
    )


def who(row: Row) -> str:
    """Return who may, in words: ``"a person with mcp:read and mcp:tools, as admin or auditor"``."""
    if row.public:
        return "everybody, also without a token"
    if not row.kinds:
        return "nobody"
    kinds = "anybody" if row.kinds == EVERY_KIND else " or ".join(sorted(row.kinds))
    scopes = " and ".join(
        " or ".join([scope, *sorted(row.contained_in.get(scope, ()))])
        for scope in sorted(row.scopes)
    )
    roles = " and ".join(" or ".join(sorted(roles)) for roles in row.roles)
    who_may = f"{kinds}{f' with {scopes}' if scopes else ''}{f', as {roles}' if roles else ''}"
    arguments = " and ".join(sorted(row.arguments))
    return f"{who_may}{f', if the arguments match {arguments}' if arguments else ''}"
