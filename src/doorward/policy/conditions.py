"""Decides on the arguments of an operation, after the policy has allowed it."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from doorward.errors import ConfigurationError
from doorward.identity import Identity
from doorward.policy.argument_conditions import ArgumentConditions, UnmetCondition
from doorward.policy.rules import EVERY, Operation, Rule
from doorward.wire.resource_uri import URI_METHODS, without_query
from doorward.wire.uri_template import UriTemplate, is_template, read_uri_template

_CONDITIONAL = ("tools/call", "prompts/get", "resources/read")


class RuleConditions(NamedTuple):
    """The conditions of one rule, and its URI template if it is for resources."""

    arguments: ArgumentConditions
    template: UriTemplate | None

    def unmet(
        self, identity: Identity, operation: Operation, params: Mapping[str, Any]
    ) -> UnmetCondition | None:
        """
        Return the first condition that is not met by what the server gets, or ``None``.

        A completer gets the argument that is being completed, and those in ``context``.
        """
        for arguments in self._arguments(operation, params):
            if (found := self.arguments.unmet(arguments, identity)) is not None:
                return found
        return None

    def _arguments(self, operation: Operation, params: Mapping[str, Any]) -> Iterator[object]:
        if operation.method == "completion/complete":
            yield _completed(params)
        elif operation.method not in URI_METHODS:
            yield params.get("arguments")
        else:
            yield from self._variables(operation.name or "")

    def _variables(self, uri: str) -> Iterator[object]:
        """Yield the variables of every reading: some servers drop a query that does not fit."""
        assert self.template is not None, "a rule for resources has conditions for its variables"
        readings = [self.template.match(one) for one in dict.fromkeys((uri, without_query(uri)))]
        known = [one for one in readings if one is not None]
        # A spelling that only resembles the template, such as another case, has no variables.
        yield from known or [{}]


def _completed(params: Mapping[str, Any]) -> dict[str, Any]:
    context, argument = params.get("context"), params.get("argument")
    known = context.get("arguments") if isinstance(context, dict) else None
    found = dict(known) if isinstance(known, dict) else {}
    if isinstance(argument, dict) and isinstance(name := argument.get("name"), str):
        found[name] = argument.get("value")
    return found


def conditions_of(method: str, name: str, rule: Rule) -> tuple[RuleConditions, ...]:
    """
    Return the conditions of ``rule``, which is for this method and name.

    Raises:
        ConfigurationError: ``argument-schema``: the operation has no such arguments.
    """
    if rule.arguments is None:
        return ()
    if method not in _CONDITIONAL:
        raise ConfigurationError(
            "argument-schema",
            f"A rule for {method or 'every request'!r} has conditions over arguments.",
            "Write them in a rule for a tool, a prompt or a resource template.",
        )
    if method not in URI_METHODS:
        return (RuleConditions(rule.arguments, None),)
    template = read_uri_template(name) if name != EVERY and is_template(name) else None
    known = () if template is None else template.variables
    if template is None or not set(rule.arguments.names.values()) <= set(known):
        raise ConfigurationError(
            "argument-schema",
            f"The rule for {name!r} has conditions for {sorted(rule.arguments.names.values())}, and"
            f" its variables are {sorted(known)}.",
            "Write conditions for the variables of a template, such as owner in notes://{owner}.",
        )
    return (RuleConditions(rule.arguments, template),)
