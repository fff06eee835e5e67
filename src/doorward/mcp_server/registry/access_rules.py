"""Who may see and use which tool or prompt; the same answer for a list and for a call."""

from collections.abc import Callable, Collection

from doorward.errors import ConfigurationError
from doorward.identity import Identity, Kind
from doorward.policy import EVERY, Operation, Policy, Rule

Decide = Callable[[Identity | None, Operation], bool]
_OPEN = Rule()


class AccessRules:
    """
    The rules that authors wrote beside their functions, and the decision that applies them.

    ``decide`` is the composer's: set it to the policy that also stands in the guard, and a list
    shows exactly what a call would be granted. Without it, lists follow the rules as written, and
    calls are left to the guard that named the caller. With neither a decision nor a caller, only
    what has no rule is served: a rule that nobody enforces must not read as "everybody".
    """

    def __init__(self) -> None:
        self.decide: Decide | None = None
        self.rules: dict[tuple[str, str], Rule] = {}
        self._policy: Policy | None = None

    def add(self, operation: Operation, rule: Rule) -> None:
        """Take a rule that an author wrote."""
        assert operation.name is not None
        self.rules[(operation.method, operation.name)] = rule
        self._policy = None

    def allow(self, method: str) -> None:
        """Say that a method is served to everybody whom the base rule admits."""
        self.rules[(method, EVERY)] = Rule()
        self._policy = None

    def may_list(
        self, identity: Identity | None, operation: Operation, uri: str | None = None
    ) -> bool:
        """
        Say whether this caller may know of the operation.

        ``uri`` is the one of a template's URIs that is meant: it may have a rule of its own.
        """
        meant = operation if uri is None else Operation(operation.method, uri)
        if self.decide is not None:
            return self.decide(identity, meant)
        if identity is None:
            return self._is_open(operation)
        if self._policy is None:
            self._policy = Policy(base=Rule(), rules=self.rules)
        return self._policy.decide(identity, meant).allowed

    def may_use(
        self, identity: Identity | None, operation: Operation, uri: str | None = None
    ) -> bool:
        """Say whether this caller's call goes ahead. ``uri`` is as for ``shows``."""
        if self.decide is not None:
            return self.decide(
                identity, operation if uri is None else Operation(operation.method, uri)
            )
        return identity is not None or self._is_open(operation)

    def may_continue(
        self, identity: Identity | None, operation: Operation, before: Identity | None
    ) -> bool:
        """
        Say whether this caller may go on with what ``before``, an identity of theirs, began.

        The guard sees the id of a task and not its tool. Without ``decide``, nobody here can tell
        whether a token that holds less is enough, so it must hold all that the first one held.
        """
        if self.decide is not None or identity is None or before is None:
            return self.may_use(identity, operation)
        return (
            identity.kind == before.kind
            and identity.scopes >= before.scopes
            and identity.roles >= before.roles
        )

    def varies_by_caller(self, identity: Identity | None) -> bool:
        """Say whether an answer to this caller may be wrong for another one."""
        return (
            identity is not None
            or self.decide is not None
            or any(rule != _OPEN for rule in self.rules.values())
        )

    def _is_open(self, operation: Operation) -> bool:
        # A rule on kinds alone is a rule: without a caller, nobody can say of which kind it is.
        return self.rules[(operation.method, operation.name or "")] == _OPEN


def rule_of(scopes: Collection[str], roles: Collection[str], kinds: Collection[Kind] = ()) -> Rule:
    """
    Return what an author wrote beside a function as a rule.

    Raises:
        ConfigurationError: with reason ``not-a-collection`` or ``not-a-kind``.
    """
    for given in (scopes, roles, kinds):
        if isinstance(given, str):
            raise ConfigurationError(
                "not-a-collection",
                f"scopes, roles and kinds are collections, and {given!r} is a string.",
                "Write scopes={'mcp:tools'}, with braces.",
            )
    return Rule(scopes=frozenset(scopes), roles=frozenset(roles), kinds=frozenset(kinds))
