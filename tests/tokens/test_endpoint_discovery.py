"""Discovered endpoints: from the issuer's metadata, and cached for a while."""

import asyncio

import pytest

from doorward.net import FetchFailed
from doorward.tokens.endpoint_discovery import IssuerEndpoint
from doorward.wire.oauth import server_metadata
from tests.tokens.clock import FakeClock
from tests.tokens.provider import Provider, until

PUBLIC = "https://login.example/realm"
WHERE = "/realm/.well-known/openid-configuration"


def endpoint(
    provider: Provider, *, configured: str | None = None, clock: FakeClock | None = None
) -> IssuerEndpoint:
    return IssuerEndpoint(
        "a token endpoint",
        configured,
        server_metadata.parse_token_endpoint,
        issuer=PUBLIC,
        internal_url=f"{provider.url}/realm",
        fetcher=provider.fetcher(),
        clock=clock or FakeClock(),
    )


@pytest.mark.parametrize(
    ("named", "reached"),
    [
        ("https://login.example/token", "{inside}/token"),
        ("https://tokens.example/token", "https://tokens.example/token"),
        # Behind a slash alone: this host only begins like the issuer's.
        ("https://login.example.evil.example/token", "https://login.example.evil.example/token"),
    ],
)
async def test_only_urls_of_the_public_origin_are_mapped_to_the_internal_url(
    provider: Provider, named: str, reached: str
) -> None:
    provider.describe(WHERE, issuer=PUBLIC, token_endpoint=named)

    assert await endpoint(provider).url() == reached.format(inside=provider.url)


async def test_a_configured_endpoint_is_used_without_discovery(provider: Provider) -> None:
    assert await endpoint(provider, configured=f"{PUBLIC}/token").url() == f"{PUBLIC}/token"
    assert provider.asked == []


async def test_metadata_is_cached_for_an_hour(
    provider: Provider,
) -> None:
    provider.describe(WHERE, issuer=PUBLIC, token_endpoint=f"{PUBLIC}/token")
    time = FakeClock()
    sought = endpoint(provider, clock=time)
    read = []
    for passed in (0, 3599, 1, 3599, -7200, 3599):
        time.now += passed
        await sought.url()
        read.append(provider.asked.count(WHERE))

    assert read == [1, 1, 2, 2, 3, 3]


async def test_concurrent_requests_fetch_the_metadata_once(provider: Provider) -> None:
    provider.describe(WHERE, issuer=PUBLIC, token_endpoint=f"{PUBLIC}/token")
    sought = endpoint(provider)
    provider.gate.clear()

    waiting = [asyncio.create_task(sought.url()) for _ in range(20)]
    await until(lambda: bool(provider.asked))
    provider.gate.set()

    assert len({await one for one in waiting}) == 1
    assert provider.asked.count(WHERE) == 1


@pytest.mark.parametrize(("padding", "is_read"), [(60_000, True), (66_000, False)])
async def test_metadata_over_the_size_limit_is_refused(
    provider: Provider, padding: int, is_read: bool
) -> None:
    provider.describe(WHERE, issuer=PUBLIC, token_endpoint=f"{PUBLIC}/token", x="x" * padding)
    sought = endpoint(provider)

    if is_read:
        assert await sought.url() == f"{provider.url}/realm/token"
    else:
        with pytest.raises(FetchFailed, match=WHERE):
            await sought.url()
