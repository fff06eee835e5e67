"""Invalid downstream settings are refused at start-up, and no secret is shown."""

from typing import Any

import pytest

from doorward.errors import ConfigurationError
from tests.downstream.conftest import Clock, caller
from tests.downstream.issuer import Issuer
from tests.downstream.one_grant import INBOUND, SECRET, downstream_of, exchange


async def test_an_unknown_target_is_a_configuration_error(issuer: Issuer, clock: Clock) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        await downstream_of(issuer, clock).token_for(caller(issuer), INBOUND, "mail", frozenset())

    assert refusal.value.reason == "unknown-downstream"


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"audience": None}, "no-target"),
        ({"issuer": None}, "no-token-endpoint"),
        ({"issuer": None, "token_endpoint": "https://i.example/token"}, "no-subject-issuer"),
        ({"token_endpoint": "http://i.example/token"}, "insecure-token-endpoint"),
        ({"issuer": "http://i.example"}, "insecure-issuer"),
        ({"client_secret": None}, "no-lookup-credentials"),
        ({"client_id": ""}, "no-lookup-credentials"),
        ({"scopes": {"two words"}}, "not-a-scope"),
    ],
)
def test_an_incomplete_grant_is_refused(issuer: Issuer, told: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        exchange(issuer, **told)

    assert refusal.value.reason == reason


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"max_entries": 0}, "not-a-limit"),
        ({"max_age": -1}, "not-a-limit"),
        ({"max_age": float("nan")}, "not-a-limit"),
        ({"grant": "https://orders.example"}, "not-an-arrangement"),
    ],
)
def test_invalid_limits_are_refused(
    issuer: Issuer, clock: Clock, told: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        downstream_of(issuer, clock, **told)

    assert refusal.value.reason == reason


def test_the_repr_of_a_grant_contains_no_secret(issuer: Issuer) -> None:
    assert SECRET not in repr(exchange(issuer))
