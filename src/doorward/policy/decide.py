"""The policy: decides whether an identity may do an operation, and names all that it needs."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import msgspec

from doorward.errors import ConfigurationError
from doorward.identity import Identity, Kind
from doorward.policy.call_limits import CallLimit, RuleLimit
from doorward.policy.conditions import RuleConditions, conditions_of
from doorward.policy.rule_index import (
    RuleIndex,
    require_advertised_by_name,
    require_public_by_name,
    require_valid_rule,
)
from doorward.policy.rules import EVERY, EVERY_KIND, STRANGERS_CONVERSATION, Operation, Rule
from doorward.wire.oauth.scope import parse_scope

Reason = Literal[
    "allowed",
    "unknown-operation",
    "no-template-fits",
    "uri-not-normal",
    "kind-not-allowed",
    "scope-missing",
    "role-missing",
    "argument-refused",
    "no-caller",
]


class Decision(msgspec.Struct, frozen=True, gc=False):
    """
    The decision, with everything that the operation needs and not only what is missing.

    ```python
    decision: Decision = guard.policy.decide(user, Operation("tools/call", "add"))
    if not decision.allowed:
        print(decision.reason, "needs", sorted(decision.scopes))
    ```

    Told one missing scope at a time, a client would ask its user once for each. ``kinds`` are the
    kinds of callers that the operation admits. With ``conditions``, it is allowed for some arguments:
    ``decide_arguments`` decides for those of a call. ``expected`` is what an argument does not meet.
    ``limits`` are how often the caller may do it. A refused operation is ``advertised`` if its rules are
    and a sign-in or more scopes would help.
    """

    allowed: bool
    reason: Reason
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    kinds: frozenset[Kind] = EVERY_KIND
    conditions: tuple[RuleConditions, ...] = ()
    expected: str = ""
    limits: tuple[RuleLimit, ...] = ()
    advertised: bool = False

    @property
    def is_listed(self) -> bool:
        """Whether lists show the operation to the caller."""
        return self.allowed or self.advertised


def decide_arguments(
    decision: Decision, identity: Identity | None, operation: Operation, params: Mapping[str, Any]
) -> Decision:
    """
    Return ``decision``, or a refusal if ``params`` of the operation do not meet its conditions.

    ```python
    small = Rule(arguments={"amount": {"type": "integer", "maximum": 100}})
    policy = Policy(rules={("tools/call", "refund"): small})
    operation = Operation("tools/call", "refund")
    params = {"name": "refund", "arguments": {"amount": 500}}
    decision = decide_arguments(policy.decide(user, operation), user, operation, params)
    assert decision.reason == "argument-refused"
    ```
    """
    if not decision.allowed or not decision.conditions:
        return decision
    for one in decision.conditions:
        unmet = None if identity is None else one.unmet(identity, operation, params)
        if identity is None or unmet is not None:
            expected = "" if unmet is None else f'The argument "{unmet.argument}" {unmet.expected}.'
            return msgspec.structs.replace(
                decision, allowed=False, reason="argument-refused", expected=expected
            )
    return decision


@dataclass(frozen=True, slots=True)
class Requirement:
    """
    One row of the permission matrix: an operation, all that it needs, and the kinds of callers.

    ```python
    def row(needed: Requirement) -> str:
        return f"{needed.operation.name}: {', '.join(sorted(needed.scopes))}"

    policy = Policy(rules={("tools/call", "refund"): Rule(scopes={"orders:refund"})})
    assert [row(needed) for needed in policy.matrix()] == ["refund: orders:refund"]
    ```
    """

    operation: Operation
    scopes: frozenset[str]
    roles: tuple[frozenset[str], ...]
    kinds: frozenset[Kind] = EVERY_KIND
    # Whether callers without a token may do it.
    public: bool = False
    # Whether lists show it to callers who must sign in or get scopes first.
    advertised: bool = False
    conditions: tuple[RuleConditions, ...] = ()


_Refused = Literal["unknown-operation", "no-template-fits", "uri-not-normal"]


class _Needs(NamedTuple):
    """What several rules need together: every scope, one role of each set, a kind that all admit."""

    scopes: frozenset[str]
    role_sets: tuple[frozenset[str], ...]
    kinds: frozenset[Kind]
    # The decision that allows, built once.
    allowed: Decision
    # No combination of rules is public or advertised: only the rule for an exact name.
    is_public: bool = False
    is_advertised: bool = False


class Policy:
    """
    The rules of one server.

    ```python
    policy = Policy(
        base=Rule(scopes={"mcp:read"}),
        rules={
            ("tools/call", "refund"): Rule(scopes={"orders:refund"}, roles={"manager"}),
            ("resources/read", EVERY): Rule(scopes={"orders:read"}),
        },
    )
    decision = policy.decide(user, Operation("tools/call", "refund"))
    assert not decision.allowed
    assert decision.scopes == {"mcp:read", "orders:refund"}
    ```

    ``base`` holds for every request. ``rules`` adds to it per ``(method, name)``, where the name
    ``"*"`` stands for all names without a rule of their own, and a URI template for the URIs that
    fit it; where several fit, all of their rules hold. ``hierarchy`` says which narrower
    scopes a broad one contains: ``{"mcp:admin": {"mcp:tools"}}``; it is followed to the end.
    An operation with no rule is refused; ``unknown="base"`` lets the base rule alone decide it.

    A URI has one spelling, its normal form; any other is refused. A URI that begins like a template
    and does not fit it is decided by no wider rule. The rule of ``notes://list`` also holds for
    ``notes://list?page=2`` and for ``notes://LIST``, unless those have a rule of their own.

    A public rule is for its exact name alone: whatever else could reach the same thing needs the base
    rule.

    Raises:
        ConfigurationError: with reason ``not-a-scope``, ``not-an-operation``, ``uri-not-normal``,
            ``public-not-by-name``, ``advertised-not-by-name``, ``argument-schema`` or ``kinds-exclude-everybody``.
    """

    def __init__(
        self,
        *,
        base: Rule = Rule(),  # noqa: B008 - frozen
        rules: Mapping[tuple[str, str], Rule] | None = None,
        hierarchy: Mapping[str, Collection[str]] | None = None,
        unknown: Literal["deny", "base"] = "deny",
    ) -> None:
        self.base = base
        self.rules = dict(rules or {})
        self.unknown = unknown
        self._broader = _broader(hierarchy or {})
        for (method, name), rule in self.rules.items():
            require_valid_rule(method, name)
            if rule.public:
                require_public_by_name(method, name)
            if rule.advertised:
                require_advertised_by_name(method, name)
        if base.public:
            require_public_by_name("", EVERY)
        if base.advertised:
            require_advertised_by_name("", EVERY)
        for rule in (base, *self.rules.values()):
            _require_scopes(rule.scopes)
            _require_common_kind(base, rule)
        # Names come from the peer, so no cache is keyed by name: it would grow with every invented
        # name. The needs of each rule are computed here, once.
        conditions_of("", "", base)
        self._base = self._combine([])
        self._rule_index = RuleIndex(
            {
                key: self._combine([one], conditions_of(*key, one), _limits(" ".join(key), one))
                for key, one in self.rules.items()
            }
        )
        self._named = {
            key: _public(_limits(" ".join(key), rule))
            if rule.public
            else _combine_needs(self._rule_index.lookup(*key).entries)._replace(
                is_advertised=rule.advertised
            )
            for key, rule in self.rules.items()
        }

    def decide(self, identity: Identity | None, operation: Operation) -> Decision:
        """
        Return whether ``identity`` may do ``operation``, and all that the operation needs.

        ``None`` is a caller without a token. Does not look at arguments: ``decide_arguments`` does.

        Spec: MCP 2026-07-28 authorization §Scope Challenge Handling
        """
        if identity is None:
            return self._decide_for_stranger(operation)
        return self._decide_needs(identity, self._needs_of(operation))

    def decide_known(self, identity: Identity, operation: Operation) -> Decision:
        """
        Return the decision for an operation that has a rule outside of this policy.

        The base rule applies, and so do the rules of URIs that can be mistaken for this one.
        """
        return self._decide_needs(identity, self._needs_of(operation, is_known=True))

    @property
    def serves_strangers(self) -> bool:
        """Whether callers without a token are served at all: a rule is public or advertised."""
        return any(rule.public or rule.advertised for rule in self.rules.values())

    def _decide_for_stranger(self, operation: Operation) -> Decision:
        method, name = operation.method, operation.name
        if name is None:
            # A rule for a list is the operator's wish to restrict it.
            ruled = (method, EVERY) in self.rules
            open_to_all = method in STRANGERS_CONVERSATION and not ruled and self.serves_strangers
            return _PUBLIC.allowed if open_to_all else _NO_CALLER
        own = self._named.get((method, name))
        if own is not None and own.is_public:
            return own.allowed
        if own is not None and own.is_advertised:
            return _ADVERTISED
        unruled = self._rule_index.lookup(method, name, operation.reaches).status == "unknown"
        return Decision(False, "unknown-operation") if unruled else _NO_CALLER

    def _decide_needs(self, identity: Identity, needs: _Needs | _Refused) -> Decision:
        if isinstance(needs, str):
            return Decision(False, needs)
        scopes, role_sets, kinds, allowed, _, is_advertised = needs
        # Kinds before scopes: a service that is never admitted must not be sent to get more scopes.
        if identity.kind not in kinds:
            return Decision(False, "kind-not-allowed", scopes, _named(role_sets), kinds)
        held = identity.scopes
        # `<=` decides the usual case in one step; the hierarchy is walked only if it fails.
        if not scopes <= held and not all(self._reaches(held, scope) for scope in scopes):
            return Decision(
                False,
                "scope-missing",
                scopes,
                _named(role_sets),
                kinds,
                advertised=is_advertised,
            )
        for roles in role_sets:
            if roles.isdisjoint(identity.roles):
                return Decision(False, "role-missing", scopes, roles, kinds)
        return allowed

    def reaches(self, identity: Identity, scope: str) -> bool:
        """Return whether the caller holds ``scope`` or a broader one that contains it."""
        return self._reaches(identity.scopes, scope)

    def matrix(self) -> Iterator[Requirement]:
        """Yield every operation that has a rule, with all that it needs."""
        for method, name in sorted(self.rules):
            needs = self._named[(method, name)]
            yield _requirement(Operation(method, name), needs)

    def offered(self) -> Iterator[Operation]:
        """Yield every operation that the server is known to offer, with or without a rule."""
        return iter(())

    def requirement(self, operation: Operation) -> Requirement | None:
        """Return all that ``operation`` needs, or ``None`` when it is refused to everybody."""
        return _required(operation, self._needs_of(operation))

    def requirement_if_known(self, operation: Operation) -> Requirement | None:
        """Return the requirement of an operation that has a rule outside of this policy."""
        return _required(operation, self._needs_of(operation, is_known=True))

    def forbids(self, operation: Operation) -> bool:
        """Return whether no rule can allow ``operation``, because of its URI."""
        return self._needs_of(operation) in ("uri-not-normal", "no-template-fits")

    def containing(self, scope: str) -> frozenset[str]:
        """Return the broader scopes, each of which contains ``scope``, without itself."""
        return self._broader.get(scope, frozenset()) - {scope}

    def _reaches(self, held: frozenset[str], scope: str) -> bool:
        return scope in held or not held.isdisjoint(self._broader.get(scope, frozenset()))

    def _needs_of(self, operation: Operation, *, is_known: bool = False) -> _Needs | _Refused:
        method, name = operation.method, operation.name
        if name is not None and (own := self._named.get((method, name))) is not None:
            return own
        status, entries = self._rule_index.lookup(method, name, operation.reaches)
        if status == "no-template-fits" or status == "uri-not-normal":
            return status
        if status == "unknown" and self.unknown != "base" and not is_known:
            return "unknown-operation"
        if len(entries) == 1:
            return entries[0]
        return _combine_needs(entries) if entries else self._base

    def _combine(
        self,
        rules: list[Rule],
        conditions: tuple[RuleConditions, ...] = (),
        limits: tuple[RuleLimit, ...] = (),
    ) -> _Needs:
        every = [self.base, *rules]
        scopes = frozenset[str]().union(*(rule.scopes for rule in every))
        role_sets = tuple(rule.roles for rule in every if rule.roles)
        kinds = EVERY_KIND.intersection(*(rule.kinds for rule in every))
        every_limit = (*_limits("", self.base), *limits)
        return _needs(scopes, role_sets, kinds, conditions, every_limit)


def _required(operation: Operation, needs: _Needs | _Refused) -> Requirement | None:
    if isinstance(needs, str):
        return None
    return _requirement(operation, needs)


def _requirement(operation: Operation, needs: _Needs) -> Requirement:
    return Requirement(
        operation,
        needs.scopes,
        needs.role_sets,
        needs.kinds,
        public=needs.is_public,
        advertised=needs.is_advertised,
        conditions=needs.allowed.conditions,
    )


def _combine_needs(some: list[_Needs]) -> _Needs:
    scopes = frozenset[str]().union(*(one.scopes for one in some))
    role_sets = tuple(dict.fromkeys(roles for one in some for roles in one.role_sets))
    conditions = dict.fromkeys(each for one in some for each in one.allowed.conditions)
    kinds = EVERY_KIND.intersection(*(one.kinds for one in some))
    limits = dict.fromkeys(each for one in some for each in one.allowed.limits)
    return _needs(scopes, role_sets, kinds, tuple(conditions), tuple(limits))


def _needs(
    scopes: frozenset[str],
    role_sets: tuple[frozenset[str], ...],
    kinds: frozenset[Kind],
    conditions: tuple[RuleConditions, ...],
    limits: tuple[RuleLimit, ...],
) -> _Needs:
    allowed = Decision(True, "allowed", scopes, _named(role_sets), kinds, conditions, limits=limits)
    return _Needs(scopes, role_sets, kinds, allowed)


def _public(limits: tuple[RuleLimit, ...]) -> _Needs:
    """Return what a public rule needs."""
    return _Needs(frozenset(), (), EVERY_KIND, Decision(True, "allowed", limits=limits), True)


def _limits(rule: str, written: Rule) -> tuple[RuleLimit, ...]:
    if written.limit is None and written.concurrent is None:
        return ()
    return (RuleLimit(rule, CallLimit(written.limit, written.concurrent)),)


_PUBLIC = _public(())
_NO_CALLER = Decision(False, "no-caller")
_ADVERTISED = Decision(False, "no-caller", advertised=True)


def _named(role_sets: tuple[frozenset[str], ...]) -> frozenset[str]:
    return frozenset[str]().union(*role_sets)


def _require_scopes(scopes: Collection[str]) -> None:
    for scope in scopes:
        if parse_scope(scope) != frozenset({scope}):
            raise ConfigurationError(
                "not-a-scope",
                f"{scope!r} cannot be a scope.",
                "A scope is one word without spaces, quotes or backslashes, such as mcp:tools.",
            )


def _require_common_kind(base: Rule, rule: Rule) -> None:
    if not base.kinds & rule.kinds:
        raise ConfigurationError(
            "kinds-exclude-everybody",
            f"A rule is for {sorted(rule.kinds)} and the base rule for {sorted(base.kinds)} alone.",
            "Name in the base rule every kind that any rule lets in.",
        )


def _broader(hierarchy: Mapping[str, Collection[str]]) -> dict[str, frozenset[str]]:
    """Return, for each narrow scope, every scope that contains it, however indirectly."""
    broader: dict[str, set[str]] = {}
    for broad, narrow in hierarchy.items():
        _require_scopes([broad, *narrow])
        reached: set[str] = set()
        todo = list(narrow)
        # Visited scopes are skipped, so two scopes may contain each other.
        while todo:
            scope = todo.pop()
            if scope not in reached:
                reached.add(scope)
                todo.extend(hierarchy.get(scope, ()))
        for scope in reached:
            broader.setdefault(scope, set()).add(broad)
    return {scope: frozenset(names) for scope, names in broader.items()}
