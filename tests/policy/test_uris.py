"""A rule for a resource holds for every URI that could mean the resource."""

import pytest

from doorward.errors import ConfigurationError
from doorward.identity import Identity
from doorward.policy import EVERY, Operation, Policy, Rule
from doorward.policy.matrix import matrix_of
from doorward.policy.why import explain
from tests.ledger import proves
from tests.policy.test_decide import caller

READ = "resources/read"
METHODS = [READ, "resources/subscribe", "resources/unsubscribe", "completion/complete"]
READER, ADMIN = caller("read"), caller("read", "admin")


def policy(every: Rule | None = None) -> Policy:
    """Return a policy with one secret file among many, and what ``every`` says of the rest."""
    return Policy(
        rules={
            (READ, "files://salaries.txt"): Rule("admin"),
            (READ, "files://{name}"): Rule("read"),
            **({} if every is None else {(READ, EVERY): every}),
        },
        unknown="base",
    )


def reason(asked: Policy, who: Identity, uri: str, method: str = READ) -> str:
    """Return why ``who`` may or may not read ``uri``."""
    return asked.decide(who, Operation(method, uri)).reason


@proves("S184", "accepts", "every spelling of a URI")
def test_a_template_decides_its_uris_unless_a_uri_has_a_rule_of_its_own() -> None:
    assert reason(policy(), READER, "files://menu.txt") == "allowed"
    assert reason(policy(), READER, "files://menu.txt?lang=de") == "allowed"
    assert reason(policy(), READER, "files://salaries.txt") == "scope-missing"
    assert reason(policy(), caller("admin"), "files://salaries.txt") == "allowed"


@proves("S184", "refuses", "every spelling of a URI")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "uri",
    [
        "files://s%61laries.txt",
        "FILES://salaries.txt",
        "files://salaries.txt?",
        "files://salaries.txt#x",
        "files://./salaries.txt",
        "files://x/../salaries.txt",
        "files://salaries.txt%00",
        "files://salaries.txt\u200b",
        "files://x/%252e%252e/salaries.txt",
    ],
)
def test_a_uri_that_is_not_in_normal_form_is_refused(uri: str, method: str) -> None:
    every = Policy(rules={(method, EVERY): Rule()}, unknown="base")

    for asked in (policy(), policy(every=Rule()), every):
        assert reason(asked, ADMIN, uri, method) == "uri-not-normal"


@proves("S184", "refuses", "every spelling of a URI")
@pytest.mark.parametrize("method", METHODS[:3])
@pytest.mark.parametrize(
    "uri",
    [
        "files://salaries.txt?x=1",
        "files://Salaries.txt",
        "files://me@salaries.txt",
        "files://salaries.txt:80",
        "files://salaries.txt:",
        "files://%EF%BD%93alaries.txt",
        "files://s%2561laries.txt",
    ],
)
def test_a_lookalike_of_a_protected_uri_must_satisfy_both_rules(uri: str, method: str) -> None:
    assert reason(policy(), READER, uri, method) == "scope-missing"
    assert reason(policy(), caller("admin"), uri, method) == "scope-missing"
    assert reason(policy(), ADMIN, uri, method) == "allowed"


@proves("S184", "refuses", "every spelling of a URI")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("uri", ["files://a/b", "files://", "files://a%2Fb", "files://a/b?x=1"])
def test_a_uri_that_only_begins_like_a_template_is_refused(uri: str, method: str) -> None:
    assert reason(policy(), ADMIN, uri, method) == "no-template-fits"
    assert reason(policy(every=Rule()), ADMIN, uri, method) == "no-template-fits"


@proves("S184", "refuses", "every spelling of a URI")
@pytest.mark.parametrize("uri", ["files://salaries.txt%3Fx", "files://salaries.txt%23x"])
def test_an_encoded_query_or_fragment_delimiter_does_not_bypass_a_rule(uri: str) -> None:
    asked = Policy(rules={(READ, "files://salaries.txt"): Rule("admin"), (READ, EVERY): Rule()})

    assert reason(asked, READER, uri) == "scope-missing"
    assert reason(asked, READER, "files://salaries%3Fx") == "allowed"


@proves("S184", "refuses", "every spelling of a URI")
@pytest.mark.parametrize("method", METHODS[:3])
@pytest.mark.parametrize(
    "uri",
    [
        "files:///docs/a/b",
        "files:docs/a/b",
        "files:/docs/a/b",
        "files://DOCS/a/b",
        "files://me@docs/a/b",
        "files:///docs/a%2Fb",
    ],
)
def test_a_lookalike_of_a_uri_that_only_begins_like_a_template_is_refused(
    uri: str, method: str
) -> None:
    asked = Policy(rules={(READ, "files://docs/{name}"): Rule("admin"), (READ, EVERY): Rule()})

    assert reason(asked, ADMIN, uri, method) == "no-template-fits"
    assert reason(asked, READER, "files:///menu/a/b", method) == "allowed"


@proves("S184", "accepts", "every spelling of a URI")
def test_a_uri_outside_every_template_is_decided_by_the_rule_for_every_name() -> None:
    assert reason(policy(every=Rule("read")), READER, "notes://a") == "allowed"
    assert reason(policy(), READER, "notes://a") == "allowed"


@proves("S184", "refuses", "every spelling of a URI")
def test_every_template_that_an_application_may_match_must_be_satisfied() -> None:
    asked = Policy(
        rules={
            (READ, "files://{+path}"): Rule("read"),
            (READ, "files://secret/{name}"): Rule("admin"),
        }
    )

    assert reason(asked, READER, "files://menu.txt") == "allowed"
    for uri in ("secret/a", "secret%2Fa", "Secret/a", "secret//a", "secret/a/", "x@secret/a"):
        assert reason(asked, READER, f"files://{uri}") == "scope-missing", uri


def test_a_rule_with_a_query_applies_only_to_that_query() -> None:
    asked = Policy(
        rules={
            (READ, "list://all"): Rule("admin"),
            (READ, "list://all?short=1"): Rule(),
            (READ, "list://all?page={n}"): Rule("read"),
        }
    )

    assert reason(asked, caller(), "list://all?short=1") == "allowed"
    assert reason(asked, READER, "list://all?page=2") == "allowed"
    assert reason(asked, ADMIN, "list://all?page=2&short=1") == "allowed"
    assert reason(asked, ADMIN, "list://all?short=2") == "unknown-operation"


@proves("S184", "accepts", "every spelling of a URI")
def test_a_prompt_whose_name_is_not_a_uri_can_be_completed() -> None:
    asked = Policy(rules={("prompts/get", "Review: %61"): Rule(), (READ, "a://{x}"): Rule()})

    assert reason(asked, READER, "Review: %61", "completion/complete") == "allowed"
    assert reason(asked, READER, "a://{x}", "completion/complete") == "allowed"


@proves("S184", "refuses", "every spelling of a URI")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "uri",
    [
        "files://s%61laries.txt",
        "FILES://{name}",
        "files://x#{y}",
        "https://example.com",
        "files:// ",
    ],
)
def test_a_rule_for_a_uri_outside_normal_form_is_refused_at_start_up(uri: str, method: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        Policy(rules={(method, uri): Rule()})

    assert refusal.value.reason == "uri-not-normal"


def test_the_hint_at_start_up_names_the_normal_form() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        Policy(rules={(READ, "files://s%61laries.txt"): Rule()})

    assert refusal.value.hint == "Write 'files://salaries.txt'."


def test_an_explanation_names_the_normal_form_and_the_template() -> None:
    (spelled,) = explain(policy(), ADMIN, Operation(READ, "files://s%61laries.txt")).steps
    (begun,) = explain(policy(), ADMIN, Operation(READ, "files://a/b")).steps

    assert (spelled.wanted, spelled.passed) == ("the normal form files://salaries.txt", False)
    assert "template" in begun.found


@proves("S197", "accepts", "one decision everywhere")
def test_a_rule_for_prompts_decides_the_completion_of_a_prompt() -> None:
    asked = Policy(rules={("prompts/get", "a:b"): Rule(), (READ, EVERY): Rule("admin")})
    letter = Operation("completion/complete", "a:b", "prompts/get")

    assert asked.decide(READER, letter).allowed


@proves("S197", "refuses", "one decision everywhere")
def test_a_rule_for_resources_does_not_decide_the_completion_of_a_prompt() -> None:
    asked = Policy(rules={(READ, EVERY): Rule()})

    typed = asked.decide(READER, Operation("completion/complete", "letter", "prompts/get"))
    untyped = asked.decide(READER, Operation("completion/complete", "letter"))

    assert (typed.reason, untyped.reason) == ("unknown-operation", "unknown-operation")


@proves("S197", "refuses", "one decision everywhere")
def test_a_template_needs_the_scopes_that_its_uris_need() -> None:
    asked = Policy(rules={(READ, "a://{x}/{y}"): Rule("read"), (READ, "a://{+z}"): Rule("admin")})

    assert reason(asked, READER, "a://1/2") == "scope-missing"
    assert reason(asked, READER, "a://{x}/{y}") == "scope-missing"
    assert reason(asked, ADMIN, "a://{x}/{y}") == "allowed"
    needed = {one.operation.name: one.scopes for one in asked.matrix()}
    assert needed == {"a://{x}/{y}": {"read", "admin"}, "a://{+z}": {"admin"}}


@proves("S193", "accepts", "an empty matrix fails")
@proves("S193", "refuses", "an empty matrix fails")
def test_a_one_segment_template_does_not_restrict_one_across_segments() -> None:
    asked = Policy(
        rules={(READ, "files://{name}"): Rule("admin"), (READ, "files://{+path}"): Rule("read")}
    )
    matrix = matrix_of(asked)

    assert reason(asked, READER, "files://a/b") == "allowed"
    assert reason(asked, READER, "files://{+path}") == "allowed"
    assert reason(asked, READER, "files://a") == "scope-missing"
    assert reason(asked, READER, "files://{name}") == "scope-missing"
    for uri, scopes in (("files://a/b", {"read"}), ("files://a", {"admin", "read"})):
        row = matrix.row(READ, uri)
        assert row is not None
        assert row.scopes == scopes


@proves("S197", "accepts", "one decision everywhere")
@proves("S197", "refuses", "one decision everywhere")
@pytest.mark.parametrize("method", METHODS[1:])
def test_a_rule_for_every_name_grants_no_access_to_protected_names(method: str) -> None:
    asked = Policy(
        rules={
            (READ, "files://salaries.txt"): Rule("admin"),
            (READ, "files://{name}"): Rule(),
            ("prompts/get", "layoffs"): Rule("admin"),
            (method, EVERY): Rule("read"),
        }
    )

    assert reason(asked, READER, "files://salaries.txt", method) == "scope-missing"
    assert reason(asked, ADMIN, "files://salaries.txt", method) == "allowed"
    assert reason(asked, READER, "files://menu.txt", method) == "allowed"
    assert reason(asked, caller(), "files://menu.txt", method) == "scope-missing"
    assert reason(asked, READER, "notes://a", method) == "allowed"
    if method == "completion/complete":
        assert reason(asked, READER, "layoffs", method) == "scope-missing"
        assert reason(asked, READER, "hello", method) == "allowed"
