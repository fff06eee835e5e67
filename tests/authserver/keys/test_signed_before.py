"""A token that this process signed is read without its signature; every other one is verified."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from doorward.authserver.keys import signing_keys as module
from doorward.authserver.keys.signing_keys import KeyRing
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.settings.resource import Resource
from doorward.authserver.store.engine import Store
from doorward.authserver.store.schema import signing_keys
from tests.authserver.harness import ISSUER, RESOURCE, SCOPES

SECRET = "g7Lw-20xmPqd4-vvRzk8-ebT61-nUy95-hjC3s"
SETTINGS = AuthServerSettings(
    issuer=ISSUER, resources=(Resource(uri=RESOURCE, scopes=SCOPES),), secret=SECRET
)
CLAIMS = {"iss": ISSUER, "sub": "alice", "name": "Ä\u2028", "exp": 2_000_000_000}


@pytest.fixture
async def rings() -> AsyncIterator[tuple[KeyRing, KeyRing]]:
    """The keys of one issuer in two processes."""
    store = Store()
    await store.start()
    both = tuple(KeyRing(store, SETTINGS, SECRET, lambda: 1_000.0) for _ in range(2))
    for ring in both:
        await ring.start()
    yield both[0], both[1]
    await store.aclose()


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The key ids of the signatures that are verified."""
    seen: list[str] = []
    plain: Callable[..., bool] = module._is_signed

    def noting(compact: Any, header: Any, key: Any) -> bool:
        seen.append(key.kid)
        return plain(compact, header, key)

    monkeypatch.setattr(module, "_is_signed", noting)
    return seen


async def test_a_signature_is_verified_once_and_never_where_it_was_made(
    rings: tuple[KeyRing, KeyRing], verified: list[str]
) -> None:
    here, elsewhere = rings
    token = here.sign(CLAIMS, "at+jwt")

    assert here.open(token, "at+jwt") == CLAIMS
    assert verified == []
    assert elsewhere.open(token, "at+jwt") == elsewhere.open(token, "at+jwt") == CLAIMS
    assert verified == [here.current().kid]


async def test_a_token_of_another_type_is_refused_on_the_quick_path_too(
    rings: tuple[KeyRing, KeyRing],
) -> None:
    token = rings[0].sign(CLAIMS, "other")

    assert [ring.open(token, "at+jwt") for ring in (*rings, *rings)] == [None] * 4


async def test_a_token_is_refused_once_its_key_is_gone(rings: tuple[KeyRing, KeyRing]) -> None:
    here, _ = rings
    token = here.sign(CLAIMS, "at+jwt")
    async with here._store.engine.begin() as connection:
        await connection.execute(delete(signing_keys))
    await here.start()

    assert here.open(token, "at+jwt") is None


async def test_no_more_than_the_newest_tokens_are_remembered(
    rings: tuple[KeyRing, KeyRing], verified: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_REMEMBERED", 3)
    here, _ = rings
    tokens = [here.sign({**CLAIMS, "jti": str(number)}, "at+jwt") for number in range(4)]

    assert all(here.open(token, "at+jwt") for token in tokens[1:])
    assert verified == []
    assert here.open(tokens[0], "at+jwt") is not None
    assert len(verified) == 1
    assert len(here._signed) == 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_quick_path_reads_what_the_full_verification_reads(
    rings: tuple[KeyRing, KeyRing], data: st.DataObject
) -> None:
    here, elsewhere = rings
    good = here.sign(CLAIMS, "at+jwt")
    place = data.draw(st.integers(0, len(good) - 1))
    character = data.draw(st.characters(max_codepoint=0x2FF, exclude_categories=["Cs"]))
    changed = good[:place] + character + good[place + 1 :]

    for token in (good, changed):
        # Twice: the second time, what was verified is remembered.
        reference = elsewhere.open(token, "at+jwt")
        assert here.open(token, "at+jwt") == here.open(token, "at+jwt") == reference
    elsewhere._signed.clear()
    assert elsewhere.open(good, "at+jwt") == CLAIMS
