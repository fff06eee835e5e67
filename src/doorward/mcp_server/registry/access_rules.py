"""Who may list and use which tool, prompt or resource."""

from collections.abc import Callable, Collection

from doorward.errors import ConfigurationError
from doorward.identity import Identity, Kind, holds_all_of
from doorward.policy import EVERY, Decision, Operation, Policy, Rule

Decide = Callable[[Identity | None, Operation], bool]
_OPEN = Rule()


class AccessRules:
    """
    The rules that authors wrote beside their functions, and the decision that applies them.

    Set ``decide`` to the guard's policy: then a list has exactly what a call may use, or what
    ``shows`` admits. Without it, lists follow the rules as written, and the guard decides calls.
    With neither a decision nor a caller, only what has no rule is served: a rule that nobody enforces
    must not mean "everybody".
    """

    def __init__(self) -> None:
        self.decide: Decide | None = None
        self.shows: Decide | None = None
        self.rules: dict[tuple[str, str], Rule] = {}
        self._policy: Policy | None = None

    def add(self, operation: Operation, rule: Rule) -> None:
        """Add the rule of one operation."""
        assert operation.name is not None
        self.rules[(operation.method, operation.name)] = rule
        self._policy = None

    def allow(self, method: str) -> None:
        """Allow a method to everybody whom the base rule admits."""
        self.rules[(method, EVERY)] = Rule()
        self._policy = None

    def may_list(self, identity: Identity | None, operation: Operation) -> bool:
        """Say whether this caller may see the operation in lists."""
        decide = self.shows or self.decide
        if decide is not None:
            return decide(identity, operation)
        if identity is None:
            return self._rule(operation).advertised or self._is_open(operation)
        return self._as_written(identity, operation).is_listed

    def may_subscribe(self, identity: Identity | None, operation: Operation, uri: str) -> bool:
        """
        Say whether this caller may be told of changes of ``uri``.

        It is one URI of the resource or template, and can have its own rule.
        """
        meant = Operation(operation.method, uri)
        if self.decide is not None:
            return self.decide(identity, meant)
        if identity is None:
            return self._is_open(operation)
        return self._as_written(identity, meant).allowed

    def _as_written(self, identity: Identity, operation: Operation) -> Decision:
        if self._policy is None:
            self._policy = Policy(base=Rule(), rules=self.rules)
        return self._policy.decide(identity, operation)

    def may_use(
        self, identity: Identity | None, operation: Operation, uri: str | None = None
    ) -> bool:
        """Say whether this caller may use the operation. ``uri`` is as for ``may_subscribe``."""
        if self.decide is not None:
            return self.decide(
                identity, operation if uri is None else Operation(operation.method, uri)
            )
        return identity is not None or self._is_open(operation)

    def may_continue(
        self, identity: Identity | None, operation: Operation, before: Identity | None
    ) -> bool:
        """
        Say whether this caller may continue what ``before``, an earlier identity of theirs, began.

        The guard sees the id of a task, not its tool. Without ``decide`` the server cannot tell
        whether fewer scopes are enough, so the new token must have all scopes of the first.
        """
        if self.decide is not None or identity is None or before is None:
            return self.may_use(identity, operation)
        return holds_all_of(identity, before)

    def varies_by_caller(self, identity: Identity | None) -> bool:
        """Say whether a list for this caller can be wrong for another."""
        return (
            identity is not None
            or self.decide is not None
            or any(rule != _OPEN for rule in self.rules.values())
        )

    def _is_open(self, operation: Operation) -> bool:
        # A rule about kinds is a rule: a request without a caller has no kind.
        rule = self._rule(operation)
        return rule.public or rule == _OPEN

    def _rule(self, operation: Operation) -> Rule:
        return self.rules[(operation.method, operation.name or "")]


def rule_of(
    scopes: Collection[str],
    roles: Collection[str],
    kinds: Collection[Kind] = (),
    *,
    public: bool = False,
    advertised: bool = False,
) -> Rule:
    """
    Return the rule that an author wrote beside a function.

    Raises:
        ConfigurationError: with reason ``not-a-collection``, ``not-a-kind`` or
            ``public-with-conditions``.
    """
    for given in (scopes, roles, kinds):
        if isinstance(given, str):
            raise ConfigurationError(
                "not-a-collection",
                f"scopes, roles and kinds are collections, and {given!r} is a string.",
                "Write scopes={'mcp:tools'}, with braces.",
            )
    return Rule(
        frozenset(scopes), frozenset(roles), frozenset(kinds), public=public, advertised=advertised
    )
