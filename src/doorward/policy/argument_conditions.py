"""Conditions that the arguments of a call must meet."""

import json
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from doorward.errors import ConfigurationError
from doorward.identity import Identity
from doorward.policy.argument_schema import compiled

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator

# JavaScript and others read a larger integer as one of its neighbours.
_LARGEST_INTEGER = 2**53 - 1
_LONGEST_EXPECTATION = 300
_IGNORED = str.maketrans("", "", "_- ")


class UnmetCondition(NamedTuple):
    """The first condition that is not met: the argument, and what was expected of it."""

    argument: str
    expected: str


class ArgumentConditions:
    """
    A condition for each of these arguments, all of which a call must have.

    A condition is a JSON Schema (2020-12) that says what is admitted, or ``{"claim": "sub"}``: the
    value must equal that claim of the caller, or one of its members if it is a list. Other arguments
    are not restricted.

    Two of them are equal if their text is.

    Raises:
        ConfigurationError: ``argument-schema``.
    """

    __slots__ = ("_claims", "_schemas", "names", "text")

    def __init__(self, conditions: Mapping[str, Mapping[str, Any]]) -> None:
        self._claims: dict[str, str] = {}
        self._schemas: dict[str, Draft202012Validator] = {}
        for name, condition in conditions.items():
            if (claim := _claim_in(name, condition)) is not None:
                self._claims[name] = claim
            else:
                self._schemas[name] = compiled(name, condition)
        # Other servers read these as the argument itself: Go's parser ignores case, for example.
        self.names = {_folded(name): name for name in conditions}
        if len(self.names) != len(conditions):
            raise ConfigurationError(
                "argument-schema",
                f"Two of the arguments {sorted(conditions)} differ in case or separators alone.",
                "Keep the name that the tool declares.",
            )
        self.text = json.dumps(conditions, sort_keys=True, ensure_ascii=False)

    def __eq__(self, other: object) -> bool:
        """Return whether both have the same conditions."""
        return isinstance(other, ArgumentConditions) and other.text == self.text

    def __hash__(self) -> int:
        """Return the hash of the conditions."""
        return hash(self.text)

    def __repr__(self) -> str:
        """Return the conditions as JSON."""
        return f"ArgumentConditions({self.text})"

    def expectations(self) -> list[UnmetCondition]:
        """Return what is expected of each argument."""
        return [UnmetCondition(name, self._expected(name)) for name in self._all()]

    def unmet(self, arguments: object, identity: Identity) -> UnmetCondition | None:
        """Return the first condition that ``arguments`` do not meet, or ``None``."""
        given = arguments if isinstance(arguments, dict) else {}
        for name in given:
            meant = self.names.get(_folded(name), name) if isinstance(name, str) else name
            if meant != name:
                return UnmetCondition(meant, "must be the only argument of that name")
        for name in self._all():
            if not self.is_met(name, given, identity):
                return UnmetCondition(name, self._expected(name))
        return None

    def is_met(self, name: str, given: Mapping[str, Any], identity: Identity) -> bool:
        """Return whether the argument ``name`` is there and meets its condition."""
        # The server has its own default for a missing argument.
        if name not in given:
            return False
        value = given[name]
        if name in self._claims:
            return _is_own(value, self._claims[name], identity)
        return _is_exact(value) and self._schemas[name].is_valid(value)

    def _all(self) -> list[str]:
        return list(self.names.values())

    def _expected(self, name: str) -> str:
        if name in self._claims:
            return f"must be the value of your own claim {self._claims[name]}"
        schema = json.loads(self.text)[name]
        told = {word: one for word, one in schema.items() if word not in ("title", "description")}
        text = json.dumps(told, ensure_ascii=False)
        cut = f"{text[:_LONGEST_EXPECTATION]}…" if len(text) > _LONGEST_EXPECTATION else text
        return f"must match {cut}"


def _claim_in(name: str, condition: object) -> str | None:
    if not isinstance(condition, Mapping) or set(condition) != {"claim"}:
        return None
    claim = condition["claim"]
    if not isinstance(claim, str) or not claim:
        raise ConfigurationError(
            "argument-schema",
            f"The condition for the argument {name!r} names no claim.",
            'Write, for example: { claim = "sub" }.',
        )
    return claim


def _folded(name: str) -> str:
    """Return the same text for all names that some parser reads as one."""
    return unicodedata.normalize("NFKC", name).casefold().translate(_IGNORED)


def _is_own(value: object, claim: str, identity: Identity) -> bool:
    """Return whether ``value`` equals the caller's claim, or a member of it. Never for no value."""
    own: Any
    if claim == "sub":
        own = identity.subject
    elif claim == "iss":
        own = identity.issuer
    elif claim == "client_id":
        own = identity.client_id
    else:
        own = identity.claims.get(claim)
    some = own if isinstance(own, list) else [own]
    # Only text and integers: in Python, 1 equals True, and an absent claim equals null.
    return bool(value) and any(
        type(value) in (str, int) and type(value) is type(one) and value == one for one in some
    )


def _is_exact(value: object) -> bool:
    """Return whether no number in ``value`` is an integer that other languages read as another."""
    if isinstance(value, int):
        return abs(value) <= _LARGEST_INTEGER
    if isinstance(value, float):
        return not value.is_integer() or abs(value) <= _LARGEST_INTEGER
    if isinstance(value, list):
        return all(_is_exact(one) for one in value)
    if isinstance(value, dict):
        return all(_is_exact(one) for one in value.values())
    return True
