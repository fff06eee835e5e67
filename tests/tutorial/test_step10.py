"""Step 10's keys and the toolkit's, case by case: what rotates, what is away, what is invented."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast

import pytest

from doorward.errors import KeysUnavailable, UnknownKey
from doorward.net import Fetcher, FetchFailed, FetchResponse
from doorward.testing import PrivateKey
from doorward.tokens.jwt.discovered_keys import DiscoveredKeys
from mcp_http.step10 import ProviderKeys

ISSUER = "http://localhost:8080/realms/mcp-realm"
OLD, NEW = PrivateKey.generate("ES256"), PrivateKey.generate("ES256")


class Keycloak:
    """Answers for a provider: which keys it has, whether it is there, and how often it was asked."""

    def __init__(self, *keys: PrivateKey) -> None:
        self.keys = list(keys)
        self.away = False
        self.issuer = ISSUER
        self.called: dict[str, str] = {}
        self.asked = 0

    async def fetch(self, url: str, *, accept: str = "", limit: int = 0) -> FetchResponse:
        await asyncio.sleep(0)
        if self.away:
            raise FetchFailed("nobody answers")
        if url.endswith("/certs"):
            self.asked += 1
            document: dict[str, Any] = {
                "keys": [key.public_jwk() | self.called for key in self.keys]
            }
        elif url == f"{ISSUER}/.well-known/openid-configuration":
            certs = f"{ISSUER}/protocol/openid-connect/certs"
            document = {"issuer": self.issuer, "jwks_uri": certs}
        else:
            raise FetchFailed("answered 404")
        return FetchResponse(200, {}, json.dumps(document).encode(), None)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


Made = Callable[[Keycloak, Clock], ProviderKeys | DiscoveredKeys]


def by_hand(keycloak: Keycloak, clock: Clock) -> ProviderKeys:
    return ProviderKeys(ISSUER, cast("Fetcher", keycloak), clock)


def by_the_toolkit(keycloak: Keycloak, clock: Clock) -> DiscoveredKeys:
    return DiscoveredKeys(ISSUER, fetcher=cast("Fetcher", keycloak), clock=clock)


both = pytest.mark.parametrize("made", [by_hand, by_the_toolkit])


async def found(keys: ProviderKeys | DiscoveredKeys, key: PrivateKey) -> str:
    try:
        return (await keys.key(key.thumbprint, "ES256")).kid or ""
    except (UnknownKey, KeysUnavailable) as refusal:
        return refusal.code


@both
async def test_a_key_is_found_through_the_metadata_and_kept(made: Made) -> None:
    keycloak = Keycloak(OLD)
    keys = made(keycloak, Clock())
    await keys.start()

    assert await found(keys, OLD) == OLD.thumbprint
    assert keys.known(OLD.thumbprint, "ES256") is not None
    assert keycloak.asked == 1


@both
async def test_a_new_key_works_at_once_and_a_withdrawn_one_is_gone(made: Made) -> None:
    keycloak = Keycloak(OLD)
    keys = made(keycloak, Clock())
    await keys.start()
    before = keys.generation

    keycloak.keys = [NEW]

    assert await found(keys, NEW) == NEW.thumbprint
    assert await found(keys, OLD) == "unknown-key"
    assert keys.generation > before


@both
async def test_another_key_under_the_same_name_is_another_key(made: Made) -> None:
    keycloak, clock = Keycloak(OLD), Clock()
    keys = made(keycloak, clock)
    await keys.start()
    before = keys.generation
    keycloak.keys, keycloak.called = [NEW], {"kid": OLD.thumbprint}

    clock.now += 301
    await keys.key(OLD.thumbprint, "ES256")

    assert keys.generation > before


@both
async def test_a_withdrawn_key_stops_though_nobody_uses_the_new_one(made: Made) -> None:
    keycloak, clock = Keycloak(OLD), Clock()
    keys = made(keycloak, clock)
    await keys.start()
    keycloak.keys = [NEW]

    clock.now += 301

    assert keys.known(OLD.thumbprint, "ES256") is None
    assert await found(keys, OLD) == "unknown-key"


@both
async def test_while_the_provider_is_away_known_keys_serve_and_unknown_ones_are_nobodys_fault(
    made: Made,
) -> None:
    keycloak, clock = Keycloak(OLD), Clock()
    keys = made(keycloak, clock)
    await keys.start()
    keycloak.away = True

    assert await found(keys, NEW) == "keys-unavailable"
    clock.now += 301
    assert await found(keys, OLD) == OLD.thumbprint
    keycloak.away, keycloak.keys = False, [OLD, NEW]
    clock.now += 31
    assert await found(keys, NEW) == NEW.thumbprint


@both
async def test_an_outage_does_not_keep_a_key_alive_for_ever(made: Made) -> None:
    keycloak, clock = Keycloak(OLD), Clock()
    keys = made(keycloak, clock)
    await keys.start()
    keycloak.away = True

    clock.now += 300 + 3600 + 1

    assert await found(keys, OLD) == "keys-unavailable"


@both
async def test_a_provider_that_was_never_there_is_asked_again_with_the_first_token(
    made: Made,
) -> None:
    keycloak, clock = Keycloak(OLD), Clock()
    keycloak.away = True
    keys = made(keycloak, clock)
    await keys.start()
    assert await found(keys, OLD) == "keys-unavailable"

    keycloak.away = False
    clock.now += 6

    assert await found(keys, OLD) == OLD.thumbprint


@both
async def test_invented_keys_cause_few_questions_and_a_thousand_tokens_one(made: Made) -> None:
    keycloak, clock = Keycloak(OLD), Clock()
    keys = made(keycloak, clock)

    answers = await asyncio.gather(*(found(keys, OLD) for _ in range(1000)))

    assert set(answers) == {OLD.thumbprint}
    assert keycloak.asked == 1
    for _ in range(100):
        assert await found(keys, NEW) in ("unknown-key", "keys-unavailable")
    assert keycloak.asked <= 6


@both
async def test_the_metadata_of_another_issuer_leads_to_no_keys(made: Made) -> None:
    keycloak = Keycloak(OLD)
    keycloak.issuer = "http://localhost:8080/realms/other"
    keys = made(keycloak, Clock())

    assert await found(keys, OLD) == "keys-unavailable"
    assert keycloak.asked == 0
