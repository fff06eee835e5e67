"""Rules and operations: what is asked for, and what one must hold to get it."""

from collections.abc import Collection
from dataclasses import dataclass

import msgspec

# The name that stands for every operation of a method that has no rule of its own.
EVERY = "*"


@dataclass(frozen=True, slots=True, init=False)
class Rule:
    """
    What a caller must hold: all of ``scopes``, and any one of ``roles`` when there are any.

    ``Rule(scopes={"mcp:tools", "mcp:admin"}, roles={"admin"})``; a bare string names one.
    """

    scopes: frozenset[str]
    roles: frozenset[str]

    def __init__(self, scopes: Collection[str] = (), roles: Collection[str] = ()) -> None:
        object.__setattr__(self, "scopes", _names(scopes))
        object.__setattr__(self, "roles", _names(roles))


def _names(given: Collection[str]) -> frozenset[str]:
    # A string is a collection of its letters, and a rule on letters would be met by nobody.
    return frozenset([given] if isinstance(given, str) else given)


class Operation(msgspec.Struct, frozen=True, gc=False):
    """
    One thing a caller wants done: ``Operation("tools/call", "add")``.

    ``method`` is empty for a response that a client of the ``initialize`` era posts.
    """

    method: str
    name: str | None = None


# Methods of both eras that only describe the server or keep a conversation going. They are decided
# by the base rule unless a rule names them. Whatever runs a tool, reads a resource, writes a prompt
# or touches a task is not here: without a rule it is refused.
CONVERSATION = frozenset(
    {
        "",
        "initialize",
        "ping",
        "server/discover",
        "tools/list",
        "prompts/list",
        "resources/list",
        "resources/templates/list",
        "subscriptions/listen",
        "logging/setLevel",
        "notifications/initialized",
        "notifications/cancelled",
        "notifications/progress",
        "notifications/roots/list_changed",
        "notifications/elicitation/complete",
    }
)

# Operations that reach a prompt or a resource by another door. They are decided by the rules of
# what they reach: whoever may not read a resource may not have its template completed either.
REACHES = {
    "completion/complete": ("prompts/get", "resources/read"),
    "resources/subscribe": ("resources/read",),
    "resources/unsubscribe": ("resources/read",),
}
