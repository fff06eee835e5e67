"""Introspection responses: how long they are cached."""

import asyncio
from typing import Any

import pytest

from doorward.tokens.refusals import InactiveToken
from tests.ledger import proves
from tests.tokens.clock import FakeClock
from tests.tokens.opaque.opaque_verifier import opaque_verifier
from tests.tokens.stub_issuer import NOW, TOKEN, active, answer, lookup, opaque


@proves("S136", "accepts", "revoked tokens are refused")
@proves("S136", "refuses", "revoked tokens are refused")
async def test_a_revoked_token_is_refused_when_the_cached_response_expires() -> None:
    time = FakeClock()
    verifier, stub = opaque_verifier(clock=time, issuer=opaque(lookup=lookup(cache_ttl=60)))
    await verifier.verify(TOKEN)
    stub.says = lambda _url: answer({"active": False})

    time.now += 59
    within = verifier.recall(TOKEN)
    time.now += 1

    assert within is not None
    assert verifier.recall(TOKEN) is None
    with pytest.raises(InactiveToken):
        await verifier.verify(TOKEN)


@pytest.mark.parametrize("options", [{"ttl": 0}, {"cache_ttl": 0}, {"cache_entries": 0}])
@proves("S136", "refuses", "revoked tokens are refused")
async def test_without_a_cache_every_request_causes_a_lookup(options: dict[str, Any]) -> None:
    way = lookup(cache_ttl=options.pop("ttl", 60))
    verifier, stub = opaque_verifier(issuer=opaque(lookup=way), **options)

    for _ in range(3):
        await verifier.verify(TOKEN)

    assert verifier.recall(TOKEN) is None
    assert len(stub.requests) == 3


async def test_no_response_is_cached_beyond_the_expiry_of_its_token() -> None:
    time = FakeClock()
    verifier, _ = opaque_verifier(
        active(exp=NOW + 5), clock=time, issuer=opaque(lookup=lookup(cache_ttl=600)), cache_ttl=600
    )
    await verifier.verify(TOKEN)

    time.now += 5

    assert verifier.recall(TOKEN) is None


async def test_concurrent_requests_with_one_token_cause_one_lookup() -> None:
    verifier, stub = opaque_verifier(issuer=opaque(lookup=lookup(cache_ttl=0)))

    callers = await asyncio.gather(*(verifier.verify(TOKEN) for _ in range(100)))
    await asyncio.gather(*(verifier.verify(f"token-{number}".encode()) for number in range(10)))

    assert {caller.subject for caller in callers} == {"alice"}
    assert len(stub.requests) == 11


async def test_a_closed_verifier_has_an_empty_cache() -> None:
    verifier, _ = opaque_verifier()
    await verifier.verify(TOKEN)

    await verifier.aclose()

    assert verifier.recall(TOKEN) is None
