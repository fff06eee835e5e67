"""The incoming token is never passed on or shown."""

import json
from typing import Any

import pytest

from doorward.downstream import NoSubjectToken, SameToken, TokenForUs
from doorward.testing import TokenMint
from tests.downstream.conftest import OURS, Clock
from tests.downstream.issuer import Issuer, granting
from tests.downstream.one_grant import INBOUND, downstream_of, exchange, get
from tests.ledger import proves


@proves("sec-no-passthrough", "refuses")
async def test_the_inbound_token_is_never_returned(issuer: Issuer, clock: Clock) -> None:
    issuer.answer = lambda form: (200, {**granting(form)[1], "access_token": INBOUND})

    with pytest.raises(SameToken) as refusal:
        await get(downstream_of(issuer, clock), issuer)

    assert INBOUND not in repr(refusal.value) + str(refusal.value)


@pytest.mark.parametrize("audience", [OURS, ["orders", OURS]])
async def test_a_token_whose_audience_is_this_server_is_never_returned(
    issuer: Issuer, clock: Clock, audience: Any
) -> None:
    token = TokenMint().mint(audience=audience)
    issuer.answer = lambda form: (200, {**granting(form)[1], "access_token": token})

    with pytest.raises(TokenForUs) as refusal:
        await get(downstream_of(issuer, clock), issuer)

    assert token not in str(refusal.value)


async def test_a_token_only_for_the_next_server_is_returned(issuer: Issuer, clock: Clock) -> None:
    token = TokenMint().mint(audience=["orders", OURS + "-admin"])
    issuer.answer = lambda form: (200, {**granting(form)[1], "access_token": token})

    assert await get(downstream_of(issuer, clock), issuer) == token


async def test_a_token_is_sent_only_to_its_own_issuer(issuer: Issuer, clock: Clock) -> None:
    with pytest.raises(NoSubjectToken):
        await get(downstream_of(issuer, clock), issuer, issuer="https://other.example")

    assert issuer.forms == []


async def test_a_trusted_issuer_setting_allows_sending_its_tokens(
    issuer: Issuer, clock: Clock
) -> None:
    grant = exchange(issuer, trusted_issuers={"https://other.example"})
    downstream = downstream_of(issuer, clock, grant=grant)

    assert await get(downstream, issuer, issuer="https://other.example")


async def test_an_api_key_is_not_sent_to_an_issuer(issuer: Issuer, clock: Clock) -> None:
    with pytest.raises(NoSubjectToken):
        await get(downstream_of(issuer, clock), issuer, kind="key")

    assert issuer.forms == []


async def test_a_token_is_in_its_string_but_not_in_its_repr(issuer: Issuer, clock: Clock) -> None:
    token = await get(downstream_of(issuer, clock), issuer)

    assert f"Bearer {token}" == "Bearer token-orders-"
    assert "token-orders" not in repr(token) + repr([token]) + f"{token!r}"
    assert json.dumps({"t": token}) == '{"t": "token-orders-"}'
