"""The operator's policy and the author's rules together, without a server."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from doorward.errors import ConfigurationError
from doorward.identity import Identity
from doorward.integrations.declared_rules import (
    DeclaredPolicy,
    SingleNameDeclarations,
    requires,
    rules_on,
)
from doorward.policy import Decision, Operation, Policy, Rule
from doorward.policy.lists import only_permitted, without_subscriptions
from tests.ledger import proves

BASE = Policy(base=Rule(scopes={"mcp:read"}), rules={("tools/call", "both"): Rule(roles={"staff"})})


class Written(SingleNameDeclarations):
    """Rules by operation, that can be rewritten."""

    def __init__(self, **tools: Rule) -> None:
        self.rules = {("tools/call", name): [rule] for name, rule in tools.items()}

    def rules_of(self, operation: Operation) -> Sequence[Rule]:
        return self.rules.get((operation.method, operation.name or ""), [])

    def declared(self) -> Mapping[tuple[str, str], Sequence[Rule]]:
        return self.rules


def caller(*scopes: str, roles: tuple[str, ...] = (), kind: Any = "person") -> Identity:
    """Return somebody who may read."""
    return Identity(
        issuer="https://issuer.example",
        subject="alice",
        client_id="client",
        scopes=frozenset({"mcp:read", *scopes}),
        roles=frozenset(roles),
        expires_at=2e9,
        kind=kind,
    )


def test_both_rules_must_be_met_and_a_refusal_names_the_scopes_of_both() -> None:
    policy = DeclaredPolicy(BASE, Written(both=Rule(scopes={"x"}, roles={"chief"})))
    wanted = Operation("tools/call", "both")

    assert policy.decide(caller("x", roles=("staff", "chief")), wanted).allowed
    narrow = policy.decide(caller(roles=("staff", "chief")), wanted)
    assert narrow.reason == "scope-missing"
    assert narrow.scopes == {"mcp:read", "x"}
    for roles in (("staff",), ("chief",), ()):
        assert policy.decide(caller("x", roles=roles), wanted).reason == "role-missing"


def test_the_kind_of_caller_is_checked_before_the_scopes() -> None:
    policy = DeclaredPolicy(BASE, Written(one=Rule(scopes={"x"}, kinds={"person"})))

    decision = policy.decide(caller(kind="service"), Operation("tools/call", "one"))

    assert decision.reason == "kind-not-allowed"


def test_completion_requires_the_rule_of_its_prompt() -> None:
    written = Written()
    written.rules[("prompts/get", "letter")] = [Rule(scopes={"x"})]
    policy = DeclaredPolicy(BASE, written)
    wanted = Operation("completion/complete", "letter")

    assert policy.decide(caller("x"), wanted).allowed
    assert policy.decide(caller(), wanted).reason == "scope-missing"


def test_a_cached_decision_is_dropped_when_the_rule_or_the_token_changes() -> None:
    written = Written(one=Rule())
    policy = DeclaredPolicy(BASE, written)
    wanted, alice = Operation("tools/call", "one"), caller()

    assert policy.decide(alice, wanted).allowed
    assert policy.decide(alice, wanted).allowed
    written.rules[("tools/call", "one")] = [Rule(scopes={"x"})]
    assert not policy.decide(alice, wanted).allowed
    assert policy.decide(
        msgspec.structs.replace(alice, scopes=frozenset({"mcp:read", "x"})), wanted
    ).allowed
    assert not policy.decide(alice, wanted).allowed
    written.rules.clear()
    assert policy.decide(alice, wanted).reason == "unknown-operation"


def test_the_matrix_combines_both_rules() -> None:
    policy = DeclaredPolicy(BASE, Written(both=Rule(scopes={"x"}), own=Rule(kinds={"person"})))

    lines = {line.operation.name: line for line in policy.matrix()}

    assert lines["both"].scopes == {"mcp:read", "x"}
    assert lines["both"].roles == (frozenset({"staff"}),)
    assert lines["own"].kinds == {"person"}


@proves("S197", "accepts", "one decision everywhere")
def test_the_matrix_combines_the_wildcard_rule_of_the_operator_with_an_authors_rule() -> None:
    base = Policy(rules={("tools/call", "*"): Rule(scopes={"y"})})
    policy = DeclaredPolicy(base, Written(own=Rule(scopes={"x"})))

    lines = {line.operation.name: line for line in policy.matrix()}

    assert lines["own"].scopes == {"x", "y"}


def test_rules_are_found_on_wrapped_functions() -> None:
    import functools

    @requires(scopes={"a"})
    @requires(scopes={"b"})
    def marked() -> None:
        """Be marked."""

    @functools.wraps(marked)
    def wrapped() -> None:
        """Hide it."""

    def hidden() -> None:
        wrapped()

    expected = {frozenset({"a"}), frozenset({"b"})}
    for one in (marked, wrapped, hidden, functools.partial(marked)):
        assert {rule.scopes for rule in rules_on(one)} == expected
    assert rules_on(None) == ()
    with pytest.raises(ConfigurationError) as refused:
        requires(scopes="a")
    assert refused.value.reason == "not-a-collection"


def test_a_filtered_page_keeps_its_cursor_and_has_a_private_cache_scope() -> None:
    page = {
        "tools": [{"name": "a"}, {"name": "b"}, {"title": "nameless"}],
        "nextCursor": "more",
        "ttlMs": 5,
        "cacheScope": "public",
    }

    shown = only_permitted("tools/list", page, lambda one: one.name == "a")

    assert shown == {
        "tools": [{"name": "a"}],
        "nextCursor": "more",
        "ttlMs": 5,
        "cacheScope": "private",
    }
    assert page["cacheScope"] == "public"
    other: dict[str, Any] = {"content": []}
    assert only_permitted("tools/call", other, lambda _: False) is other


def test_subscriptions_to_forbidden_resources_are_removed() -> None:
    params = {
        "notifications": {"resourceSubscriptions": ["a:1", "b:2", 3], "toolsListChanged": True}
    }

    kept = without_subscriptions(params, lambda one: one == Operation("resources/read", "a:1"))

    assert kept["notifications"] == {"resourceSubscriptions": ["a:1"], "toolsListChanged": True}


def test_decisions_of_a_policy_subclass_are_not_cached() -> None:
    class Named(Policy):
        def decide(self, identity: Identity | None, operation: Operation) -> Decision:
            allowed = identity is not None and identity.subject == "alice"
            return Decision(allowed, "allowed" if allowed else "role-missing")

    policy = DeclaredPolicy(Named(), Written(one=Rule()))
    wanted = Operation("tools/call", "one")

    assert policy.decide(caller(), wanted).allowed
    assert not policy.decide(msgspec.structs.replace(caller(), subject="bob"), wanted).allowed


@proves("S184", "refuses", "every spelling of a URI")
@pytest.mark.parametrize(
    ("uri", "reason"), [("a://b/c", "no-template-fits"), ("A://b", "uri-not-normal")]
)
def test_an_authors_rule_allows_no_uri_that_the_operators_template_refuses(
    uri: str, reason: str
) -> None:
    written = Written()
    written.rules[("resources/read", uri)] = [Rule()]
    policy = DeclaredPolicy(
        Policy(rules={("resources/read", "a://{x}"): Rule()}, unknown="base"), written
    )
    wanted = Operation("resources/read", uri)

    assert policy.decide(caller(), wanted).reason == reason
    assert policy.requirement(wanted) is None
    assert [line.operation.name for line in policy.matrix()] == ["a://{x}"]
    assert policy.decide(caller(), Operation("resources/read", "a://b")).allowed


@proves("S184", "accepts", "every spelling of a URI")
@proves("S184", "refuses", "every spelling of a URI")
@pytest.mark.parametrize("uri", ["files://Salaries.txt", "files://salaries.txt?page=1"])
def test_an_authors_rule_does_not_replace_the_operators_rule_for_an_equivalent_uri(
    uri: str,
) -> None:
    written, operation = Written(), Operation("resources/read", uri)
    written.rules[("resources/read", uri)] = [Rule(scopes={"read"})]
    stricter = {("resources/read", "files://salaries.txt"): Rule(scopes={"admin"})}
    policy = DeclaredPolicy(Policy(rules=stricter), written)

    refused = policy.decide(caller("read"), operation)
    line = policy.requirement(operation)

    assert (refused.reason, refused.scopes) == ("scope-missing", frozenset({"read", "admin"}))
    assert policy.decide(caller("read", "admin"), operation).allowed
    assert line is not None
    assert line.scopes == {"read", "admin"}
