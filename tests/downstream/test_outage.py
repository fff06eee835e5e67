"""While the issuer is unavailable, callers get 503 without waiting."""

from typing import Any

import pytest

from doorward.downstream import (
    ClientCredentials,
    DownstreamGrant,
    DownstreamTokens,
    DownstreamUnavailable,
    GrantRefused,
    TokenExchange,
)
from doorward.identity import Identity
from doorward.net import FetchFailed, FetchResponse
from tests.downstream.conftest import Clock, caller
from tests.downstream.issuer import Issuer, granting
from tests.tokens.stub_issuer import StubIssuer, answer

FAR = "https://issuer.example"
GRANTED = answer({"access_token": "theirs", "token_type": "Bearer", "expires_in": 300})


def arranged(**changes: Any) -> TokenExchange:
    """Return an arrangement with the issuer that is far away."""
    usual = {
        "issuer": FAR,
        "token_endpoint": f"{FAR}/token",
        "client_id": "mcp-server",
        "client_secret": "of-these-tests-alone",
        "audience": "orders",
    }
    return TokenExchange(**{**usual, **changes})


def far_desk(
    clock: Clock, said: FetchResponse | FetchFailed
) -> tuple[DownstreamTokens, StubIssuer]:
    """Return ``DownstreamTokens`` with two next servers of one issuer and one of another, who all say this."""
    stub = StubIssuer(lambda _url: said)
    mail = arranged(client_id="mailer", audience="mail")
    other = ClientCredentials(
        token_endpoint="https://other.example/token", client_id="c", client_secret="s"
    )
    arrangements: dict[str, DownstreamGrant] = {"orders": arranged(), "mail": mail, "other": other}
    return DownstreamTokens(arrangements, clock=clock, fetcher=stub), stub


def user(subject: str) -> Identity:
    """Return a caller whose token that issuer made."""
    return caller(Issuer(FAR), subject, issuer=FAR)


async def told(downstream: DownstreamTokens, subject: str, name: str = "orders") -> int:
    """Return when the caller may come again."""
    with pytest.raises(DownstreamUnavailable) as refusal:
        await downstream.token_for(user(subject), f"of {subject}", name, frozenset())
    assert refusal.value.status == 503
    return refusal.value.retry_after


@pytest.mark.parametrize(
    ("said", "pause"),
    [
        pytest.param(FetchFailed("took longer than 5.0 s"), 5, id="silence"),
        pytest.param(answer({}, 429), 5, id="too-many"),
        pytest.param(answer({}, 503), 5, id="away"),
        pytest.param(answer({}, 503, retry_after="17"), 17, id="says-when"),
        pytest.param(answer({}, 429, retry_after="9999"), 300, id="says-never"),
        pytest.param(answer({"error": "temporarily_unavailable"}, 400), 5, id="by-its-word"),
    ],
)
async def test_an_unavailable_issuer_is_not_requested_again_during_the_pause(
    clock: Clock, said: FetchResponse | FetchFailed, pause: int
) -> None:
    downstream, stub = far_desk(clock, said)
    seconds = [await told(downstream, "alice")]
    clock.now += 3
    seconds += [await told(downstream, "bob"), await told(downstream, "alice", "mail")]

    assert (seconds, len(stub.requests)) == ([pause, pause - 3, pause - 3], 1)
    clock.now += pause - 3
    stub.says = lambda _url: GRANTED
    assert await downstream.token_for(user("bob"), "of bob", "mail", frozenset()) == "theirs"


async def test_an_outage_does_not_affect_another_issuer(clock: Clock) -> None:
    downstream, stub = far_desk(clock, FetchFailed("down"))
    await told(downstream, "alice")
    stub.says = lambda _url: GRANTED

    assert await downstream.token_for(user("alice"), "of alice", "other", frozenset()) == "theirs"


async def test_a_cached_token_is_returned_during_an_outage(clock: Clock) -> None:
    downstream, stub = far_desk(clock, GRANTED)
    await downstream.token_for(user("alice"), "of alice", "orders", frozenset())
    stub.says = lambda _url: FetchFailed("down")
    await told(downstream, "bob")

    assert await downstream.token_for(user("alice"), "of alice", "orders", frozenset()) == "theirs"


async def test_a_refused_grant_is_not_an_outage(clock: Clock) -> None:
    downstream, stub = far_desk(clock, answer({"error": "invalid_grant"}, 400))
    for _ in range(2):
        with pytest.raises(GrantRefused):
            await downstream.token_for(user("alice"), "of alice", "orders", frozenset())

    assert len(stub.requests) == 2


@pytest.mark.parametrize(
    "said", [(500, {}), (200, b"x" * 200_000)], ids=["broken-for-this-token", "too-much"]
)
async def test_an_error_that_one_token_causes_does_not_affect_other_callers(
    clock: Clock, issuer: Issuer, said: tuple[int, Any]
) -> None:
    orders = arranged(issuer=issuer.issuer, token_endpoint=issuer.token_endpoint)
    downstream = DownstreamTokens({"orders": orders}, clock=clock)
    issuer.answer = lambda form: said if form["subject_token"] == "alices" else granting(form)
    with pytest.raises(DownstreamUnavailable):
        await downstream.token_for(caller(issuer), "alices", "orders", frozenset())

    token = await downstream.token_for(caller(issuer, "bob"), "bobs", "orders", frozenset())
    assert token == "token-orders-"


async def test_unavailable_metadata_is_not_requested_again_during_the_pause(clock: Clock) -> None:
    stub = StubIssuer(lambda _url: FetchFailed("down"))
    downstream = DownstreamTokens(
        {"orders": arranged(token_endpoint=None)}, clock=clock, fetcher=stub
    )
    await told(downstream, "alice")
    first = len(stub.requests)
    clock.now += 4

    assert await told(downstream, "bob") == 1
    assert len(stub.requests) == first
    clock.now += 1
    await told(downstream, "bob")
    assert len(stub.requests) == 2 * first
