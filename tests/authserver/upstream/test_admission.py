"""Who may enter, from the claims of a provider: what is odd or missing counts as no."""

from typing import Any

import pytest

from doorward.authserver.settings.admission import Allow, ProviderAccount, unmet_conditions
from doorward.authserver.upstream.id_tokens.account import read_account
from doorward.errors import ConfigurationError
from doorward.idp import find
from doorward.idp.sign_in import OPENID_SIGN_IN, ProviderSignIn
from tests.ledger import proves

JANE: dict[str, Any] = {
    "sub": "1",
    "email": "Jane@Example.com",
    "email_verified": True,
    "groups": ["staff"],
}


def account(facts: ProviderSignIn = OPENID_SIGN_IN, **changes: Any) -> ProviderAccount:
    claims = {name: value for name, value in {**JANE, **changes}.items() if value is not None}
    return read_account("https://login.example", claims, facts)


@pytest.mark.parametrize(
    "rule",
    [
        Allow(everyone=True),
        Allow(domains={"example.com"}),
        Allow(domains={"EXAMPLE.com", "example.org"}),
        Allow(groups={"staff", "boss"}),
        Allow(emails={"jane@example.com"}),
        Allow(subjects={"1"}),
        Allow(check=lambda one: one.subject == "1"),
        Allow(domains={"example.com"}, groups={"staff"}),
    ],
)
@proves("S204", "accepts", "admission by claims")
def test_an_account_with_the_claim_is_admitted(rule: Allow) -> None:
    assert rule.admits(account())


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        (Allow(domains={"example.com"}), {"email": None}),
        (Allow(domains={"example.com"}), {"email": ""}),
        (Allow(domains={"example.com"}), {"email": ["jane@example.com"]}),
        (Allow(domains={"example.com"}), {"email": "example.com"}),
        (Allow(domains={"example.com"}), {"email": "@example.com"}),
        (Allow(domains={"example.com"}), {"email": "jane@example.com.evil.example"}),
        (Allow(domains={"example.com"}), {"email": "jane@mail.example.com"}),
        (Allow(domains={"example.com"}), {"email": "eve@evil.example@example.com"}),
        (Allow(domains={"example.com"}), {"email": "eve@evil.example\n@example.com"}),
        (Allow(domains={"example.com"}), {"email_verified": None}),
        (Allow(domains={"example.com"}), {"email_verified": False}),
        (Allow(domains={"example.com"}), {"email_verified": "true"}),
        (Allow(domains={"example.com"}), {"email_verified": 1}),
        (Allow(emails={"jane@example.com"}), {"email_verified": "true"}),
        (Allow(emails={"1"}), {"email": None}),
        (Allow(groups={"staff"}), {"groups": None}),
        (Allow(groups={"staff"}), {"groups": []}),
        (Allow(groups={"staff"}), {"groups": "staff"}),
        (Allow(groups={"staff"}), {"groups": {"staff": True}}),
        (Allow(groups={"staff"}), {"groups": [["staff"]]}),
        (Allow(groups={"staff"}), {"groups": ["staff", 1]}),
        (Allow(groups={"staff"}), {"groups": ["Staff"]}),
        (Allow(organizations={"acme"}), {}),
        (Allow(subjects={"1"}), {"sub": "2"}),
        (Allow(subjects={"jane@example.com"}), {}),
        (Allow(domains={"example.com"}, groups={"boss"}), {}),
        (Allow(check=lambda _: "yes"), {}),  # type: ignore[arg-type, return-value]
        (Allow(check=lambda _: False), {}),
    ],
)
@proves("S43", "refuses", "odd groups claim means no groups")
@proves("S204", "refuses", "admission by claims")
def test_an_account_without_it_or_with_an_odd_one_is_not(
    rule: Allow, changes: dict[str, Any]
) -> None:
    assert not rule.admits(account(**changes))


@proves("S43", "accepts", "odd groups claim means no groups")
def test_a_list_of_names_is_the_groups() -> None:
    assert account(groups=["staff", "boss"]).groups == {"staff", "boss"}


def test_one_of_several_rules_is_enough() -> None:
    rules = (Allow(groups={"boss"}), Allow(emails={"jane@example.com"}))

    assert unmet_conditions(rules, account()) is None
    assert unmet_conditions(rules[:1], account()) is not None
    assert unmet_conditions((), account()) is not None


@proves("S204", "refuses", "admission by claims")
def test_at_google_the_domain_is_that_of_the_workspace_and_not_of_an_address() -> None:
    google = find("google").sign_in
    assert google is not None
    rule = Allow(domains={"example.com"})

    assert rule.admits(account(google, hd="example.com"))
    # A consumer account whose owner once read mail at example.com.
    assert not rule.admits(account(google))
    assert not rule.admits(account(google, hd=True))
    assert not rule.admits(account(google, hd="other.example"))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, "nobody-allowed"),
        ({"everyone": True, "groups": {"staff"}}, "nobody-allowed"),
        ({"domains": "example.com"}, "not-a-set-of-names"),
        ({"groups": [1]}, "not-a-set-of-names"),
        ({"emails": {""}}, "not-a-set-of-names"),
    ],
)
def test_a_rule_that_admits_by_mistake_is_refused(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Allow(**settings)

    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("rule", "changes", "said"),
    [
        (
            Allow(domains={"example.com"}),
            {"email_verified": None},
            "domains: came [], expected one of ['example.com'] (email_verified: absent)",
        ),
        (
            Allow(domains={"example.org"}),
            {},
            "domains: came ['example.com'], expected one of ['example.org'] (email_verified: True)",
        ),
        (
            Allow(groups={"boss"}),
            {},
            "groups: came ['staff'], expected one of ['boss'] (email_verified: True)",
        ),
        (
            Allow(check=lambda _: False),
            {},
            "check did not return True (email_verified: True)",
        ),
    ],
)
def test_the_log_says_what_came_and_what_was_expected(
    rule: Allow, changes: dict[str, Any], said: str
) -> None:
    assert unmet_conditions((rule,), account(**changes)) == said
