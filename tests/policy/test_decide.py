"""Policy decisions: each names everything that the caller lacks."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.errors import ConfigurationError
from doorward.identity import Identity
from doorward.policy import EVERY, Operation, Policy, Rule
from doorward.policy.rules import REACHES
from doorward.wire.jsonrpc.envelope import NAMED
from tests.ledger import proves

ADD = Operation("tools/call", "add")
POLICY = Policy(
    base=Rule(scopes=frozenset({"mcp:read"})),
    rules={
        ("tools/call", "add"): Rule(scopes=frozenset({"mcp:tools"})),
        ("tools/call", "audit"): Rule(
            scopes=frozenset({"mcp:tools", "mcp:admin"}), roles=frozenset({"admin", "auditor"})
        ),
        ("prompts/get", EVERY): Rule(scopes=frozenset({"mcp:prompts"})),
        ("resources/read", "file:///plan"): Rule(scopes=frozenset({"mcp:plans"})),
    },
)


def caller(*scopes: str, roles: frozenset[str] = frozenset()) -> Identity:
    """Return a caller with these scopes."""
    return Identity(
        issuer="https://login.example",
        subject="alice",
        client_id="client",
        scopes=frozenset(scopes),
        roles=roles,
        expires_at=2e9,
    )


@proves("S122", "accepts", "401 and 403 challenges")
def test_a_caller_with_every_required_scope_is_allowed() -> None:
    decision = POLICY.decide(caller("mcp:read", "mcp:tools"), ADD)

    assert decision.allowed
    assert decision.reason == "allowed"


@proves("S122", "refuses", "401 and 403 challenges")
@pytest.mark.parametrize("held", [(), ("mcp:read",), ("mcp:tools",), ("other",)])
def test_a_refusal_names_every_required_scope(held: tuple[str, ...]) -> None:
    decision = POLICY.decide(caller(*held), ADD)

    assert not decision.allowed
    assert decision.reason == "scope-missing"
    assert decision.scopes == {"mcp:read", "mcp:tools"}


def test_any_one_of_the_roles_suffices() -> None:
    scopes = ("mcp:read", "mcp:tools", "mcp:admin")
    operation = Operation("tools/call", "audit")

    for role in ("admin", "auditor"):
        assert POLICY.decide(caller(*scopes, roles=frozenset({role})), operation).allowed
    refused = POLICY.decide(caller(*scopes, roles=frozenset({"adm", "administrator"})), operation)
    assert refused.reason == "role-missing"
    assert refused.roles == {"admin", "auditor"}


def test_a_missing_scope_is_reported_before_a_missing_role() -> None:
    refused = POLICY.decide(caller("mcp:read"), Operation("tools/call", "audit"))

    assert refused.reason == "scope-missing"


def test_the_roles_of_the_base_rule_and_of_the_operation_are_both_required() -> None:
    policy = Policy(
        base=Rule(roles=frozenset({"staff"})),
        rules={("tools/call", "audit"): Rule(roles=frozenset({"admin"}))},
    )
    operation = Operation("tools/call", "audit")

    assert policy.decide(caller(roles=frozenset({"staff", "admin"})), operation).allowed
    assert policy.decide(caller(roles=frozenset({"admin"})), operation).roles == {"staff"}
    assert policy.decide(caller(roles=frozenset({"staff"})), operation).roles == {"admin"}


@proves("S138", "accepts", "scope hierarchy")
@pytest.mark.parametrize("held", ["mcp:tools", "mcp:write", "mcp:admin", "root"])
def test_a_broad_scope_contains_narrower_ones_transitively(held: str) -> None:
    policy = Policy(
        rules={("tools/call", "add"): Rule(scopes=frozenset({"mcp:tools"}))},
        hierarchy={
            "root": {"mcp:admin"},
            "mcp:admin": {"mcp:write"},
            "mcp:write": {"mcp:tools"},
        },
    )

    assert policy.decide(caller(held), ADD).allowed
    assert policy.reaches(caller(held), "mcp:tools")


@proves("S138", "refuses", "scope hierarchy")
@pytest.mark.parametrize(
    ("held", "needed"),
    [
        pytest.param("read", "readwrite", id="a-prefix-of-the-needed-one"),
        pytest.param("readwrite", "read", id="the-needed-one-is-a-prefix"),
        pytest.param("mcp", "mcp:tools", id="the-part-before-the-colon"),
        pytest.param("mcp:*", "mcp:tools", id="a-star"),
        pytest.param("MCP:TOOLS", "mcp:tools", id="another-case"),
        pytest.param("mcp:tools ", "mcp:tools", id="a-space"),
    ],
)
def test_similar_scopes_do_not_contain_each_other(held: str, needed: str) -> None:
    policy = Policy(
        rules={("tools/call", "add"): Rule(scopes=frozenset({needed}))},
        hierarchy={"admin": {needed}},
    )

    assert policy.decide(caller(held), ADD).reason == "scope-missing"


@proves("S138", "refuses", "scope hierarchy")
def test_a_narrow_scope_does_not_contain_the_broad_one() -> None:
    policy = Policy(
        rules={("tools/call", "add"): Rule(scopes=frozenset({"mcp:admin"}))},
        hierarchy={"mcp:admin": {"mcp:tools"}},
    )

    assert policy.decide(caller("mcp:tools"), ADD).reason == "scope-missing"


def test_scopes_that_contain_each_other_are_equal() -> None:
    policy = Policy(hierarchy={"a": {"b"}, "b": {"c"}, "c": {"a"}})

    for held in "abc":
        assert all(policy.reaches(caller(held), wanted) for wanted in "abc")


@given(
    st.dictionaries(
        st.sampled_from("abcdef"), st.frozensets(st.sampled_from("abcdef")), max_size=6
    ),
    st.sampled_from("abcdef"),
    st.sampled_from("abcdef"),
)
def test_a_scope_reaches_exactly_its_transitive_closure_in_the_hierarchy(
    hierarchy: dict[str, frozenset[str]], held: str, wanted: str
) -> None:
    seen, todo = {held}, [held]
    while todo:
        for narrow in hierarchy.get(todo.pop(), frozenset()):
            if narrow not in seen:
                seen.add(narrow)
                todo.append(narrow)

    assert Policy(hierarchy=hierarchy).reaches(caller(held), wanted) == (wanted in seen)


@proves("S153", "refuses", "denied under every name")
@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(Operation("tools/call", "unheard-of"), id="a-tool-without-a-rule"),
        pytest.param(Operation("tools/call", "Add"), id="a-tool-in-another-case"),
        pytest.param(Operation("tools/call", None), id="a-call-without-a-name"),
        pytest.param(Operation("tools/call", ""), id="a-call-with-an-empty-name"),
        pytest.param(Operation("resources/read", "file:///etc"), id="another-resource"),
        pytest.param(Operation("tasks/get", "t"), id="tasks"),
        pytest.param(Operation("tasks/list"), id="tasks-list"),
        pytest.param(Operation("completion/complete", "x/y"), id="completion-of-nothing-known"),
        pytest.param(Operation("Tools/List"), id="a-method-in-another-case"),
        pytest.param(Operation("sampling/createMessage"), id="a-method-of-the-other-side"),
        pytest.param(Operation("anything"), id="an-unknown-method"),
    ],
)
def test_an_operation_without_a_rule_is_refused(operation: Operation) -> None:
    policy = Policy(
        rules={("tools/call", "add"): Rule(), ("resources/read", "file:///plan"): Rule()}
    )

    assert policy.decide(caller("mcp:read", "mcp:tools"), operation).reason == "unknown-operation"


def test_the_base_rule_can_decide_operations_without_a_rule() -> None:
    policy = Policy(base=Rule(scopes=frozenset({"mcp:read"})), unknown="base")

    assert policy.decide(caller("mcp:read"), Operation("tools/call", "x")).allowed
    assert not policy.decide(caller(), Operation("tools/call", "x")).allowed


@pytest.mark.parametrize(
    "method",
    [
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
        "",
    ],
)
def test_conversation_methods_need_only_the_base_rule(method: str) -> None:
    assert POLICY.decide(caller("mcp:read"), Operation(method)).allowed
    assert POLICY.decide(caller("mcp:tools"), Operation(method)).scopes == {"mcp:read"}


def test_a_rule_for_one_name_overrides_the_rule_for_every_name() -> None:
    policy = Policy(
        rules={
            ("tools/call", EVERY): Rule(scopes=frozenset({"a"})),
            ("tools/call", "open"): Rule(),
        }
    )

    assert policy.decide(caller(), Operation("tools/call", "open")).allowed
    assert policy.decide(caller(), Operation("tools/call", "other")).scopes == {"a"}
    assert policy.decide(caller(), Operation("tools/call", None)).scopes == {"a"}


@proves("S153", "accepts", "denied under every name")
@proves("S153", "refuses", "denied under every name")
def test_completion_of_a_prompt_needs_the_permission_to_get_it() -> None:
    completing = Operation("completion/complete", "greeting")

    assert POLICY.decide(caller("mcp:read", "mcp:prompts"), completing).allowed
    assert POLICY.decide(caller("mcp:read"), completing).scopes == {"mcp:read", "mcp:prompts"}


@proves("S153", "accepts", "denied under every name")
@proves("S153", "refuses", "denied under every name")
@pytest.mark.parametrize("name", ["secret", "files://secret"])
def test_a_denied_name_is_denied_for_every_method(name: str) -> None:
    methods = {*NAMED, *REACHES, "completion/complete"}
    rules = {(method, name): Rule("admin") for method in ("tools/call", "prompts/get")}
    if name.startswith("files:"):
        rules = {("resources/read", name): Rule("admin")}
    policy = Policy(rules=rules)

    asked = {method: policy.decide(caller(), Operation(method, name)).allowed for method in methods}
    granted = {method for method, _ in rules} | {
        method
        for method, targets in REACHES.items()
        if any((target, name) in rules for target in targets)
    }

    assert not any(asked.values())
    assert all(policy.decide(caller("admin"), Operation(one, name)).allowed for one in granted)


def test_a_subscription_needs_the_permission_to_read() -> None:
    for method in ("resources/subscribe", "resources/unsubscribe"):
        watching = Operation(method, "file:///plan")
        assert POLICY.decide(caller("mcp:read", "mcp:plans"), watching).allowed
        assert POLICY.decide(caller("mcp:read"), watching).reason == "scope-missing"


def test_names_invented_by_peers_are_not_stored() -> None:
    policy = Policy(rules={("tools/call", EVERY): Rule()}, unknown="base")
    before = pickle.dumps(vars(policy))

    for number in range(100):
        policy.decide(caller(), Operation("tools/call", f"invented-{number}"))
        policy.decide(caller(), Operation(f"invented-{number}", "x"))

    assert pickle.dumps(vars(policy)) == before


def test_the_matrix_lists_every_rule_with_its_requirements() -> None:
    lines = {(line.operation.method, line.operation.name): line for line in POLICY.matrix()}

    audit = lines[("tools/call", "audit")]
    assert audit.scopes == {"mcp:read", "mcp:tools", "mcp:admin"}
    assert audit.roles == (frozenset({"admin", "auditor"}),)
    assert lines[("prompts/get", EVERY)].scopes == {"mcp:read", "mcp:prompts"}
    assert lines[("prompts/get", EVERY)].roles == ()
    assert len(lines) == 4


def test_a_rule_accepts_any_collection_or_a_single_name() -> None:
    rule = Rule(scopes="mcp:tools", roles=["admin"])

    assert rule.scopes == frozenset({"mcp:tools"})
    assert rule.roles == frozenset({"admin"})


@pytest.mark.parametrize("scope", ["two scopes", "", 'quo"te', "umläut"])
def test_an_invalid_scope_is_refused_at_start_up(scope: str) -> None:
    with pytest.raises(ConfigurationError) as rule:
        Policy(base=Rule(scopes=frozenset({scope})))
    with pytest.raises(ConfigurationError):
        Policy(hierarchy={"a": {scope}})

    assert rule.value.reason == "not-a-scope"


@pytest.mark.parametrize(
    "key",
    [
        ("", "add"),
        ("tools/call", ""),
        ("Tools/Call", "add"),
        ("tools/call ", "add"),
        ("\ttools/call", "*"),
        ("logging/setlevel", "*"),
        ("tools/list", "tools"),
        ("stream/open", "/mcp"),
        ("initialize", "initialize"),
    ],
)
def test_a_rule_for_an_impossible_operation_is_refused_at_start_up(
    key: tuple[str, str],
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        Policy(rules={key: Rule()})

    assert refusal.value.reason == "not-an-operation"


@pytest.mark.parametrize(
    "key",
    [("logging/setLevel", "*"), ("tools/list", "*"), ("Custom/Method", "x"), ("tools/call", "Add")],
)
def test_a_rule_for_a_known_or_custom_method_is_accepted(key: tuple[str, str]) -> None:
    assert Policy(rules={key: Rule()}).rules == {key: Rule()}
