"""The examples for opaque tokens and for API keys, as they stand, against real issuers."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2
import pytest

from doorward.cli.main import run
from doorward.testing import TokenMint
from tests.examples.conftest import RESOURCE
from tests.examples.test_protect_fastapi import call
from tests.examples.test_protect_others import fresh
from tests.idp.test_introspection_real import OpaqueProvider, opaque_provider


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Make a key as the pages say, and tell the example where it is kept."""
    file = str(tmp_path / "keys.json")
    monkeypatch.setenv("API_KEYS", file)
    made = ["api-key", "create", "--file", file, "--name", "nightly", "--scopes", "orders:read"]
    assert run(made) == 0
    return capsys.readouterr().out.strip()


async def served(example: ModuleType) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(example.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
        yield client


def reason(answer: httpx2.Response) -> str:
    return str(answer.json()["error"]["data"]["reason"])


def said(answer: httpx2.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]["structuredContent"]["result"]


# Opaque tokens, looked up at node oidc-provider.


@pytest.fixture(scope="module")
def provider() -> Iterator[OpaqueProvider]:
    with opaque_provider() as running:
        yield running


@pytest.fixture
async def opaque(
    provider: OpaqueProvider, key: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx2.AsyncClient]:
    monkeypatch.setenv("ISSUER", provider.issuer)
    monkeypatch.setenv("CLIENT_ID", "basic")
    monkeypatch.setenv("CLIENT_SECRET", "basic: secret+%")
    async for client in served(fresh("examples.opaque_tokens")):
        yield client


@pytest.mark.needs("node-clients")
async def test_an_opaque_token_and_a_key_get_in_and_a_refund_needs_a_person(
    opaque: httpx2.AsyncClient, provider: OpaqueProvider, key: str
) -> None:
    reader = provider.token(aud=RESOURCE, scope="orders:read").decode()
    clerk = provider.token(aud=RESOURCE, scope="orders:read orders:refund").decode()
    money = {"order": "7", "amount": 1.5}

    assert said(await call(opaque, reader, "orders_of_today")) == [
        "an order, shown to person alice"
    ]
    assert said(await call(opaque, key, "orders_of_today"))[0].startswith("an order, shown to key ")
    assert said(await call(opaque, clerk, "refund", **money)) == "refunded 1.50 on 7"
    assert reason(await call(opaque, reader, "refund", **money)) == "scope-missing"
    assert reason(await call(opaque, key, "refund", **money)) == "kind-not-allowed"


@pytest.mark.needs("node-clients")
async def test_a_token_for_somebody_else_and_an_invented_one_stay_outside(
    opaque: httpx2.AsyncClient, provider: OpaqueProvider
) -> None:
    elsewhere = provider.token(aud="https://other.example/mcp", scope="orders:read").decode()

    refused = await call(opaque, elsewhere, "orders_of_today")
    invented = await call(opaque, "invented", "orders_of_today")

    assert (refused.status_code, reason(refused)) == (401, "wrong-audience")
    assert (invented.status_code, reason(invented)) == (401, "inactive-token")


# API keys beside JWTs.


@pytest.fixture
async def keyed(
    issuer: TokenMint, key: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx2.AsyncClient]:
    monkeypatch.setenv("ISSUER", issuer.issuer)
    async for client in served(fresh("examples.api_keys")):
        yield client


async def test_people_and_keys_share_an_endpoint_and_each_has_tools_of_its_own(
    keyed: httpx2.AsyncClient, issuer: TokenMint, key: str
) -> None:
    alice = issuer.mint("alice", scopes={"orders:read"}, name="Alice")

    assert said(await call(keyed, alice, "who_am_i")) == "person Alice"
    assert said(await call(keyed, key, "who_am_i")) == "key nightly"
    assert said(await call(keyed, alice, "approve", order="7")) == "7 approved by alice"
    assert said(await call(keyed, key, "import_orders")) == "imported by nightly"
    assert reason(await call(keyed, key, "approve", order="7")) == "kind-not-allowed"
    assert reason(await call(keyed, alice, "import_orders")) == "kind-not-allowed"


async def test_a_key_that_was_mistyped_is_told_so(keyed: httpx2.AsyncClient, key: str) -> None:
    refused = await call(keyed, key[:-1], "who_am_i")

    assert (refused.status_code, reason(refused)) == (401, "malformed-token")
