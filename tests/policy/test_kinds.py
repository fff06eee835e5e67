"""Rules for kinds of callers: people, services and API keys."""

from typing import Any

import pytest

from doorward.errors import ConfigurationError
from doorward.identity import Identity, Kind
from doorward.policy import EVERY_KIND, Operation, Policy, Rule

PAY = Operation("tools/call", "pay")
IMPORT = Operation("tools/call", "import")
READ = Operation("tools/call", "read")
POLICY = Policy(
    base=Rule(scopes="mcp:read"),
    rules={
        ("tools/call", "pay"): Rule(scopes="mcp:pay", kinds={"person"}),
        ("tools/call", "import"): Rule(kinds={"service", "key"}),
        ("tools/call", "read"): Rule(),
    },
)


def caller(kind: Kind, *scopes: str) -> Identity:
    return Identity(
        issuer="https://login.example",
        subject="x",
        client_id="client",
        scopes=frozenset(scopes),
        roles=frozenset(),
        expires_at=2e9,
        kind=kind,
    )


@pytest.mark.parametrize("kind", ["person", "service", "key"])
def test_a_rule_without_kinds_allows_every_kind(kind: Kind) -> None:
    decision = POLICY.decide(caller(kind, "mcp:read"), READ)

    assert decision.allowed
    assert decision.kinds == EVERY_KIND == {"person", "service", "key"}


@pytest.mark.parametrize(
    ("operation", "kind", "allowed"),
    [
        (PAY, "person", True),
        (PAY, "service", False),
        (PAY, "key", False),
        (IMPORT, "person", False),
        (IMPORT, "service", True),
        (IMPORT, "key", True),
    ],
)
def test_a_rule_allows_the_kinds_that_it_names(
    operation: Operation, kind: Kind, allowed: bool
) -> None:
    decision = POLICY.decide(caller(kind, "mcp:read", "mcp:pay"), operation)

    assert decision.allowed is allowed
    assert decision.reason == ("allowed" if allowed else "kind-not-allowed")


def test_a_wrong_kind_is_reported_before_a_missing_scope() -> None:
    decision = POLICY.decide(caller("service"), PAY)

    assert decision.reason == "kind-not-allowed"
    assert decision.kinds == {"person"}
    assert decision.scopes == {"mcp:read", "mcp:pay"}


def test_base_rule_and_rule_must_both_allow_the_kind() -> None:
    policy = Policy(
        base=Rule(kinds={"person", "service"}),
        rules={("tools/call", "pay"): Rule(kinds={"service", "key"})},
    )

    told = {kind: policy.decide(caller(kind), PAY).allowed for kind in EVERY_KIND}

    assert told == {"person": False, "service": True, "key": False}


def test_a_rule_accepts_a_single_kind_or_a_collection() -> None:
    assert Rule(kinds="person").kinds == {"person"}
    assert Rule(kinds=["key", "person"]).kinds == {"key", "person"}


@pytest.mark.parametrize("kinds", ["human", {"person", "robot"}, {""}])
def test_an_unknown_kind_is_refused_at_start_up(kinds: Any) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        Rule(kinds=kinds)

    assert refusal.value.reason == "not-a-kind"


def test_a_rule_whose_kinds_the_base_rule_excludes_is_refused_at_start_up() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        Policy(
            base=Rule(kinds={"person"}),
            rules={("tools/call", "import"): Rule(kinds={"service"})},
        )

    assert refusal.value.reason == "kinds-exclude-everybody"


def test_the_matrix_shows_the_kinds() -> None:
    lines = {line.operation.name: line.kinds for line in POLICY.matrix()}

    assert lines == {"pay": {"person"}, "import": {"service", "key"}, "read": EVERY_KIND}
