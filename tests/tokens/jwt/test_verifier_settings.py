"""The settings of a verifier: which issuers it can trust."""

from typing import Any

import pytest

from doorward.errors import ConfigurationError
from doorward.tokens import TrustedIssuer, Verifier
from tests.ledger import proves
from tests.tokens.signer import ISSUER, RESOURCE


@proves("S134", "refuses", "key fetching is bounded")
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"audience": ""}, "undecided-audience"),
        ({"audience": ()}, "undecided-audience"),
        ({"audience": (RESOURCE, "")}, "undecided-audience"),
        ({"issuer": "http://issuer.example"}, "insecure-issuer"),
        ({"issuer": "issuer.example"}, "not-an-issuer"),
        ({"issuer": "https://issuer.example?x=1"}, "not-an-issuer"),
        ({"jwks_uri": "http://issuer.example/keys"}, "insecure-keys"),
        ({"jwks_uri": "file:///keys.json"}, "insecure-keys"),
        ({"jwks_uri": "keys.json"}, "insecure-keys"),
        ({"algorithms": ()}, "no-algorithms"),
        ({"algorithms": ("none",)}, "unknown-algorithm"),
        ({"algorithms": ("ES256", "HS256")}, "unknown-algorithm"),
        ({"algorithms": ("es256",)}, "unknown-algorithm"),
    ],
)
def test_incomplete_or_unsafe_issuer_settings_are_refused(
    changes: dict[str, Any], reason: str
) -> None:
    good: dict[str, Any] = {"issuer": ISSUER, "audience": RESOURCE}
    TrustedIssuer(**good)
    with pytest.raises(ConfigurationError) as refusal:
        TrustedIssuer(**{**good, **changes})

    assert refusal.value.reason == reason
    assert refusal.value.hint


def test_a_verifier_without_issuers_or_with_a_duplicate_is_refused() -> None:
    one = TrustedIssuer(issuer=ISSUER, audience=RESOURCE)
    for issuers, reason in (([], "no-issuers"), ([one, one], "issuer-twice")):
        with pytest.raises(ConfigurationError) as refusal:
            Verifier(issuers)
        assert refusal.value.reason == reason


def test_the_trusted_issuers_can_be_listed() -> None:
    judge = Verifier([TrustedIssuer(issuer=ISSUER, audience=RESOURCE)])
    (said,) = judge.describe()
    assert said["issuer"] == ISSUER
    assert said["audience"] == [RESOURCE]
    assert said["algorithms"] == ["ES256", "RS256"]
    assert said["profile"] == "rfc9068"
