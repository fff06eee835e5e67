"""The permission matrix, and its comparison with a snapshot."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.errors import ConfigurationError
from doorward.identity import Identity, Kind
from doorward.policy import Operation, Policy, Rule
from doorward.policy.matrix import matrix_of, policy_of, who
from doorward.policy.rules import EVERY_KIND
from doorward.policy.snapshot import changes, document_of, matrix_in
from doorward.policy.why import explain

ADD, REFUND = ("tools/call", "add"), ("tools/call", "refund")
BASE = Rule(scopes={"mcp:read"})


def caller(
    scopes: frozenset[str] = frozenset(),
    roles: frozenset[str] = frozenset(),
    kind: Kind = "person",
) -> Identity:
    """Return a caller with these scopes and roles."""
    return Identity(
        issuer="https://login.example",
        subject="alice",
        client_id="client",
        scopes=scopes,
        roles=roles,
        expires_at=2e9,
        kind=kind,
    )


def wider(before: Policy, after: Policy) -> list[str]:
    """Return the titles of what became wider."""
    found = changes(matrix_in(document_of(matrix_of(before))), after)
    return [one.title for one in found if one.what == "wider"]


def narrower(before: Policy, after: Policy) -> list[str]:
    """Return the titles of what became narrower."""
    return [one.title for one in changes(matrix_of(before), after) if one.what == "narrower"]


def test_a_row_describes_the_allowed_callers_in_words() -> None:
    policy = Policy(
        base=BASE,
        rules={REFUND: Rule({"refunds"}, roles={"manager", "owner"}, kinds={"person"})},
        hierarchy={"all": {"refunds"}},
    )

    (row,) = matrix_of(policy).rows

    assert row.title == "tools/call refund"
    assert who(row) == "person with mcp:read and refunds or all, as manager or owner"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param({ADD: Rule("a")}, {ADD: Rule("a")}, [], id="the-same"),
        pytest.param({ADD: Rule("a")}, {ADD: Rule()}, ["tools/call add"], id="a-scope-less"),
        pytest.param({ADD: Rule("a")}, {ADD: Rule("b")}, ["tools/call add"], id="another-scope"),
        pytest.param({ADD: Rule("a")}, {ADD: Rule({"a", "b"})}, [], id="a-scope-more"),
        pytest.param(
            {ADD: Rule(roles="admin")},
            {ADD: Rule(roles={"admin", "clerk"})},
            ["tools/call add"],
            id="one-more-role-that-suffices",
        ),
        pytest.param(
            {ADD: Rule(roles={"admin", "clerk"})}, {ADD: Rule(roles="admin")}, [], id="a-role-less"
        ),
        pytest.param(
            {ADD: Rule(roles="admin")}, {ADD: Rule()}, ["tools/call add"], id="no-role-any-more"
        ),
        pytest.param(
            {ADD: Rule(kinds={"person"})}, {ADD: Rule()}, ["tools/call add"], id="services-too"
        ),
        pytest.param({ADD: Rule()}, {ADD: Rule(kinds={"person"})}, [], id="people-alone"),
        pytest.param(
            {ADD: Rule()}, {ADD: Rule(), REFUND: Rule("a")}, ["tools/call refund"], id="a-new-tool"
        ),
        pytest.param({ADD: Rule(), REFUND: Rule()}, {ADD: Rule()}, [], id="a-tool-less"),
        pytest.param(
            {ADD: Rule("a"), ("tools/call", "*"): Rule("a")},
            {("tools/call", "*"): Rule("a")},
            [],
            id="left-to-a-rule-that-is-as-strict",
        ),
        pytest.param(
            {ADD: Rule("a"), ("tools/call", "*"): Rule()},
            {("tools/call", "*"): Rule()},
            ["tools/call add"],
            id="left-to-a-looser-rule",
        ),
        pytest.param(
            {("resources/read", "n://{o}/key"): Rule("a"), ("resources/read", "n://{+p}"): Rule()},
            {("resources/read", "n://{+p}"): Rule()},
            ["resources/read n://{o}/key"],
            id="left-to-a-looser-template",
        ),
        pytest.param(
            {("resources/read", "n://{o}/key"): Rule("a"), ("resources/read", "*"): Rule()},
            {
                ("resources/read", "n://{o}/key"): Rule("a"),
                ("resources/read", "*"): Rule(),
                ("resources/read", "n://bob/key"): Rule(),
            },
            ["resources/read n://bob/key"],
            id="a-hole-in-a-template",
        ),
        pytest.param(
            {("resources/read", "n://{o}/key"): Rule("a"), ("resources/read", "*"): Rule()},
            {("resources/read", "n://bob/{k}"): Rule(), ("resources/read", "*"): Rule("a")},
            [
                "resources/read n://bob/{k}",
                "resources/read n://{o}/key (other URIs that begin with n://)",
            ],
            id="another-template-over-a-part-of-one",
        ),
        pytest.param(
            {("resources/read", "n://a"): Rule("a"), ("completion/complete", "*"): Rule("b")},
            {("resources/read", "n://a"): Rule("a")},
            ["completion/complete n://a"],
            id="another-method-for-the-same-resource",
        ),
        pytest.param({}, {("tools/list", "*"): Rule("a")}, [], id="a-list-for-fewer"),
        pytest.param(
            {("tools/call", "*"): Rule("a")},
            {("tools/call", "*"): Rule("a"), ADD: Rule({"a", "b"})},
            [],
            id="a-stricter-rule-for-one-of-many",
        ),
    ],
)
def test_a_wider_rule_is_reported(
    before: dict[tuple[str, str], Rule], after: dict[tuple[str, str], Rule], expected: list[str]
) -> None:
    assert wider(Policy(base=BASE, rules=before), Policy(base=BASE, rules=after)) == expected


def test_a_hierarchy_that_admits_more_callers_is_wider() -> None:
    rules = {ADD: Rule("a")}

    assert wider(Policy(rules=rules), Policy(rules=rules, hierarchy={"all": {"a"}})) == [
        "tools/call add"
    ]
    assert narrower(Policy(rules=rules, hierarchy={"all": {"a"}}), Policy(rules=rules)) == [
        "tools/call add"
    ]


def test_a_looser_base_rule_and_a_looser_default_are_wider() -> None:
    assert wider(Policy(base=BASE), Policy()) == ["what describes the server"]
    assert wider(Policy(base=BASE), Policy(base=BASE, unknown="base")) == [
        "everything without a rule"
    ]


def test_a_snapshot_is_read_back_unchanged() -> None:
    policy = Policy(
        base=BASE,
        rules={REFUND: Rule({"a"}, roles={"x", "y"}, kinds={"person", "key"}), ADD: Rule()},
        hierarchy={"all": {"a"}},
        unknown="base",
    )

    again = matrix_in(document_of(matrix_of(policy)))

    assert list(changes(again, policy)) == []
    assert document_of(again) == document_of(matrix_of(policy))


@pytest.mark.parametrize(
    "document", [None, [], {}, {"format": "other"}, {"format": "doorward permissions 1"}]
)
def test_a_malformed_snapshot_is_refused(document: object) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        matrix_in(document)

    assert refusal.value.reason == "not-a-snapshot"


def test_an_object_without_a_policy_is_refused() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        policy_of(object())

    assert refusal.value.reason == "no-policy"


names = st.frozensets(st.sampled_from(["a", "b", "c"]))
kinds = st.sampled_from([EVERY_KIND, *(frozenset({kind}) for kind in sorted(EVERY_KIND))])
rules = st.builds(Rule, names, names, kinds)
KEYS = ["n://a/key", "n://{o}/key", "n://a/{k}", "n://{+p}", "*"]
RULED = [
    ADD,
    REFUND,
    ("tools/call", "*"),
    ("tools/list", "*"),
    ("prompts/get", "*"),
    *(("resources/read", key) for key in KEYS),
    ("resources/subscribe", "*"),
    ("completion/complete", "*"),
    ("completion/complete", "n://a/key"),
]
policies = st.builds(
    lambda base, rules, hierarchy, unknown: Policy(
        base=Rule(base), rules=rules, hierarchy=hierarchy, unknown=unknown
    ),
    names,
    st.dictionaries(st.sampled_from(RULED), rules, max_size=5),
    st.dictionaries(st.sampled_from(["a", "b"]), names, max_size=1),
    st.sampled_from(["deny", "base"]),
)
callers = st.builds(caller, names, names, st.sampled_from(sorted(EVERY_KIND)))
operations = st.sampled_from([Operation(*ADD), Operation(*REFUND), Operation("tools/call", "x"),
                              Operation("tools/list"), Operation("prompts/get", "p"),
                              *(Operation(method, uri)
                                for method in ("resources/read", "resources/subscribe",
                                               "completion/complete")
                                for uri in ("n://a/key", "n://b/key", "n://a/b", "n://b/c/d", "m://x", "n://",
                                            "n://a/", "n://A/key", "n://a/key?q", "n://a%2Fkey",
                                            "n://a//key", "n://B/c", "n://a/key/"))])  # fmt: skip


few = st.frozensets(st.sampled_from(["a", "b"]))
one_rule = st.builds(
    lambda base, rule, hierarchy: Policy(base=base, rules={ADD: rule}, hierarchy=hierarchy),
    st.builds(Rule, few, few),
    st.builds(Rule, few, few, kinds),
    st.sampled_from([{}, {"a": {"b"}}]),
)
SUBSETS = [frozenset(one) for one in ((), ("a",), ("b",), ("a", "b"))]
EVERYBODY = [
    caller(scopes, roles, kind)
    for scopes in SUBSETS
    for roles in SUBSETS
    for kind in sorted(EVERY_KIND)
]


@pytest.mark.slow
@settings(max_examples=400)
@given(one_rule, one_rule)
def test_a_change_is_wider_exactly_when_it_admits_another_caller(
    before: Policy, after: Policy
) -> None:
    operation = Operation(*ADD)
    anew = [
        one
        for one in EVERYBODY
        if after.decide(one, operation).allowed and not before.decide(one, operation).allowed
    ]

    assert ("tools/call add" in wider(before, after)) == bool(anew)


@pytest.mark.slow
@settings(max_examples=500)
@given(policies, policies, operations)
def test_every_change_that_admits_another_caller_is_reported_as_wider(
    before: Policy, after: Policy, operation: Operation
) -> None:
    anew = [
        one
        for one in EVERYBODY
        if after.decide(one, operation).allowed and not before.decide(one, operation).allowed
    ]

    assert not anew or wider(before, after)


def test_a_new_rule_for_every_completion_is_wider_where_no_resource_had_a_rule() -> None:
    everybody = Rule()
    before = Policy(rules={("prompts/get", "*"): everybody})
    after = Policy(rules={("prompts/get", "*"): everybody, ("completion/complete", "*"): everybody})
    resource = Operation("completion/complete", "n://a", "resources/read")
    alice = caller(frozenset(), frozenset(), "person")

    assert not before.decide(alice, resource).allowed
    assert after.decide(alice, resource).allowed
    assert wider(before, after) == ["completion/complete (other resources)"]


@given(policies, callers, operations)
def test_an_explanation_agrees_with_the_decision(
    policy: Policy, who: Identity, operation: Operation
) -> None:
    told = explain(policy, who, operation)
    failed = [step.question for step in told.steps if step.passed is False]

    assert told.decision == policy.decide(who, operation)
    reasons = {
        "rule": {"unknown-operation", "no-template-fits", "uri-not-normal"},
        "kind": {"kind-not-allowed"},
        "scope": {"scope-missing"},
        "role": {"role-missing"},
    }
    assert told.decision.reason in (reasons[failed[0]] if failed else {"allowed"})
    assert len(set(failed)) <= 1


def test_checks_after_the_first_refusal_are_skipped() -> None:
    policy = Policy(base=BASE, rules={REFUND: Rule({"a", "b"}, roles="admin")})

    steps = explain(policy, caller(frozenset({"mcp:read"})), Operation(*REFUND)).steps

    assert [(step.question, step.wanted, step.passed) for step in steps] == [
        ("rule", "a rule", True),
        ("kind", "any kind", True),
        ("scope", "a", False),
        ("scope", "b", False),
        ("scope", "mcp:read", True),
        ("role", "admin", None),
    ]


def test_an_explanation_names_the_broader_scope_that_contains_the_required_one() -> None:
    policy = Policy(rules={ADD: Rule("a")}, hierarchy={"all": {"a"}})

    step = explain(policy, caller(frozenset({"all"})), Operation(*ADD)).steps[-1]

    assert (step.found, step.passed) == ("contained in all", True)
