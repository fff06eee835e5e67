"""Explains one decision, step by step, in the order in which it is made."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from doorward.identity import Identity
from doorward.policy.conditions import RuleConditions
from doorward.policy.decide import Decision, Policy, Requirement, decide_arguments
from doorward.policy.rules import EVERY_KIND, Operation
from doorward.wire.resource_uri import normal_form

Question = Literal["rule", "kind", "scope", "role", "argument"]


@dataclass(frozen=True, slots=True)
class Step:
    """
    One check of a decision. ``passed`` is ``None`` if nobody asked: an earlier check had already failed,
    or it is about arguments and none are given.

    ``wanted`` is what the check needs, ``found`` what the caller has; both are sentence fragments.
    """

    question: Question
    wanted: str
    found: str
    passed: bool | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with the steps that led to it."""

    decision: Decision
    steps: tuple[Step, ...]


def explain(
    policy: Policy,
    identity: Identity,
    operation: Operation,
    arguments: Mapping[str, Any] | None = None,
) -> Explanation:
    """
    Return the decision of ``policy.decide``, and the steps that lead to it.

    With ``arguments``, it is the decision for a call with them.

    The steps have the order of the checks. Steps after the first failed check are marked as not
    asked. Each scope and each set of roles is a separate step.
    """
    decision = policy.decide(identity, operation)
    needs = policy.requirement(operation)
    if needs is None:
        return Explanation(decision, (_nobody(decision, operation),))
    steps = [Step("rule", "a rule", _rule(policy, operation), passed=True), _kind(needs, identity)]
    steps += [_scope(policy, identity, scope) for scope in sorted(needs.scopes)]
    steps += [_role(roles, identity) for roles in needs.roles]
    params = {"arguments": arguments}
    if arguments is not None or operation.method.startswith("resources/"):
        decision = decide_arguments(decision, identity, operation, params)
        steps += _arguments(needs.conditions, identity, operation, params)
    else:
        steps += _arguments(needs.conditions, identity, operation, None)
    return Explanation(decision, tuple(_mark_skipped(steps)))


def _nobody(decision: Decision, operation: Operation) -> Step:
    name = f"{operation.method} {operation.name or ''}".strip()
    if decision.reason == "uri-not-normal":
        written = normal_form(operation.name or "")
        wanted = f"the normal form {written}" if written else "a URI in normal form"
        return Step("rule", wanted, "another spelling, so nobody may", passed=False)
    if decision.reason == "no-template-fits":
        found = "a template that begins alike and does not fit, so nobody may"
        return Step("rule", f"a rule for {name}", found, passed=False)
    return Step("rule", f"a rule for {name}", "none, so nobody may", passed=False)


def _rule(policy: Policy, operation: Operation) -> str:
    found = policy.requirement(operation)
    if found is not None and found.public:
        return "public: everybody may, also without a token"
    if operation.name is not None and (operation.method, operation.name) in policy.rules:
        return "its own, and the base rule"
    # Nothing but the base rule, or one for many: the template that it fits, or "every other name".
    base = policy.base
    plain = found is not None and (found.scopes, found.kinds) == (base.scopes, base.kinds)
    return "the base rule" if plain else "one for several names, and the base rule"


def _kind(needs: Requirement, identity: Identity) -> Step:
    wanted = "any kind" if needs.kinds == EVERY_KIND else " or ".join(sorted(needs.kinds))
    return Step("kind", wanted, identity.kind, passed=identity.kind in needs.kinds)


def _scope(policy: Policy, identity: Identity, scope: str) -> Step:
    if scope in identity.scopes:
        return Step("scope", scope, "held", passed=True)
    through = sorted(policy.containing(scope) & identity.scopes)
    if through:
        return Step("scope", scope, f"contained in {through[0]}", passed=True)
    return Step("scope", scope, "missing", passed=False)


def _role(roles: frozenset[str], identity: Identity) -> Step:
    held = sorted(roles & identity.roles)
    wanted = " or ".join(sorted(roles))
    return Step("role", wanted, held[0] if held else "none of them", passed=bool(held))


def _arguments(
    conditions: tuple[RuleConditions, ...],
    identity: Identity,
    operation: Operation,
    params: Mapping[str, Any] | None,
) -> Iterator[Step]:
    for one in conditions:
        unmet = None if params is None else one.unmet(identity, operation, params)
        for name, expected in one.arguments.expectations():
            wanted = f"{name} {expected}"
            if params is None:
                yield Step("argument", wanted, "not given", passed=None)
            elif unmet is None or unmet.argument != name:
                yield Step("argument", wanted, "met", passed=True)
            else:
                yield Step("argument", wanted, f"{name} {unmet.expected}", passed=False)
                break


def _mark_skipped(steps: list[Step]) -> list[Step]:
    """Mark the steps after the first failed question as skipped."""
    failed: Question | None = None
    marked = []
    for step in steps:
        # All scopes are one question: the client gets all that are needed at once.
        if failed is not None and step.question != failed:
            marked.append(Step(step.question, step.wanted, "not asked", passed=None))
        else:
            marked.append(step)
            failed = step.question if step.passed is False else failed
    return marked
