"""People, services and API keys at one endpoint, and the response to each."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from doorward.errors import ConfigurationError
from doorward.guard import Guard
from doorward.identity import SCOPE_KEY
from doorward.policy import EVERY, Policy, Rule
from doorward.tokens import ApiKeyList, CredentialVerifier, Verifier, new_api_key
from doorward.tokens.api_keys.key_file import write_keys
from tests.guard.bench import METADATA, NOW, RESOURCE, Bench, error, message, token
from tests.guard.bench import trusted as signed
from tests.ledger import proves
from tests.tokens.stub_issuer import StubIssuer, active, answer, opaque

KEY, KEPT = new_api_key(
    name="nightly", now=NOW, lifetime=3600, scopes=frozenset({"mcp:read", "mcp:tools"})
)
POLICY = Policy(
    base=Rule(scopes="mcp:read"),
    rules={
        ("tools/call", EVERY): Rule(scopes="mcp:tools"),
        ("tools/call", "pay"): Rule(scopes="mcp:pay", kinds={"person"}),
        ("tools/call", "import"): Rule(kinds={"service", "key"}),
    },
)


def bench(**options: Any) -> Bench:
    return Bench(**{"policy": POLICY, "api_keys": ApiKeyList([KEPT]), **options})


async def test_people_services_and_api_keys_have_different_identity_kinds() -> None:
    at = bench()
    alice = token("mcp:read", "mcp:tools")
    # A service signs with the issuer's keys and its subject is its client.
    robot = token("mcp:read", "mcp:tools", sub="test-client")

    for credential in (alice, robot, KEY):
        assert (await at.call("add", token=credential)).status_code == 200

    kinds = [scope[SCOPE_KEY].kind for scope in at.seen]
    assert kinds == ["person", "service", "key"]
    assert [event.kind for event in at.events] == kinds
    assert at.seen[-1][SCOPE_KEY].subject == KEPT.id


@pytest.mark.parametrize(
    ("tool", "who", "status"),
    [
        ("import", "person", 403),
        ("import", "service", 200),
        ("import", "key", 200),
        ("pay", "service", 403),
        ("pay", "key", 403),
    ],
)
async def test_a_rule_on_kinds_refuses_without_a_challenge(
    tool: str, who: str, status: int
) -> None:
    at = bench()
    held = {
        "person": token("mcp:read"),
        "service": token("mcp:read", sub="test-client"),
        "key": KEY,
    }

    told = await at.call(tool, token=held[who])

    assert told.status_code == status
    if status == 403:
        assert error(told)["data"]["reason"] == "kind-not-allowed"
        assert "www-authenticate" not in told.headers
        assert at.events[-1].reason == "kind-not-allowed"
        assert f"kind={who}" in at.events[-1].detail
        assert at.seen == []


async def test_a_person_without_the_scope_gets_an_insufficient_scope_challenge() -> None:
    told = await bench().call("pay", token=token("mcp:read"))

    assert told.status_code == 403
    assert 'error="insufficient_scope"' in told.headers["www-authenticate"]


@pytest.mark.parametrize("place", ["x-api-key", "api-key", "query", "basic"])
@proves("S123", "refuses", "garbage is not anonymous")
async def test_an_api_key_is_accepted_only_as_a_bearer_token(place: str) -> None:
    at = bench()
    path = f"{at.path}?api_key={KEY}" if place == "query" else at.path
    headers = {"x-api-key": KEY, "api-key": KEY, "authorization": f"Basic {KEY}"}
    name = "authorization" if place == "basic" else place

    told = await at.ask(
        path=path,
        json=message("ping"),
        headers={} if place == "query" else {name: headers[name]},
    )

    assert told.status_code == 401
    assert "error=" not in told.headers["www-authenticate"]
    assert at.seen == []


async def test_an_unknown_api_key_is_refused_as_an_invalid_token() -> None:
    at = bench(api_keys=ApiKeyList())

    told = await at.call(token=KEY)

    assert told.status_code == 401
    assert 'error="invalid_token"' in told.headers["www-authenticate"]
    assert error(told)["data"]["reason"] == "api-key-unknown"
    assert KEY.split("_")[2] not in f"{told.text}{told.headers}{at.events}"


async def test_a_server_can_accept_only_api_keys() -> None:
    at = bench(issuers=[])

    served = await at.call(token=KEY)
    refused = await at.call(token=token("mcp:read", "mcp:tools"))
    async with at.client() as client:
        metadata = (await client.get("/.well-known/oauth-protected-resource/mcp")).json()

    assert (served.status_code, refused.status_code) == (200, 401)
    assert "authorization_servers" not in metadata
    assert metadata["resource"] == RESOURCE


def test_api_keys_can_be_configured_as_a_file(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    with pytest.raises(ConfigurationError) as refusal:
        Guard(resource=RESOURCE, policy=POLICY, api_keys=path)
    write_keys(path, [KEPT])

    guard = Guard(resource=RESOURCE, policy=POLICY, api_keys=str(path))

    assert refusal.value.reason == "no-api-keys"
    assert guard.verifier.describe() == [{"api_keys": True}]


def test_a_guard_for_jwts_alone_uses_the_plain_verifier() -> None:
    guard = Guard(resource=RESOURCE, policy=POLICY, issuers=[signed()])

    assert type(guard.verifier) is Verifier


def looking_up(stub: StubIssuer) -> Bench:
    verifier = CredentialVerifier([signed(), opaque()], fetcher=stub, clock=lambda: NOW)
    return bench(api_keys=None, issuers=[signed(), opaque()], verifier=verifier)


async def test_opaque_and_signed_tokens_are_accepted_at_one_endpoint() -> None:
    at = looking_up(StubIssuer())

    assert (await at.call(token="opaque-of-alice")).text == "alice"
    assert (await at.call(token=token("mcp:read", "mcp:tools"))).status_code == 200


@pytest.mark.parametrize(
    ("said", "status", "reason"),
    [
        (answer({"active": False}), 401, "inactive-token"),
        (answer(active(aud="https://other.example")), 401, "wrong-audience"),
        (answer(active(scope="")), 403, "scope-missing"),
        (answer({}, 500), 503, "token-lookup-unavailable"),
        (answer({"error": "invalid_client"}, 401), 503, "token-lookup-unavailable"),
    ],
)
async def test_each_introspection_result_maps_to_one_status_and_reason(
    said: Any, status: int, reason: str
) -> None:
    at = looking_up(StubIssuer(lambda _url: said))

    told: httpx2.Response = await at.call(token="opaque-of-alice")

    assert (told.status_code, error(told)["data"]["reason"]) == (status, reason)
    assert ("retry-after" in told.headers) is (status == 503)
    assert ("www-authenticate" in told.headers) is (status != 503)
    assert at.seen == []
    if status == 401:
        assert f'resource_metadata="{METADATA}"' in told.headers["www-authenticate"]
    for secret in ("opaque-of-alice", "s3cret"):
        assert secret not in f"{told.text}{told.headers}{at.events}"
