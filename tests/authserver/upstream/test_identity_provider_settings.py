"""The settings of an identity provider say what must be changed, when they are made."""

from dataclasses import replace
from typing import Any

import pytest

from doorward.authserver.settings.admission import Allow
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.settings.identity_provider import IdentityProvider
from doorward.authserver.settings.resource import Resource
from doorward.errors import ConfigurationError
from tests.authserver.harness import ISSUER, RESOURCE, SCOPES
from tests.authserver.upstream.conftest import identity_provider

SETTINGS = AuthServerSettings(issuer=ISSUER, resources=(Resource(uri=RESOURCE, scopes=SCOPES),))


def test_a_kind_brings_its_issuer_its_name_and_its_title() -> None:
    google = IdentityProvider(
        kind="google", client_id="1", client_secret="2", allow=Allow(everyone=True)
    )

    assert google.issuer_url == "https://accounts.google.com"
    assert (google.name, google.title) == ("google", "Google")
    assert "secret" not in repr(google) or "client_secret='2'" not in repr(google)


def test_an_issuer_alone_is_enough_for_an_openid_provider() -> None:
    provider = IdentityProvider(
        issuer="https://login.example/realms/x", client_id="1", allow=Allow(everyone=True)
    )

    assert (provider.name, provider.title) == ("sso", "login.example")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"issuer": None}, "provider-issuer"),
        ({"issuer": None, "kind": "keycloak"}, "provider-issuer"),
        ({"kind": "gogle"}, "unknown-provider"),
        ({"issuer": "http://login.example"}, "insecure-issuer"),
        ({"issuer": "login.example"}, "not-an-issuer"),
        ({"name": "../token"}, "provider-name"),
        ({"name": "Big"}, "provider-name"),
        ({"client_id": " "}, "provider-client"),
        ({"client_secret": ""}, "provider-client"),
        ({"allow": ()}, "provider-allows-nobody"),
        ({"allow": Allow(organizations={"acme"})}, "provider-does-not-tell"),
        ({"kind": "google", "allow": Allow(groups={"mcp"})}, "provider-does-not-tell"),
        ({"kind": "google", "group_roles": {"mcp": ("admin",)}}, "provider-does-not-tell"),
        ({"kind": "linkedin", "allow": Allow(organizations={"1"})}, "provider-does-not-tell"),
        ({"kind": "azure-b2c", "allow": Allow(domains={"a.example"})}, "provider-does-not-tell"),
        ({"kind": "azure-b2c", "allow": Allow(emails={"a@a.example"})}, "provider-does-not-tell"),
        ({"user_scopes": "mcp:read"}, "not-a-set-of-names"),
        ({"group_scopes": {"staff": "mcp:read"}}, "not-a-set-of-names"),
        ({"provider_scopes": ("two scopes",)}, "not-a-scope"),
        ({"required_amr": "mfa"}, "provider-authentication"),
        ({"acr_values": ("one two",)}, "provider-authentication"),
        ({"acr_values": ("",)}, "provider-authentication"),
        ({"kind": "github", "issuer": None, "required_amr": ("mfa",)}, "provider-without-id-token"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_to_change(
    changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        identity_provider(**changes)

    assert refused.value.reason == reason
    assert refused.value.hint


MFA: dict[str, Any] = {"required_amr": ("mfa",)}
READ: dict[str, Any] = {"user_scopes": ("mcp:read",)}


@pytest.mark.parametrize(
    "other",
    [
        identity_provider(name="b", title="B", client_id="another", allow=Allow(groups={"b"})),
        identity_provider(name="b", issuer="https://other.example", **MFA, **READ),
        identity_provider(name="b", disabled=True, **MFA),
    ],
)
def test_two_providers_may_differ_in_what_gives_no_account_more(other: IdentityProvider) -> None:
    settings = replace(SETTINGS, identity_providers=(identity_provider(), other))

    assert len(settings.identity_providers) == 2


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"identity_providers": (identity_provider(), identity_provider())}, "provider-twice"),
        (
            {"identity_providers": (identity_provider(user_scopes=("mcp:rad",)),)},
            "provider-grants-unknown-scope",
        ),
        (
            {"identity_providers": (identity_provider(group_scopes={"staff": ("x",)}),)},
            "provider-grants-unknown-scope",
        ),
        (
            {"identity_providers": (identity_provider(), identity_provider(name="b", **MFA))},
            "provider-issuer-twice",
        ),
        (
            {"identity_providers": (identity_provider(), identity_provider(name="b", **READ))},
            "provider-issuer-twice",
        ),
        ({"own_users": False}, "no-way-to-sign-in"),
    ],
)
def test_providers_that_do_not_fit_the_server_are_refused(
    changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        replace(SETTINGS, **changes)

    assert refused.value.reason == reason


def test_own_users_sign_in_unless_a_provider_takes_their_place() -> None:
    with_provider = replace(SETTINGS, identity_providers=(identity_provider(),))

    assert SETTINGS.has_own_users
    assert not with_provider.has_own_users
    assert replace(with_provider, own_users=True).has_own_users
