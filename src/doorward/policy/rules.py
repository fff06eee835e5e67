"""Operations, and the rules that say what a caller must hold for them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import msgspec

from doorward.errors import ConfigurationError
from doorward.identity import Kind
from doorward.policy.argument_conditions import ArgumentConditions
from doorward.policy.call_limits import CallLimit

EVERY = "*"
"""The name in a rule for every operation of a method that has no rule of its own."""

EVERY_KIND: frozenset[Kind] = frozenset(get_args(Kind))
"""Every kind of caller: people, services, and API keys."""


@dataclass(frozen=True, slots=True, init=False)
class Rule:
    """
    What a caller must be and hold: all of ``scopes``, and any one of ``roles`` when there are any.

    ```python
    Rule(scopes={"orders:refund"}, roles={"manager"})
    Rule(kinds=EVERY_KIND - {"key"})  # no API keys
    Rule(arguments={"amount": {"type": "integer", "maximum": 100}}, limit="30 per minute")
    Rule(public=True)  # also for callers without a token
    ```

    ``Rule(scopes={"mcp:tools", "mcp:admin"}, roles={"admin"})``; a bare string names one.
    ``kinds`` says who may come at all: ``Rule(kinds={"person"})`` keeps services and API keys out,
    whatever they hold. Left out, every kind may.

    ``Rule(public=True)`` lets everybody in, also callers without a token. It is only for one tool,
    prompt or resource by its exact name, and the base rule does not hold for it.

    ``Rule(scopes={"shop:refund"}, advertised=True)`` is listed for callers that only lack a sign-in or
    the scopes, so that clients can offer the sign-in. Nobody can use more. As for a public rule, the
    name must be exact.

    ``arguments`` has a condition for each argument that a call must have, as a JSON Schema:
    ``Rule(arguments={"amount": {"type": "integer", "maximum": 100}})``. ``{"claim": "sub"}`` is the
    caller's own value. For a resource template, arguments are its variables.

    ``limit="30 per minute"`` is how often one caller may do what the rule decides, ``concurrent`` how
    many of the calls may run at the same time.

    Raises:
        ConfigurationError: with reason ``not-a-kind``, ``public-with-conditions``,
            ``argument-schema`` or ``not-a-rate``.
    """

    scopes: frozenset[str]
    roles: frozenset[str]
    kinds: frozenset[Kind]
    public: bool
    advertised: bool
    arguments: ArgumentConditions | None
    limit: str | None
    concurrent: int | None

    def __init__(
        self,
        scopes: Collection[str] = (),
        roles: Collection[str] = (),
        kinds: Collection[Kind] | Kind = (),
        *,
        public: bool = False,
        advertised: bool = False,
        arguments: Mapping[str, Mapping[str, Any]] | None = None,
        limit: str | None = None,
        concurrent: int | None = None,
    ) -> None:
        object.__setattr__(self, "scopes", _names(scopes))
        object.__setattr__(self, "roles", _names(roles))
        object.__setattr__(self, "kinds", _kinds(kinds))
        object.__setattr__(self, "public", public)
        object.__setattr__(self, "advertised", advertised)
        conditions = ArgumentConditions(arguments) if arguments else None
        object.__setattr__(self, "arguments", conditions)
        object.__setattr__(self, "limit", limit)
        object.__setattr__(self, "concurrent", concurrent)
        if limit is not None or concurrent is not None:
            CallLimit(limit, concurrent)  # Refuses what is no limit.
        if public and (self.scopes or self.roles or _names(kinds) or arguments):
            raise ConfigurationError(
                "public-with-conditions",
                "A public rule has scopes, roles, kinds or conditions for arguments.",
                "Leave out public=True, or the conditions.",
            )


def _kinds(given: Collection[Kind] | Kind) -> frozenset[Kind]:
    named = frozenset(kind for kind in EVERY_KIND if kind in _names(given))
    # A misspelt kind would refuse every caller that it should admit.
    if unknown := sorted(_names(given) - EVERY_KIND):
        raise ConfigurationError(
            "not-a-kind",
            f"{unknown[0]!r} is not a kind of caller.",
            f"Kinds are {', '.join(sorted(EVERY_KIND))}.",
        )
    return named or EVERY_KIND


def _names(given: Collection[str]) -> frozenset[str]:
    # A string is a collection of letters, and no caller would meet a rule about letters.
    return frozenset([given] if isinstance(given, str) else given)


Reached = Literal["prompts/get", "resources/read"]


class Operation(msgspec.Struct, frozen=True, gc=False):
    """
    One thing a caller wants done: ``Operation("tools/call", "add")``.

    ```python
    refund = Operation("tools/call", "refund")
    assert not guard.policy.decide(None, refund).allowed
    ```

    ``method`` is empty for a response that a client of a legacy protocol revision posts. ``reaches``
    is the method that uses what ``completion/complete`` refers to, where a request says it.
    """

    method: str
    name: str | None = None
    reaches: Reached | None = None


# The operations of GET and DELETE at an MCP endpoint. No message may use these names: a rule for
# them is a rule for the HTTP method.
OPEN_STREAM = Operation("stream/open")
END_SESSION = Operation("session/end")

# Methods that only describe the server or keep a conversation going. They are decided
# by the base rule unless a rule names them. Whatever runs a tool, reads a resource, writes a prompt
# or touches a task is not here: without a rule it is refused.
CONVERSATION = frozenset(
    {
        "",
        OPEN_STREAM.method,
        END_SESSION.method,
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

# What a caller without a token may do, besides what is public: find out what that is.
STRANGERS_CONVERSATION = frozenset(
    {
        "initialize",
        "ping",
        "server/discover",
        "tools/list",
        "prompts/list",
        "resources/list",
        "resources/templates/list",
        "notifications/initialized",
        "notifications/cancelled",
    }
)

# The methods whose names can be public.
PUBLIC_METHODS = frozenset({"tools/call", "prompts/get", "resources/read"})

# Operations that reach a prompt or a resource by another method. The rules of their target decide:
# a caller who may not read a resource may not complete its template either.
REACHES = {
    "completion/complete": ("prompts/get", "resources/read"),
    "resources/subscribe": ("resources/read",),
    "resources/unsubscribe": ("resources/read",),
}

REFERENCES: Mapping[str, Reached] = {"ref/prompt": "prompts/get", "ref/resource": "resources/read"}
"""The methods that use what ``completion/complete`` refers to, by the type of the reference."""


def reached_by(method: str, name: str | None, reaches: Reached | None) -> tuple[str, ...]:
    """
    Return the methods whose rules decide ``method``.

    Rules for resources say nothing about a prompt: where the reference has no type, the name is of
    a resource if it is written as a URI.
    """
    targets = REACHES.get(method, ())
    if len(targets) < 2 or name is None:
        return targets
    return (reaches or ("resources/read" if "://" in name else "prompts/get"),)
