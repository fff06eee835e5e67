"""Remote keys: fetched once, over real sockets, and only from their URL."""

import asyncio
import json

import pytest

from doorward.errors import KeysUnavailable
from doorward.jose.public_key import MOST_KEYS
from doorward.net import Fetcher
from doorward.tokens import RemoteKeys
from doorward.tokens.jwt.remote_keys import MAX_JWKS
from tests.ledger import proves
from tests.tokens.clock import FakeClock
from tests.tokens.provider import Provider, remote, started, until
from tests.tokens.signer import Signer


@proves("S134", "accepts", "key fetching is bounded")
async def test_keys_are_fetched_at_start_up_and_then_cached(
    provider: Provider, signer: Signer
) -> None:
    provider.publish(signer.jwk)
    keys = remote(provider, FakeClock())
    assert keys.known("k1", "ES256") is None
    await keys.start()

    assert keys.known("k1", "ES256") is not None
    assert await keys.key("k1", "ES256") is keys.known("k1", "ES256")
    assert provider.asked == ["/keys"]


async def test_concurrent_first_tokens_cause_one_fetch(provider: Provider, signer: Signer) -> None:
    provider.publish(signer.jwk)
    provider.gate.clear()
    keys = remote(provider, FakeClock())
    waiting = [asyncio.create_task(keys.key("k1", "ES256")) for _ in range(20)]
    await until(lambda: bool(provider.asked))
    waiting.pop().cancel()
    provider.gate.set()

    assert len(set(map(id, await asyncio.gather(*waiting)))) == 1
    assert provider.asked == ["/keys"]


@proves("S134", "refuses", "key fetching is bounded")
@pytest.mark.parametrize(
    "document",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>", id="html"),
        pytest.param(b"[]", id="list"),
        pytest.param(b'{"keys":[],"keys":[]}', id="member-twice"),
        pytest.param(b'{"keys":{}}', id="no-list"),
        pytest.param(json.dumps({"keys": [{}] * (MOST_KEYS + 1)}).encode(), id="too-many-keys"),
        pytest.param(b'{"keys":[' + b" " * MAX_JWKS + b"]}", id="too-large"),
    ],
)
async def test_an_invalid_key_set_does_not_replace_the_cached_one(
    provider: Provider, signer: Signer, document: bytes
) -> None:
    time = FakeClock()
    keys = await started(provider, signer, time)
    provider.documents["/keys"] = document
    time.now += 300

    assert (await keys.key("k1", "ES256")).kid == "k1"
    assert keys.problem is not None


@proves("S134", "refuses", "key fetching is bounded")
@proves("S75", "refuses", "links in documents")
async def test_a_key_url_with_an_internal_address_is_not_fetched(provider: Provider) -> None:
    provider.publish(Signer("ES256").jwk)
    for url in (f"{provider.url}/keys", "https://169.254.169.254/keys", "https://127.1/keys"):
        keys = RemoteKeys(url, fetcher=Fetcher(), clock=FakeClock())
        with pytest.raises(KeysUnavailable):
            await keys.key("k1", "ES256")

    assert provider.asked == []


@proves("S134", "refuses", "key fetching is bounded")
async def test_a_redirect_of_the_key_url_is_not_followed(
    provider: Provider, signer: Signer
) -> None:
    provider.publish(signer.jwk)
    provider.status, provider.headers = "302 Found", "Location: /keys\r\n"
    with pytest.raises(KeysUnavailable):
        await remote(provider, FakeClock()).key("k1", "ES256")
    assert provider.asked == ["/keys"]
