"""``Guard(idp=…)``: the provider's name is enough, and what cannot work is refused at start-up."""

from typing import Any

import pytest

from doorward import Guard, Policy, Rule, TrustedIssuer
from doorward.errors import ConfigurationError
from doorward.idp import PROVIDERS, find

RESOURCE = "https://mcp.example/mcp"
ISSUER = "https://login.example/realms/mcp"
POLICY = Policy(base=Rule(scopes=frozenset({"mcp:read"})))


def guard(**told: Any) -> Guard:
    return Guard(**{"resource": RESOURCE, "policy": POLICY, "issuer": ISSUER, **told})


def test_naming_the_provider_is_enough() -> None:
    keycloak = find("keycloak")
    (one,) = guard(idp="keycloak").issuers
    assert isinstance(one, TrustedIssuer)

    assert (one.issuer, one.audience) == (ISSUER, RESOURCE)
    assert (one.profile, one.algorithms) == (keycloak.profile, keycloak.algorithms)


def test_without_a_provider_nothing_changes() -> None:
    assert guard().issuers == (TrustedIssuer(issuer=ISSUER, audience=RESOURCE),)


def test_what_is_said_goes_before_what_is_known() -> None:
    (one,) = guard(idp="keycloak", audience=("a", "b"), algorithms=("ES256",)).issuers
    assert isinstance(one, TrustedIssuer)

    assert (one.audience, one.algorithms) == (("a", "b"), ("ES256",))


@pytest.mark.parametrize("preset", PROVIDERS, ids=lambda preset: preset.name)
def test_every_provider_is_trusted_or_says_why_it_cannot_be(preset: Any) -> None:
    if preset.profile is None:
        with pytest.raises(ConfigurationError) as refusal:
            guard(idp=preset.name, audience="x")
        assert refusal.value.reason == "opaque-tokens"
        assert preset.title in refusal.value.problem
    else:
        assert guard(idp=preset.name, audience="x").issuers[0].profile == preset.profile


@pytest.mark.parametrize("name", ["entra", "cognito", "stytch", "authentik", "zitadel"])
def test_where_tokens_cannot_name_the_resource_the_audience_must_be_said(name: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        guard(idp=name)

    assert refusal.value.reason == "undecided-audience"
    assert find(name).audience in refusal.value.hint


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"idp": "nobody"}, "unknown-provider"),
        ({"idp": "keycloak", "issuer": None}, "no-issuers"),
        (
            {
                "idp": "keycloak",
                "issuer": None,
                "issuers": [TrustedIssuer(issuer=ISSUER, audience="x")],
            },
            "two-ways-to-name-issuers",
        ),
    ],
)
def test_half_a_setting_is_refused(told: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        guard(**told)

    assert refusal.value.reason == reason
