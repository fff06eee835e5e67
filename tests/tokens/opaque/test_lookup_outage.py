"""While an introspection endpoint is unavailable, callers get 503 without waiting."""

from typing import Any

import pytest

from doorward.net import FetchFailed, FetchRefused, FetchResponse, UnusableResponse
from doorward.tokens import CredentialVerifier
from doorward.tokens.refusals import InactiveToken, LookupUnavailable
from tests.tokens.clock import FakeClock
from tests.tokens.opaque.opaque_verifier import opaque_verifier
from tests.tokens.stub_issuer import ISSUER, TOKEN, StubIssuer, active, answer, lookup, opaque


def asking(said: FetchResponse | FetchFailed) -> tuple[CredentialVerifier, StubIssuer, FakeClock]:
    """Return a verifier, the issuer that it asks, which says this, and the time."""
    stub, time = StubIssuer(lambda _url: said), FakeClock()
    return CredentialVerifier([opaque()], clock=time, fetcher=stub), stub, time


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
async def test_an_issuer_that_is_down_is_not_asked_again_before_the_pause_ends(
    said: FetchResponse | FetchFailed,
) -> None:
    verifier, stub, time = asking(said)
    seconds = [await told(verifier, b"alices")]
    time.now += 3
    seconds.append(await told(verifier, b"bobs"))

    assert (seconds, len(stub.requests)) == ([5, 2], 1)
    time.now += 2
    stub.says = lambda _url: answer(active())
    assert (await verifier.verify(b"bobs")).issuer == ISSUER


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(answer({}, 500), id="broken-for-this-token"),
        pytest.param(answer({}, 404), id="not-there"),
        pytest.param(answer(b"<html>", media_type="text/html"), id="a-page"),
        pytest.param(UnusableResponse("sent more than 65536 bytes"), id="too-much"),
        pytest.param(FetchRefused("leads to 10.0.0.1"), id="nothing-was-sent"),
    ],
)
async def test_a_failure_for_one_token_does_not_lock_out_other_callers(
    said: FetchResponse | FetchFailed,
) -> None:
    verifier, stub, _ = asking(said)
    assert await told(verifier, b"alices") == 5
    stub.says = lambda _url: answer(active())

    assert (await verifier.verify(b"bobs")).issuer == ISSUER


async def test_an_inactive_token_is_not_an_outage() -> None:
    verifier, stub, _ = asking(answer({"active": False}))
    for token in (b"alices", b"bobs"):
        with pytest.raises(InactiveToken):
            await verifier.verify(token)

    assert len(stub.requests) == 2


async def test_unavailable_metadata_is_not_fetched_again_before_the_pause_ends() -> None:
    stub, time = StubIssuer(lambda _url: FetchFailed("down")), FakeClock()
    issuer = opaque(lookup=lookup(endpoint=None))
    verifier = CredentialVerifier([issuer], clock=time, fetcher=stub)
    await told(verifier, b"alices")
    first = len(stub.requests)
    time.now += 4

    assert await told(verifier, b"bobs") == 1
    assert len(stub.requests) == first
    time.now += 1
    await told(verifier, b"bobs")
    assert len(stub.requests) == 2 * first


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(FetchFailed("nobody there"), id="nobody-answers"),
        pytest.param(answer({}, 500), id="broken"),
        pytest.param(answer({}, 302, location="https://elsewhere.example"), id="redirect"),
        pytest.param(answer({}, 404), id="not-there"),
        pytest.param(answer({"active": True}, 201), id="created"),
        pytest.param(answer(b"<html>", media_type="text/html"), id="a-page"),
        pytest.param(answer(b'{"active": true, "active": false}'), id="two-answers-in-one"),
        pytest.param(answer(b"[]"), id="a-list"),
        pytest.param(answer(b""), id="nothing"),
        pytest.param(answer(b"x", media_type="application/token-introspection+jwt"), id="signed"),
    ],
)
async def test_an_unusable_introspection_response_is_503_with_retry_after(said: Any) -> None:
    verifier, _ = opaque_verifier(said)

    with pytest.raises(LookupUnavailable) as refusal:
        await verifier.verify(TOKEN)

    assert (refusal.value.status, refusal.value.code) == (503, "token-lookup-unavailable")
    assert refusal.value.retry_after == 5


@pytest.mark.parametrize(
    "said",
    [
        answer({"error": "invalid_client"}, 401),
        answer({"error": "invalid_client"}, 400),
        answer({}, 403),
        answer(b"", 401, "text/plain"),
    ],
)
async def test_refused_introspection_credentials_are_503_for_the_caller(said: Any) -> None:
    time = FakeClock()
    verifier, stub = opaque_verifier(said, clock=time)

    for _ in range(3):
        with pytest.raises(LookupUnavailable) as refusal:
            await verifier.verify(TOKEN)
        assert refusal.value.status == 503
        assert "client_secret" in refusal.value.detail
        assert "s3cret" not in refusal.value.detail

    assert len(stub.requests) == 1
    assert refusal.value.retry_after == 10
    time.now += 10
    stub.says = lambda _url: answer(active())
    assert (await verifier.verify(TOKEN)).subject == "alice"


async def test_refused_introspection_credentials_are_logged_without_a_secret(
    capsys: pytest.CaptureFixture[str],
) -> None:
    verifier, _ = opaque_verifier(answer({}, 401))

    with pytest.raises(LookupUnavailable):
        await verifier.verify(TOKEN)
    said = "".join(capsys.readouterr())

    assert "lookup-credentials-refused" in said
    assert "client_secret are right" in said
    assert "s3cret" not in said
    assert TOKEN.decode() not in said


@pytest.mark.parametrize(("asked_for", "pause"), [("30", 30), ("100000", 60)])
async def test_retry_after_is_respected_up_to_a_minute(asked_for: str, pause: int) -> None:
    time = FakeClock()
    verifier, stub = opaque_verifier(answer({}, 429, retry_after=asked_for), clock=time)

    for _ in range(2):
        with pytest.raises(LookupUnavailable):
            await verifier.verify(TOKEN)
    assert len(stub.requests) == 1

    time.now += pause
    with pytest.raises(LookupUnavailable):
        await verifier.verify(TOKEN)
    assert len(stub.requests) == 2


async def test_a_cached_token_is_served_while_its_issuer_is_down() -> None:
    verifier, stub = opaque_verifier()
    await verifier.verify(TOKEN)
    stub.says = lambda _url: FetchFailed("down")

    assert (await verifier.verify(TOKEN)).subject == "alice"
    with pytest.raises(LookupUnavailable):
        await verifier.verify(b"another")
