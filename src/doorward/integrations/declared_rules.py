"""Rules that authors declare on their tools, and the policy that adds them to the operator's."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from inspect import isfunction, ismethod, unwrap
from types import CellType
from typing import Any, NamedTuple, Protocol, TypeVar, overload

import msgspec

from doorward.errors import ConfigurationError
from doorward.identity import Identity, Kind, current_identity
from doorward.policy import Decision, Operation, Policy, Requirement, Rule
from doorward.policy.rules import EVERY_KIND, PUBLIC_METHODS, reached_by
from doorward.wire.uri_template import is_template, read_uri_template

_ATTRIBUTE = "__doorward_rules__"

_ANYTHING = Operation("")
_NOTHING_NEEDED = Decision(True, "allowed")
_NO_CALLER = Decision(False, "no-caller")
_ADVERTISED = Decision(False, "no-caller", advertised=True)

listing: ContextVar[bool] = ContextVar("doorward_listing", default=False)
"""Whether FastMCP makes a list, which the policy shortens afterwards."""

Function = TypeVar("Function", bound=Callable[..., Any])


class AuthorizationContext(Protocol):
    """What FastMCP gives to an auth check: the caller's token, and the component."""

    token: Any
    component: Any


class requires:  # noqa: N801 - it is written as a decorator
    """
    Declare what the callers of a tool, prompt or resource must hold.

    ```python
    server = MCPServer("orders")

    @server.tool()
    @requires(scopes={"orders:refund"}, roles={"manager"})
    async def refund(order: str) -> str:
        \"\"\"Refund an order.\"\"\"
        return f"refunded {order}"
    ```

    Write it below the server's own decorator. The adapters of the official SDK and of FastMCP read
    it. The guard refuses other callers with HTTP 403, and lists leave the tool out. The operator's
    rules for the tool apply as well. ``requires(public=True)`` lets in callers without a token, unless
    the operator has a rule for the tool that does not, and so does ``advertised=True``, which shows the
    tool in lists before a sign-in. In FastMCP it is also an auth check:
    ``@mcp.tool(auth=requires(scopes={"orders:refund"}))``. Without an adapter it has no effect.

    Raises:
        ConfigurationError: with reason ``not-a-collection``, and what ``Rule`` refuses.
    """

    def __init__(
        self,
        *,
        scopes: Collection[str] = (),
        roles: Collection[str] = (),
        kinds: Collection[Kind] = (),
        public: bool = False,
        advertised: bool = False,
    ) -> None:
        for given in (scopes, roles, kinds):
            if isinstance(given, str):
                raise ConfigurationError(
                    "not-a-collection",
                    f"scopes, roles and kinds are collections, and {given!r} is a string.",
                    "Write scopes={'mcp:tools'}, with braces.",
                )
        self.rule = Rule(scopes, roles, kinds, public=public, advertised=advertised)
        self._policy_of_rule = Policy(base=Rule(scopes, roles, kinds))

    @overload
    def __call__(self, target: Function) -> Function: ...

    @overload
    def __call__(self, target: AuthorizationContext) -> bool: ...

    def __call__(self, target: Any) -> Any:
        """Mark a function and return it; called by FastMCP, return whether the caller may."""
        if callable(target):
            setattr(target, _ATTRIBUTE, (*getattr(target, _ATTRIBUTE, ()), self.rule))
            return target
        if self.rule.public or (self.rule.advertised and listing.get()):
            return True
        caller = current_identity()
        if caller is None or target.token is None:
            return False
        if not self.rule.scopes <= caller.scopes:
            # The token that FastMCP sees also has the scopes that the held scopes contain.
            caller = msgspec.structs.replace(caller, scopes=frozenset(target.token.scopes))
        return self._policy_of_rule.decide(caller, _ANYTHING).allowed


def rules_on(function: Any) -> tuple[Rule, ...]:
    """Return the rules that ``requires`` attached to ``function``, inside any wrappers."""
    return _attached_rules(function, 4) if callable(function) else ()


def _attached_rules(function: Any, depth: int) -> tuple[Rule, ...]:
    found: tuple[Rule, ...] = getattr(function, _ATTRIBUTE, ())
    if found or depth == 0:
        return found
    inner = unwrap(function)
    # A wrapper without __wrapped__ still holds the function. If a wrapper hid the rule, the tool
    # would be unprotected.
    cells = (
        cell.cell_contents
        for cell in getattr(inner, "__closure__", None) or ()
        if _has_content(cell)
    )
    held = inner if inner is not function else getattr(function, "func", None)
    return tuple(
        dict.fromkeys(
            rule
            for one in (held, *cells)
            if isfunction(one) or ismethod(one)
            for rule in _attached_rules(one, depth - 1)
        )
    )


def _has_content(cell: CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


class Declarations(Protocol):
    """The interface through which an adapter reads the rules that a server's author declared."""

    def rules_of(self, operation: Operation) -> Sequence[Rule]:
        """Return every rule that is declared for ``operation`` at this moment."""

    def declared(self) -> Mapping[tuple[str, str], Sequence[Rule]]:
        """Return all declared rules, by method and name."""

    def offered(self) -> Collection[tuple[str, str]]:
        """Return every operation of the server, with or without rules, by method and name."""

    async def read(self) -> None:
        """Read the declarations that cannot be looked up during a request."""

    def listed(self, operation: Operation) -> Operation:
        """Return ``operation`` with the name that lists show."""

    def other_names(self, operation: Operation) -> Sequence[Operation]:
        """Return the operations that run the same component under another name."""

    def rules_of_component(self, component: Any) -> Sequence[Rule]:
        """Return every rule declared on ``component``, whatever its name is."""


class SingleNameDeclarations:
    """The part of ``Declarations`` for a server whose components have one name each."""

    async def read(self) -> None:
        """Read nothing: every declaration can be looked up during a request."""

    def offered(self) -> Collection[tuple[str, str]]:
        """Return nothing more than the declared operations."""
        return ()

    def listed(self, operation: Operation) -> Operation:
        """Return ``operation``."""
        return operation

    def other_names(self, operation: Operation) -> Sequence[Operation]:  # noqa: ARG002 - there are none
        """Return nothing."""
        return ()

    def rules_of_component(self, component: Any) -> Sequence[Rule]:  # noqa: ARG002 - the name decides
        """Return nothing more than the rules of its name."""
        return ()


class _DecisionKey(NamedTuple):
    """The key of a cached decision: everything that a policy looks at."""

    kind: Kind
    scopes: frozenset[str]
    roles: frozenset[str]
    operation: Operation


class _AddedRules(NamedTuple):
    """What applies to an operation in addition to the operator's rule for its name."""

    rules: Sequence[Rule]
    # Other names of the same component that have a rule of the operator.
    other_names: Sequence[Operation]


_CACHE_SIZE = 4096


class DeclaredPolicy(Policy):
    """
    The operator's ``policy`` and the authors' declared rules. Callers must meet both.

    An operation with a rule on either side is known. ``policy`` decides the others as unknown
    operations. A rule of ``policy`` for one name of a tool also applies to its other names.
    Declarations are looked up for each request: the rules of a replaced tool must not decide calls
    of its successor.
    """

    def __init__(self, policy: Policy, declarations: Declarations) -> None:
        super().__init__(base=policy.base, rules=policy.rules, unknown=policy.unknown)
        self.declarations = declarations
        self._operator_policy = policy
        self._templates_with_rule = [
            (method, template)
            for method, name in policy.rules
            if is_template(name) and (template := read_uri_template(name)) is not None
        ]
        self._policy_of_rule: dict[Rule, Policy] = {}
        # A subclass of Policy can look at more than a caller's scopes and roles, so it is not cached.
        self._uses_cache = type(policy) is Policy
        self._cache: dict[_DecisionKey, tuple[_AddedRules, Decision]] = {}

    def decide(self, identity: Identity | None, operation: Operation) -> Decision:
        """Return whether ``identity`` may do ``operation``, and everything that both sides require."""
        operation = self.declarations.listed(operation)
        added = self._added_rules(operation)
        if identity is None:
            return self._decide_added_for_stranger(operation, added)
        if not added.rules and not added.other_names:
            return self._operator_policy.decide(identity, operation)
        key = _DecisionKey(identity.kind, identity.scopes, identity.roles, operation)
        known = self._cache.get(key)
        # A cached decision is valid while the rules are the same.
        if known is not None and known[0] == added:
            return known[1]
        decision = self._decide(identity, operation, added)
        if self._uses_cache:
            if len(self._cache) >= _CACHE_SIZE:
                self._cache.clear()
            self._cache[key] = (added, decision)
        return decision

    @property
    def serves_strangers(self) -> bool:
        """Whether a rule of either side is public or advertised."""
        declared = self.declarations.declared().values()
        return self._operator_policy.serves_strangers or any(
            rule.public or rule.advertised for rules in declared for rule in rules
        )

    def _decide_added_for_stranger(self, operation: Operation, added: "_AddedRules") -> Decision:
        """
        Return the decision for a caller without a token.

        Both sides must have made the operation public, or must list it.
        """
        if operation.name is None:
            return self._decide_for_stranger(operation)
        declared = _decide_rules_for_stranger(added.rules)
        if not declared.is_listed:
            return _NO_CALLER
        decision = self._operator_policy.decide(None, operation)
        is_declared_alone = (
            decision.reason == "unknown-operation"
            and bool(added.rules)
            # What reaches a public prompt or resource is not public itself.
            and operation.method in PUBLIC_METHODS
        )
        own = declared if is_declared_alone else decision
        others = [self._operator_policy.decide(None, other) for other in added.other_names]
        every = (declared, own, *others)
        if all(one.allowed for one in every):
            return own
        if all(one.is_listed for one in every):
            return _ADVERTISED
        return decision if decision.reason == "unknown-operation" else _NO_CALLER

    def _decide(self, identity: Identity, operation: Operation, added: "_AddedRules") -> Decision:
        if added.rules and (public := self._decide_added_for_stranger(operation, added)).allowed:
            # Whoever signs in must not be able to do less than without.
            return public
        decision = self._operator_policy.decide(identity, operation)
        if decision.reason in ("uri-not-normal", "no-template-fits"):
            return decision
        if decision.reason == "unknown-operation":
            # A declared rule makes it known. Other rules of the operator still apply, such as a rule
            # for the same URI in another case.
            decision = self._operator_policy.decide_known(identity, operation)
        for other in added.other_names:
            decision = _combine(decision, self._operator_policy.decide(identity, other))
        for rule in added.rules:
            decision = _combine(decision, self._decide_rule(identity, rule))
        return _advertised_if(decision, self._decide_added_for_stranger(operation, added))

    def decide_rules(self, identity: Identity | None, rules: Sequence[Rule]) -> Decision:
        """Return whether ``identity`` meets all of these declared ``rules``."""
        for_stranger = _decide_rules_for_stranger(rules)
        if identity is None:
            return for_stranger
        decision = _NOTHING_NEEDED
        for rule in rules:
            decision = _combine(decision, self._decide_rule(identity, rule))
        return _advertised_if(decision, for_stranger)

    def reaches(self, identity: Identity, scope: str) -> bool:
        """Return whether the caller holds ``scope`` or a broader one that contains it."""
        return self._operator_policy.reaches(identity, scope)

    def matrix(self) -> Iterator[Requirement]:
        """Yield every operation with a rule on either side, and everything that it requires."""
        requirements = {
            requirement.operation: requirement for requirement in self._operator_policy.matrix()
        }
        for method, name in self.declarations.declared():
            operation = Operation(method, name)
            if any(self._added_rules(operation)) and not self._operator_policy.forbids(operation):
                requirements[operation] = self._add_declared(
                    self._operator_policy.requirement(operation), operation
                )
        yield from sorted(
            requirements.values(),
            key=lambda requirement: (
                requirement.operation.method,
                requirement.operation.name or "",
            ),
        )

    def offered(self) -> Iterator[Operation]:
        """Yield every operation that the server offers, with or without a rule."""
        return (Operation(*key) for key in self.declarations.offered())

    def requirement(self, operation: Operation) -> Requirement | None:
        """Return what both sides require, or ``None`` if nobody may do the operation."""
        operation = self.declarations.listed(operation)
        requirement = self._operator_policy.requirement(operation)
        if self._operator_policy.forbids(operation) or not any(self._added_rules(operation)):
            return requirement
        return self._add_declared(requirement, operation)

    def containing(self, scope: str) -> frozenset[str]:
        """Return the broader scopes, each of which contains ``scope``, without itself."""
        return self._operator_policy.containing(scope)

    def _add_declared(self, requirement: Requirement | None, operation: Operation) -> Requirement:
        requirement = requirement or self._operator_policy.requirement_if_known(operation)
        assert requirement is not None, "the caller has ruled out what no rule can allow"
        added = self._added_rules(operation)
        for other in added.other_names:
            more = self._operator_policy.requirement(other)
            if more is not None:
                requirement = _with_requirements(requirement, more.scopes, more.roles, more.kinds)
                both = dict.fromkeys((*requirement.conditions, *more.conditions))
                requirement = replace(requirement, conditions=tuple(both))
        for_stranger = self._decide_added_for_stranger(operation, added)
        if for_stranger.allowed:
            return replace(requirement, scopes=frozenset(), roles=(), kinds=EVERY_KIND, public=True)
        for rule in added.rules:
            requirement = _with_requirements(
                requirement, rule.scopes, (rule.roles,) if rule.roles else (), rule.kinds
            )
        return replace(requirement, advertised=for_stranger.advertised)

    def _added_rules(self, operation: Operation) -> "_AddedRules":
        reached = reached_by(operation.method, operation.name, operation.reaches)
        if not reached:
            return self._added_rules_of_method(operation)
        # Completing an argument of a prompt needs the rules of the prompt.
        added = [
            self._added_rules_of_method(Operation(method, operation.name)) for method in reached
        ]
        return _AddedRules(
            [rule for one in added for rule in one.rules],
            [other for one in added for other in one.other_names],
        )

    def _added_rules_of_method(self, operation: Operation) -> "_AddedRules":
        others = self.declarations.other_names(operation)
        return _AddedRules(
            self.declarations.rules_of(operation),
            [one for one in others if self._has_own_rule(one)],
        )

    def _has_own_rule(self, operation: Operation) -> bool:
        """Return whether the operator wrote a rule for this name, and not only for ``"*"``."""
        method, name = operation.method, operation.name or ""
        return (method, name) in self.rules or any(
            method == ruled and template.match(name) is not None
            for ruled, template in self._templates_with_rule
        )

    def _decide_rule(self, identity: Identity, rule: Rule) -> Decision:
        alone = self._policy_of_rule.get(rule)
        if alone is None:
            # One entry for each declared rule: no peer can make this cache grow.
            # ``requires`` has no other conditions.
            alone = self._policy_of_rule[rule] = Policy(
                base=Rule(rule.scopes, rule.roles, rule.kinds)
            )
        if not rule.scopes <= identity.scopes:
            reached = frozenset(
                one for one in rule.scopes if self._operator_policy.reaches(identity, one)
            )
            identity = msgspec.structs.replace(identity, scopes=reached)
        return alone.decide(identity, _ANYTHING)


def _decide_rules_for_stranger(rules: Sequence[Rule]) -> Decision:
    if all(rule.public for rule in rules):
        return _NOTHING_NEEDED
    return _ADVERTISED if all(rule.public or rule.advertised for rule in rules) else _NO_CALLER


def _advertised_if(decision: Decision, for_stranger: Decision) -> Decision:
    """Return ``decision``, which is advertised if it is to strangers and scopes would help."""
    wanted = decision.reason == "scope-missing" and for_stranger.is_listed
    if decision.advertised == wanted:
        return decision
    return msgspec.structs.replace(decision, advertised=wanted)


# If both sides refuse, the higher number is reported: refusals that no scope can fix come first.
_PRECEDENCE = {
    "allowed": 0,
    "argument-refused": 1,
    "role-missing": 1,
    "scope-missing": 2,
    "kind-not-allowed": 3,
    "unknown-operation": 4,
    "no-template-fits": 4,
    "uri-not-normal": 4,
    "no-caller": 5,
}


def _with_requirements(
    requirement: Requirement,
    scopes: frozenset[str],
    roles: tuple[frozenset[str], ...],
    kinds: frozenset[Kind],
) -> Requirement:
    return replace(
        requirement,
        # A condition on either side closes what the other side made public.
        public=False,
        scopes=requirement.scopes | scopes,
        roles=tuple(dict.fromkeys((*requirement.roles, *roles))),
        kinds=requirement.kinds & kinds,
    )


def _combine(one: Decision, other: Decision) -> Decision:
    reported = one if _PRECEDENCE[one.reason] >= _PRECEDENCE[other.reason] else other
    scopes = one.scopes | other.scopes
    conditions = tuple(dict.fromkeys((*one.conditions, *other.conditions)))
    limits = tuple(dict.fromkeys((*one.limits, *other.limits)))
    if (scopes, conditions, limits) == (reported.scopes, reported.conditions, reported.limits):
        return reported
    # All scopes at once: otherwise a client asks its user once for each missing scope.
    return msgspec.structs.replace(reported, scopes=scopes, conditions=conditions, limits=limits)
