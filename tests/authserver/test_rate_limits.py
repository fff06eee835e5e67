"""Rate limits: which address a request counts for, and for how long."""

import pytest
from starlette.requests import HTTPConnection

from doorward.authserver.rate_limits import RateLimits
from doorward.authserver.refusals import TooManyRequests
from doorward.net.client_address import address_key
from tests.authserver.conftest import StoppedClock
from tests.ledger import proves

PROXY = ("192.0.2.0/24", "2001:db8:ffff::/48")


def connection(peer: str | None, *forwarded: str) -> HTTPConnection:
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    client = (peer, 1) if peer else None
    return HTTPConnection({"type": "http", "headers": headers, "client": client})


@proves("S106", "refuses", "rate limit keys")
@pytest.mark.parametrize("forwarded", ["198.51.100.7", "127.0.0.1", "1.1.1.1, 2.2.2.2", "::1", "x"])
def test_what_an_unknown_peer_says_of_its_address_is_not_believed(forwarded: str) -> None:
    assert address_key(connection("203.0.113.9", forwarded), PROXY) == "203.0.113.9/32"
    assert address_key(connection("203.0.113.9", forwarded), ()) == "203.0.113.9/32"


@proves("S106", "refuses", "rate limit keys")
def test_behind_a_trusted_proxy_only_what_it_wrote_itself_counts() -> None:
    invented = "10.0.0.1, 198.51.100.7"

    assert address_key(connection("192.0.2.1", invented), PROXY) == "198.51.100.7/32"
    assert address_key(connection("192.0.2.1", "10.0.0.1", "198.51.100.7"), PROXY) == (
        "198.51.100.7/32"
    )


@proves("S106", "accepts", "rate limit keys")
def test_several_trusted_proxies_in_a_row_are_passed() -> None:
    forwarded = "198.51.100.7, 192.0.2.9, 2001:db8:ffff::1"

    assert address_key(connection("192.0.2.1", forwarded), PROXY) == "198.51.100.7/32"
    assert address_key(connection("192.0.2.1"), PROXY) == "192.0.2.1/32"


@proves("S106", "accepts", "rate limit keys")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8::1", "2001:db8::ffff:1"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("fe80::1%eth0", "fe80::2"),
        ("not an address", "another"),
    ],
)
def test_addresses_of_one_customer_count_as_one(one: str, other: str) -> None:
    assert address_key(connection(one), ()) == address_key(connection(other), ())


def test_two_customers_are_two() -> None:
    keys = {
        address_key(connection(peer), ()) for peer in ("2001:db8::1", "2001:db8:0:1::1", "1.2.3.4")
    }

    assert len(keys) == 3
    assert address_key(connection(None), ()) == "unknown"


async def test_a_limit_ends_with_its_window() -> None:
    clock = StoppedClock()
    limits = RateLimits(clock)
    for _ in range(3):
        await limits.count("3/minute", "x", "a")
    await limits.count("3/minute", "x", "b")

    with pytest.raises(TooManyRequests) as refusal:
        await limits.count("3/minute", "x", "a")
    assert 0 < refusal.value.retry_after <= 61
    with pytest.raises(TooManyRequests):
        limits.require_below_limit("3/minute", "x", "a")

    clock.advance(61)
    await limits.count("3/minute", "x", "a")


async def test_what_is_given_back_can_be_counted_again_and_no_more() -> None:
    clock = StoppedClock()
    limits = RateLimits(clock)
    await limits.count("1/minute", "x", "a")
    await limits.uncount("1/minute", "x", "a")

    await limits.count("1/minute", "x", "a")
    clock.advance(61)
    await limits.uncount("1/minute", "x", "a")
    await limits.count("1/minute", "x", "a")
    with pytest.raises(TooManyRequests):
        await limits.count("1/minute", "x", "a")


async def test_inventing_keys_does_not_fill_the_memory() -> None:
    limits = RateLimits(StoppedClock())

    for number in range(60_000):
        await limits.count("1/minute", "x", str(number))

    assert len(limits._storage._counters) == 50_000


async def test_a_clock_that_is_set_back_locks_nobody_out_until_yesterday_comes_again() -> None:
    clock = StoppedClock()
    limits = RateLimits(clock)
    await limits.count("1/minute", "x")
    with pytest.raises(TooManyRequests):
        limits.require_below_limit("1/minute", "x")

    clock.advance(-86400)
    limits.require_below_limit("1/minute", "x")
    await limits.count("1/minute", "x")

    with pytest.raises(TooManyRequests) as refusal:
        await limits.count("1/minute", "x")
    assert 0 < refusal.value.retry_after <= 61
