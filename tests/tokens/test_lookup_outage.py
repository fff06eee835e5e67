"""While an issuer that is asked about tokens is down, its callers are told so at once."""

import pytest

from doorward.net import AnswerUnusable, Fetched, FetchFailed, FetchRefused
from doorward.tokens import CredentialVerifier
from doorward.tokens.refusals import InactiveToken, LookupUnavailable
from tests.tokens.asked import ISSUER, NOW, Asked, active, answer, lookup, opaque


class Time:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def asking(said: Fetched | FetchFailed) -> tuple[CredentialVerifier, Asked, Time]:
    """Return a verifier, the issuer that it asks, which says this, and the time."""
    asked, time = Asked(lambda _url: said), Time()
    return CredentialVerifier([opaque()], clock=time, fetcher=asked), asked, time


async def told(verifier: CredentialVerifier, token: bytes) -> int:
    """Return when the caller may come again."""
    with pytest.raises(LookupUnavailable) as refusal:
        await verifier.verify(token)
    assert (refusal.value.status, refusal.value.code) == (503, "token-lookup-unavailable")
    return refusal.value.retry_after


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(FetchFailed("took longer than 5.0 s"), id="silence"),
        *(pytest.param(answer({}, status), id=str(status)) for status in (429, 502, 503, 504)),
    ],
)
async def test_an_issuer_that_is_down_is_not_asked_by_every_caller(
    said: Fetched | FetchFailed,
) -> None:
    verifier, asked, time = asking(said)
    seconds = [await told(verifier, b"alices")]
    time.now += 3
    seconds.append(await told(verifier, b"bobs"))

    assert (seconds, len(asked.questions)) == ([5, 2], 1)
    time.now += 2
    asked.says = lambda _url: answer(active())
    assert (await verifier.verify(b"bobs")).issuer == ISSUER


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(answer({}, 500), id="broken-for-this-token"),
        pytest.param(answer({}, 404), id="not-there"),
        pytest.param(answer(b"<html>", media_type="text/html"), id="a-page"),
        pytest.param(AnswerUnusable("sent more than 65536 bytes"), id="too-much"),
        pytest.param(FetchRefused("leads to 10.0.0.1"), id="nothing-was-sent"),
    ],
)
async def test_what_one_token_can_cause_locks_nobody_else_out(said: Fetched | FetchFailed) -> None:
    verifier, asked, _ = asking(said)
    assert await told(verifier, b"alices") == 5
    asked.says = lambda _url: answer(active())

    assert (await verifier.verify(b"bobs")).issuer == ISSUER


async def test_a_token_that_is_not_active_is_no_outage() -> None:
    verifier, asked, _ = asking(answer({"active": False}))
    for token in (b"alices", b"bobs"):
        with pytest.raises(InactiveToken):
            await verifier.verify(token)

    assert len(asked.questions) == 2


async def test_an_issuer_whose_metadata_cannot_be_had_is_left_in_peace_too() -> None:
    asked, time = Asked(lambda _url: FetchFailed("down")), Time()
    issuer = opaque(lookup=lookup(endpoint=None))
    verifier = CredentialVerifier([issuer], clock=time, fetcher=asked)
    await told(verifier, b"alices")
    first = len(asked.questions)
    time.now += 4

    assert await told(verifier, b"bobs") == 1
    assert len(asked.questions) == first
    time.now += 1
    await told(verifier, b"bobs")
    assert len(asked.questions) == 2 * first
