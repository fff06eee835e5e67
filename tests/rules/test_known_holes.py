"""The property can fail: each hole that was once open, opened again, makes it fail."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastmcp.server.providers.addressing import parse_hashed_backend_name

from doorward.integrations.fastmcp.decisions import _admit
from doorward.policy import Policy
from doorward.policy.rule_index import _Lookup
from doorward.policy.rules import Operation
from tests.rules.checking import Count
from tests.rules.property import Found, compare, send


@dataclass(frozen=True)
class Hole:
    """Replacements of parts of the code, after which the property must fail for one kind of server."""

    kind: str
    replaced: dict[str, Any]
    finds: Callable[..., Found | None] = field(default=send)


def _identity(value: Any, *_: Any) -> Any:
    return value


def _first_of_equal_members(data: bytes, **_: Any) -> Any:
    return json.loads(data, object_pairs_hook=lambda pairs: dict(reversed(pairs)))


async def _nothing_to_decide(*_: Any) -> None:
    return None


async def _no_addresses(server: Any, method: str, name: str, *more: Any) -> Any:
    if parse_hashed_backend_name(name) is not None:
        return None
    return await _admit(server, method, name, *more)


def _exact_name_alone(index: Any, method: str, name: str | None) -> Any:
    every = index._entries.get((method, "*"))
    return _Lookup(index._named.get((method, name), [] if every is None else [every]), [])


ANY_SPELLING = {
    "doorward.guard.middleware.require_normal_uris": lambda _: None,
    "doorward.policy.rule_index.is_usable": lambda *_: True,
    "doorward.policy.rule_index.coarse_form": _identity,
}
HOLES = {
    "another-spelling-of-a-uri": Hole("low-level", ANY_SPELLING),
    "rules-for-exact-names-alone": Hole(
        "low-level", {"doorward.policy.rule_index.RuleIndex._find": _exact_name_alone}
    ),
    "a-message-with-any-verb": Hole(
        "bare",
        {
            "doorward.guard.middleware.operation_of": lambda *_: Operation("ping"),
            "doorward.guard.middleware.without_body": _identity,
        },
    ),
    "two-members-of-one-name": Hole(
        "bare", {"doorward.wire.jsonrpc.envelope.parse": _first_of_equal_members}
    ),
    "tools-that-fastmcp-runs-inside": Hole(
        "fastmcp", {"doorward.integrations.fastmcp.decisions._admit": _nothing_to_decide}
    ),
    "the-address-of-a-tool-of-an-app": Hole(
        "fastmcp",
        {
            "doorward.integrations.fastmcp.decisions._admit": _no_addresses,
            "doorward.integrations.fastmcp.declared_rules.FastMcpDeclarations.listed": lambda _, operation: (
                operation
            ),
            "doorward.integrations.fastmcp.declared_rules.FastMcpDeclarations.other_names": lambda *_: [],
        },
    ),
    "kinds-of-callers-on-routes": Hole(
        "fastapi", {"doorward.integrations.fastapi._OneRule.rules_of": lambda *_: ()}
    ),
    "lists-of-everything": Hole(
        "low-level",
        {"doorward.integrations.mcp_sdk.adapter.only_permitted": lambda _, result, __: result},
    ),
    "completion-by-the-base-rule": Hole(
        "low-level", {"doorward.policy.rule_index.reached_by": lambda *_: ()}
    ),
    "subscriptions-to-everything": Hole(
        "sdk", {"doorward.integrations.mcp_sdk.adapter.without_subscriptions": _identity}, compare
    ),
    "a-matrix-without-authors-rules": Hole(
        "sdk",
        {"doorward.integrations.declared_rules.DeclaredPolicy.matrix": Policy.matrix},
        compare,
    ),
}
ENOUGH = 200


@pytest.mark.slow
@pytest.mark.parametrize("hole", HOLES.values(), ids=HOLES)
def test_the_property_fails_where_a_hole_is_open(
    hole: Hole, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, other in hole.replaced.items():
        monkeypatch.setattr(name, other)

    assert hole.finds(hole.kind, Count(), examples=ENOUGH) is not None
