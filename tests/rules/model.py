"""A component of a server, the rules of a server and its components, and one execution."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from doorward.identity import Identity
from doorward.policy import Rule

Kind = Literal["tool", "prompt", "resource", "template", "route"]

METHODS: Mapping[Kind, str] = {
    "tool": "tools/call",
    "prompt": "prompts/get",
    "resource": "resources/read",
    "template": "resources/read",
    "route": "http",
}


@dataclass(frozen=True)
class Component:
    """
    One function of a server.

    ``name`` is its name in lists, ``pattern`` the same in this project's template syntax, and
    ``inner`` its name before any layer of FastMCP changes it. ``declared`` is the rule that its
    author wrote beside it. ``marker`` is in its description and in all that it returns: an answer
    with the marker gives the component away.
    """

    kind: Kind
    name: str
    pattern: str
    inner: str
    marker: str
    declared: Rule | None = None


@dataclass(frozen=True)
class Model:
    """The rules of one server and all of its components; ``options`` say how it is built."""

    components: tuple[Component, ...]
    base: Rule
    rules: Mapping[tuple[str, str], Rule]
    hierarchy: Mapping[str, Collection[str]]
    unknown: Literal["deny", "base"]
    options: Mapping[str, Any] = field(default_factory=dict)

    def of_kind(self, *kinds: Kind) -> list[Component]:
        """Return the components of these kinds."""
        return [one for one in self.components if one.kind in kinds]

    def marked(self, marker: str) -> Component:
        """Return the component with this marker."""
        return next(one for one in self.components if one.marker == marker)


@dataclass(frozen=True)
class Execution:
    """What ran, with which values, and who was calling according to its server."""

    component: Component
    values: Mapping[str, str]
    caller: Identity | None
    is_completion: bool = False
