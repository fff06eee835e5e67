"""Revoked tokens are refused within seconds, and never accepted without the list."""

import asyncio
from typing import Any

import pytest

from doorward.errors import ConfigurationError, DoorwardError, MissingClaim
from doorward.tokens import Revocations, TrustedIssuer, Verifier
from doorward.tokens.refusals import RevocationsUnavailable, RevokedToken
from tests.ledger import proves
from tests.tokens.clock import FakeClock
from tests.tokens.jwt.verifiers import come_twice, keys
from tests.tokens.signer import ISSUER, NOW, RESOURCE, Signer, claims


class Register:
    """An issuer's list of revoked ids, and how often it was read."""

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.reads = 0
        self.failing: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def read(self) -> set[str]:
        self.reads += 1
        await self.open.wait()
        if self.failing is not None:
            raise self.failing
        return self.ids


class Judge:
    """A verifier that asks the register, on a clock of its own."""

    def __init__(self, signer: Signer, timeout: float = 1.0) -> None:
        self.time = FakeClock()
        self.register = Register()
        self.verifier = Verifier(
            [
                TrustedIssuer(
                    issuer=ISSUER,
                    audience=RESOURCE,
                    algorithms=(signer.alg,),
                    keys=keys(signer.jwk),
                    revocations=Revocations(self.register.read, clock=self.time, timeout=timeout),
                ),
                TrustedIssuer(
                    issuer="https://other.example",
                    audience=RESOURCE,
                    algorithms=(signer.alg,),
                    keys=keys(signer.jwk),
                ),
            ],
            clock=self.time,
        )

    def after(self, seconds: float) -> None:
        self.time.now = NOW + seconds

    async def refused(self, token: bytes) -> type[DoorwardError] | None:
        """Return what a token is refused with, after a look at what is remembered as the guard has."""
        if self.verifier.recall(token) is not None:
            return None
        try:
            await self.verifier.verify(token)
        except DoorwardError as error:
            return type(error)
        return None


@pytest.fixture
def verifier(signer: Signer) -> Judge:
    return Judge(signer)


def token(signer: Signer, jti: str = "grant.1", **changes: object) -> bytes:
    return signer.token(claims(jti=jti, **changes))


@proves("S196", "accepts", "replayed code at the guard")
async def test_a_token_that_is_not_revoked_is_verified_and_cached(
    verifier: Judge, signer: Signer
) -> None:
    verifier.register.ids = {"grant.2", "gran", "grant.1.1", "1", ".1"}
    good = token(signer)

    identity = await come_twice(verifier.verifier, good)

    assert verifier.verifier.recall(good) == identity
    verifier.after(2)
    assert await verifier.refused(good) is None
    assert verifier.verifier.recall(good) == identity
    assert verifier.register.reads == 2


@proves("S196", "refuses", "replayed code at the guard")
@pytest.mark.parametrize("revoked", ["grant", "grant.1"])
@pytest.mark.parametrize("remembered", [True, False])
async def test_a_revoked_token_is_refused_within_two_seconds(
    verifier: Judge, signer: Signer, revoked: str, remembered: bool
) -> None:
    stolen, other = token(signer), token(signer, "other.1")
    for one in (stolen, other):
        await (come_twice(verifier.verifier, one) if remembered else verifier.verifier.verify(one))
    verifier.register.ids = {revoked}

    verifier.after(2)

    assert await verifier.refused(stolen) is RevokedToken
    assert await verifier.refused(other) is None


@proves("S196", "refuses", "replayed code at the guard")
async def test_a_token_without_jti_is_refused_where_revocations_are_checked(
    verifier: Judge, signer: Signer
) -> None:
    told = claims()
    del told["jti"]

    assert await verifier.refused(signer.token(told)) is MissingClaim


@proves("S196", "accepts", "replayed code at the guard")
async def test_the_revocation_list_is_not_read_for_tokens_of_another_issuer(
    verifier: Judge, signer: Signer
) -> None:
    verifier.register.ids = {"grant"}
    other = token(signer, iss="https://other.example")

    await come_twice(verifier.verifier, other)

    assert verifier.verifier.recall(other) is not None
    assert verifier.register.reads == 0


@proves("S196", "refuses", "replayed code at the guard")
async def test_without_a_revocation_list_every_token_is_refused(
    verifier: Judge, signer: Signer
) -> None:
    verifier.register.failing = OSError("away")

    assert await verifier.refused(token(signer)) is RevocationsUnavailable
    assert await verifier.refused(token(signer)) is RevocationsUnavailable
    # The second one is refused at once: the list is not read again so soon.
    assert verifier.register.reads == 1
    verifier.register.failing = None
    verifier.after(2)
    assert await verifier.refused(token(signer)) is None


@proves("S196", "refuses", "replayed code at the guard")
async def test_the_last_revocation_list_is_used_for_ten_seconds_at_most(
    verifier: Judge, signer: Signer
) -> None:
    good, revoked = token(signer), token(signer, "revoked.1")
    verifier.register.ids = {"revoked"}
    await come_twice(verifier.verifier, good)
    verifier.register.failing = RuntimeError("whatever it is")

    for seconds in (2, 3, 5, 9.9):
        verifier.after(seconds)
        assert await verifier.refused(good) is None, seconds
        assert await verifier.refused(revoked) is RevokedToken, seconds
    verifier.after(10)
    assert await verifier.refused(good) is RevocationsUnavailable
    assert await verifier.refused(revoked) is RevocationsUnavailable
    verifier.after(12)
    verifier.register.failing = None
    assert await verifier.refused(good) is None


@proves("S196", "accepts", "replayed code at the guard")
async def test_concurrent_requests_cause_one_read_of_the_list(
    verifier: Judge, signer: Signer
) -> None:
    tokens = [token(signer, f"grant-{number}.1") for number in range(20)]

    await asyncio.gather(*(verifier.verifier.verify(one) for one in tokens))

    assert verifier.register.reads == 1


@proves("S196", "refuses", "replayed code at the guard")
async def test_a_slow_revocation_list_is_waited_for_once(signer: Signer) -> None:
    verifier = Judge(signer, timeout=0.01)
    verifier.register.open.clear()
    good = token(signer)

    assert await verifier.refused(good) is RevocationsUnavailable
    assert await verifier.refused(good) is RevocationsUnavailable
    assert verifier.register.reads == 1
    verifier.register.open.set()
    verifier.after(2)
    assert await verifier.refused(good) is None


async def test_the_first_revocation_list_is_waited_for_five_times_as_long(
    signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier, waits = Judge(signer, timeout=60.0), list[float]()

    async def wait_for(work: Any, longest: float) -> Any:
        waits.append(longest)
        return await work

    monkeypatch.setattr(asyncio, "wait_for", wait_for)
    for seconds in (0, 3):
        verifier.after(seconds)
        assert await verifier.refused(token(signer, f"{seconds}.1")) is None

    # The others are waits of the single read itself.
    assert waits[::2] == [300.0, 60.0]


@proves("S196", "refuses", "replayed code at the guard")
async def test_the_age_of_a_revocation_list_counts_from_its_request(signer: Signer) -> None:
    verifier = Judge(signer, timeout=0.01)
    verifier.register.open.clear()
    good = token(signer)
    assert await verifier.refused(good) is RevocationsUnavailable

    verifier.after(30)
    verifier.register.open.set()
    verifier.register.ids = {"grant"}

    assert await verifier.refused(good) is RevokedToken


@proves("S196", "refuses", "replayed code at the guard")
async def test_setting_the_clock_back_does_not_prolong_a_revocation_list(
    verifier: Judge, signer: Signer
) -> None:
    stolen = token(signer)
    await come_twice(verifier.verifier, stolen)
    verifier.register.ids = {"grant"}

    verifier.after(-10)

    assert await verifier.refused(stolen) is RevokedToken


@pytest.mark.parametrize(("recheck", "trusted_for"), [(0, 10), (11, 10), (2, 61), (-1, 1)])
def test_invalid_lifetimes_of_a_revocation_list_are_refused(
    recheck: float, trusted_for: float
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        Revocations(Register().read, recheck=recheck, trusted_for=trusted_for)

    assert refusal.value.reason == "not-a-limit"
