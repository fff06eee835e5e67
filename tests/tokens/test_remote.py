"""Keys under a URL: fetched over real sockets, kept for a bounded time, asked for once."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import structlog

from doorward.errors import KeysUnavailable, UnknownKey
from doorward.net import Fetcher
from doorward.tokens import DiscoveredKeys, Freshness, RemoteKeys, TrustedIssuer, Verifier
from doorward.tokens.key import MOST_KEYS
from doorward.tokens.remote import LARGEST_JWKS
from tests.ledger import proves
from tests.tokens.signer import NOW, RESOURCE, Signer, claims


class Time:
    now = NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class Provider:
    """An issuer over plain http on loopback, which the fetcher is told to allow."""

    documents: dict[str, bytes] = field(default_factory=dict)
    headers: str = ""
    status: str = "200 OK"
    asked: list[str] = field(default_factory=list)
    port: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def publish(self, *jwks: dict[str, Any]) -> None:
        self.documents["/keys"] = json.dumps({"keys": jwks}).encode()

    def describe(self, path: str, **members: Any) -> None:
        self.documents[path] = json.dumps(members).encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        self.asked.append(path)
        body = self.documents.get(path)
        await self.gate.wait()
        status = self.status
        if body is None:
            body, status = b"{}", "404 Not Found"
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{self.headers}\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    def fetcher(self) -> Fetcher:
        return Fetcher(allow_private_hosts=frozenset({f"127.0.0.1:{self.port}"}), timeout=2)


async def until(true: Callable[[], bool]) -> None:
    """Let everybody else run until that is so; the test's own time limit ends it otherwise."""
    while not true():
        await asyncio.sleep(0.001)


@asynccontextmanager
async def running(provider: Provider) -> AsyncIterator[Provider]:
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    provider.port = server.sockets[0].getsockname()[1]
    try:
        yield provider
    finally:
        server.close()


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with running(Provider()) as place:
        yield place


@pytest.fixture
def signer() -> Signer:
    return Signer("ES256")


def remote(provider: Provider, time: Time, **freshness: Any) -> RemoteKeys:
    return RemoteKeys(
        f"{provider.url}/keys",
        fetcher=provider.fetcher(),
        clock=time,
        freshness=Freshness(**freshness),
    )


@proves("S134", "accepts")
async def test_keys_are_fetched_ahead_and_then_at_hand(provider: Provider, signer: Signer) -> None:
    provider.publish(signer.jwk)
    keys = remote(provider, Time())
    assert keys.known("k1", "ES256") is None
    await keys.start()

    assert keys.known("k1", "ES256") is not None
    assert await keys.key("k1", "ES256") is keys.known("k1", "ES256")
    assert provider.asked == ["/keys"]


async def test_many_first_tokens_cause_one_fetch(provider: Provider, signer: Signer) -> None:
    provider.publish(signer.jwk)
    provider.gate.clear()
    keys = remote(provider, Time())
    waiting = [asyncio.create_task(keys.key("k1", "ES256")) for _ in range(20)]
    await until(lambda: bool(provider.asked))
    waiting.pop().cancel()
    provider.gate.set()

    assert len(set(map(id, await asyncio.gather(*waiting)))) == 1
    assert provider.asked == ["/keys"]


@proves("S134", "refuses")
async def test_invented_key_names_cause_a_few_fetches_and_then_one_per_while(
    provider: Provider, signer: Signer
) -> None:
    time = Time()
    provider.publish(signer.jwk)
    keys = remote(provider, time, unknown_kid=5, unknown_kid_burst=4)
    await keys.start()
    for n in range(20):
        with pytest.raises(UnknownKey):
            await keys.key(f"invented-{n}", "ES256")
    assert len(provider.asked) == 1 + 4

    for step, asked in ((4.9, 5), (0.1, 6), (5.0, 7), (4.9, 7)):
        time.now += step
        for n in range(20):
            with pytest.raises(UnknownKey):
                await keys.key(f"invented-{n}", "ES256")
        assert len(provider.asked) == asked
    assert keys.known("k1", "ES256") is not None


@proves("S135", "accepts")
async def test_a_key_rotated_in_during_a_flood_of_invented_names_waits_for_seconds_alone(
    provider: Provider, signer: Signer
) -> None:
    time = Time()
    provider.publish(signer.jwk)
    keys = remote(provider, time)
    await keys.start()
    for n in range(20):
        with pytest.raises(UnknownKey):
            await keys.key(f"invented-{n}", "ES256")
    provider.publish(signer.jwk, Signer("ES256", "k2").jwk)
    with pytest.raises(UnknownKey):
        await keys.key("k2", "ES256")

    time.now += 5
    # Whichever of the names comes first, the set that it fetches has the new key.
    with pytest.raises(UnknownKey):
        await keys.key("invented", "ES256")
    assert (await keys.key("k2", "ES256")).kid == "k2"


@proves("S135", "accepts")
async def test_what_could_not_be_asked_for_counts_as_not_asked(
    provider: Provider, signer: Signer
) -> None:
    time = Time()
    provider.publish(signer.jwk)
    keys = remote(provider, time, unknown_kid=1000, unknown_kid_burst=2, retry=5)
    await keys.start()
    provider.status = "500 Oops"
    for _ in range(20):
        with pytest.raises(KeysUnavailable):
            await keys.key("k2", "ES256")
    assert len(provider.asked) == 2

    time.now += 5
    provider.status = "200 OK"
    provider.publish(Signer("ES256", "k2").jwk)
    assert (await keys.key("k2", "ES256")).kid == "k2"


@proves("S135", "accepts")
async def test_a_set_that_left_before_the_rotation_is_not_the_last_word(
    provider: Provider, signer: Signer
) -> None:
    provider.publish(signer.jwk)
    keys = remote(provider, Time())
    await keys.start()
    provider.gate.clear()
    first = asyncio.create_task(keys.key("invented", "ES256"))
    await until(lambda: len(provider.asked) == 2)
    # Asked for with the old set already on its way, by many at once.
    waiting = [asyncio.create_task(keys.key("k2", "ES256")) for _ in range(20)]
    await asyncio.sleep(0)
    provider.publish(signer.jwk, Signer("ES256", "k2").jwk)
    provider.gate.set()

    with pytest.raises(UnknownKey):
        await first
    assert {key.kid for key in await asyncio.gather(*waiting)} == {"k2"}
    assert len(provider.asked) == 3


@proves("S135", "accepts")
async def test_a_key_rotated_in_under_load_refuses_nobody_who_waits_for_it(
    provider: Provider, signer: Signer
) -> None:
    provider.publish(signer.jwk)
    keys = remote(provider, Time())
    await keys.start()
    provider.publish(signer.jwk, Signer("ES256", "k2").jwk)
    provider.gate.clear()
    waiting = [asyncio.create_task(keys.key("k2", "ES256")) for _ in range(20)]
    await until(lambda: len(provider.asked) == 2)
    provider.gate.set()

    assert {key.kid for key in await asyncio.gather(*waiting)} == {"k2"}
    assert len(provider.asked) == 2


@proves("S135", "accepts")
async def test_a_new_key_works_at_once(provider: Provider, signer: Signer) -> None:
    provider.publish(signer.jwk)
    keys = remote(provider, Time())
    await keys.start()
    generation = keys.generation
    provider.publish(signer.jwk, Signer("ES256", "k2").jwk)

    assert (await keys.key("k2", "ES256")).kid == "k2"
    assert keys.generation == generation + 1


@proves("S135", "refuses")
async def test_a_withdrawn_key_stops_within_its_time(provider: Provider, signer: Signer) -> None:
    time = Time()
    provider.publish(signer.jwk)
    issuer = TrustedIssuer(
        issuer=provider.url,
        audience=RESOURCE,
        algorithms=("ES256",),
        jwks_uri=f"{provider.url}/keys",
    )
    judge = Verifier([issuer], clock=time, cache_ttl=10_000)
    token = signer.token(claims(iss=provider.url, exp=NOW + 4000))
    await judge.verify(token)
    provider.publish(Signer("ES256", "k2").jwk)

    time.now += 299
    assert judge.recall(token) is not None
    time.now += 1
    # Remembered tokens too: none outlives the time for which its key was believed.
    assert judge.recall(token) is None
    with pytest.raises(UnknownKey):
        await judge.verify(token)


@proves("S77", "accepts")
@pytest.mark.parametrize(
    ("header", "life"),
    [
        ("", 300),
        ("Cache-Control: max-age=600\r\n", 600),
        ("Cache-Control: max-age=1\r\n", 60),
        ("Cache-Control: no-store\r\n", 60),
        ("Cache-Control: max-age=99999999\r\n", 3600),
    ],
)
async def test_keys_are_believed_as_long_as_their_issuer_says_within_bounds(
    provider: Provider, signer: Signer, header: str, life: float
) -> None:
    time = Time()
    provider.publish(signer.jwk)
    provider.headers = header
    keys = remote(provider, time)
    await keys.start()
    generation = keys.generation

    time.now += life - 0.1
    assert keys.known("k1", "ES256") is not None
    time.now += 0.1
    assert keys.known("k1", "ES256") is None
    await keys.key("k1", "ES256")
    assert len(provider.asked) == 2
    # The same keys again: what was verified with them stays verified.
    assert keys.generation == generation


@proves("S134", "accepts")
@proves("S134", "refuses")
async def test_old_keys_serve_while_the_issuer_is_down_but_not_for_ever(
    provider: Provider, signer: Signer
) -> None:
    time = Time()
    provider.publish(signer.jwk)
    keys = remote(provider, time, usual=300, stale=3600, retry=5)
    await keys.start()
    provider.status = "500 Oops"

    time.now += 300
    assert (await keys.key("k1", "ES256")).kid == "k1"
    assert keys.known("k1", "ES256") is not None
    assert len(provider.asked) == 2
    time.now += 5
    assert keys.known("k1", "ES256") is None
    await keys.key("k1", "ES256")
    await until(lambda: len(provider.asked) == 3)

    # A key that is not in the old set may be a new one: nobody is told that his token is bad.
    with pytest.raises(KeysUnavailable):
        await keys.key("k2", "ES256")

    time.now = NOW + 3900
    with pytest.raises(KeysUnavailable) as refusal:
        await keys.key("k1", "ES256")
    assert refusal.value.status == 503


async def test_nobody_with_an_old_key_waits_for_an_issuer_that_hangs(
    provider: Provider, signer: Signer
) -> None:
    time = Time()
    provider.publish(signer.jwk)
    keys = remote(provider, time)
    await keys.start()
    provider.status = "500 Oops"
    time.now += 300
    await keys.key("k1", "ES256")

    time.now += 5
    provider.gate.clear()
    for _ in range(20):
        assert (await keys.key("k1", "ES256")).kid == "k1"
    await until(lambda: len(provider.asked) == 3)
    provider.status = "200 OK"
    provider.gate.set()
    # What was asked behind the old key's back is believed as any other answer.
    await until(lambda: keys.problem is None)
    assert keys.known("k1", "ES256") is not None
    assert len(provider.asked) == 3


async def test_an_issuer_that_is_back_is_believed_again(provider: Provider, signer: Signer) -> None:
    time = Time()
    provider.publish(signer.jwk)
    provider.status = "500 Oops"
    keys = remote(provider, time, retry=5)
    await keys.start()
    provider.status = "200 OK"
    time.now += 5
    assert (await keys.key("k1", "ES256")).kid == "k1"
    assert keys.problem is None


@proves("S134", "refuses")
async def test_an_issuer_that_is_down_at_the_start_is_asked_again_and_not_hammered(
    provider: Provider, signer: Signer
) -> None:
    time = Time()
    keys = remote(provider, time, retry=5)
    with structlog.testing.capture_logs() as logs:
        await keys.start()
    assert [entry["event"] for entry in logs] == ["issuer-keys-unavailable"]
    for _ in range(10):
        with pytest.raises(KeysUnavailable) as refusal:
            await keys.key("k1", "ES256")
    assert len(provider.asked) == 1
    assert refusal.value.code == "keys-unavailable"

    provider.publish(signer.jwk)
    time.now += 5
    assert (await keys.key("k1", "ES256")).kid == "k1"


@proves("S134", "refuses")
@pytest.mark.parametrize(
    "document",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>", id="html"),
        pytest.param(b"[]", id="list"),
        pytest.param(b'{"keys":[],"keys":[]}', id="member-twice"),
        pytest.param(b'{"keys":{}}', id="no-list"),
        pytest.param(json.dumps({"keys": [{}] * (MOST_KEYS + 1)}).encode(), id="too-many-keys"),
        pytest.param(b'{"keys":[' + b" " * LARGEST_JWKS + b"]}", id="too-large"),
    ],
)
async def test_a_document_that_is_no_key_set_replaces_nothing(
    provider: Provider, signer: Signer, document: bytes
) -> None:
    time = Time()
    provider.publish(signer.jwk)
    keys = remote(provider, time)
    await keys.start()
    provider.documents["/keys"] = document
    time.now += 300

    assert (await keys.key("k1", "ES256")).kid == "k1"
    assert keys.problem is not None


@proves("S134", "refuses")
@proves("S75", "refuses")
async def test_a_key_url_that_leads_inside_is_not_fetched(provider: Provider) -> None:
    provider.publish(Signer("ES256").jwk)
    for url in (f"{provider.url}/keys", "https://169.254.169.254/keys", "https://127.1/keys"):
        keys = RemoteKeys(url, fetcher=Fetcher(), clock=Time())
        with pytest.raises(KeysUnavailable):
            await keys.key("k1", "ES256")

    assert provider.asked == []


@proves("S134", "refuses")
async def test_a_redirect_to_keys_is_not_followed(provider: Provider, signer: Signer) -> None:
    provider.publish(signer.jwk)
    provider.status, provider.headers = "302 Found", "Location: /keys\r\n"
    with pytest.raises(KeysUnavailable):
        await remote(provider, Time()).key("k1", "ES256")
    assert provider.asked == ["/keys"]


OAUTH, OPENID = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"


@proves("S75", "accepts")
@pytest.mark.parametrize("where", [OAUTH + "/realm", OPENID + "/realm", "/realm" + OPENID])
async def test_keys_are_found_through_the_issuers_metadata(
    provider: Provider, signer: Signer, where: str
) -> None:
    issuer = f"{provider.url}/realm"
    provider.publish(signer.jwk)
    provider.describe(where, issuer=issuer, jwks_uri=f"{provider.url}/keys")
    keys = DiscoveredKeys(issuer, fetcher=provider.fetcher(), clock=Time())

    assert (await keys.key("k1", "ES256")).kid == "k1"
    assert provider.asked[-2:] == [where, "/keys"]


@proves("S75", "refuses")
@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"issuer": "{issuer}/", "jwks_uri": "{url}/keys"}, id="another-issuer"),
        pytest.param({"jwks_uri": "{url}/keys"}, id="no-issuer"),
        pytest.param({"issuer": "{issuer}"}, id="no-keys"),
        pytest.param({"issuer": "{issuer}", "jwks_uri": 1}, id="keys-not-a-url"),
        pytest.param({"issuer": "{issuer}", "jwks_uri": "https://10.0.0.1/keys"}, id="inside"),
        pytest.param({"issuer": "{issuer}", "jwks_uri": "file:///keys"}, id="file"),
    ],
)
async def test_metadata_that_is_not_the_issuers_own_leads_nowhere(
    provider: Provider, signer: Signer, members: dict[str, Any]
) -> None:
    issuer = f"{provider.url}/realm"
    provider.publish(signer.jwk)
    said = {
        name: value.format(issuer=issuer, url=provider.url) if isinstance(value, str) else value
        for name, value in members.items()
    }
    provider.describe(OAUTH + "/realm", **said)
    with pytest.raises(KeysUnavailable):
        await DiscoveredKeys(issuer, fetcher=provider.fetcher(), clock=Time()).key("k1", "ES256")

    assert "/keys" not in provider.asked


async def test_an_issuer_is_reached_at_its_inner_address_and_known_by_its_own(
    provider: Provider, signer: Signer
) -> None:
    public = "https://login.example/realm"
    provider.publish(signer.jwk)
    provider.describe("/realm" + OPENID, issuer=public, jwks_uri="https://login.example/keys")
    issuer = TrustedIssuer(
        issuer=public,
        audience=RESOURCE,
        algorithms=("ES256",),
        internal_url=f"{provider.url}/realm",
    )
    judge = Verifier([issuer], clock=Time())
    await judge.start()

    assert (await judge.verify(signer.token(claims(iss=public)))).issuer == public
    with pytest.raises(Exception, match="unknown-issuer"):
        await judge.verify(signer.token(claims(iss=f"{provider.url}/realm")))


async def test_one_issuer_that_is_down_does_not_keep_the_others_out(
    provider: Provider, signer: Signer
) -> None:
    provider.publish(signer.jwk)
    up = TrustedIssuer(
        issuer=provider.url,
        audience=RESOURCE,
        algorithms=("ES256",),
        jwks_uri=f"{provider.url}/keys",
    )
    down = TrustedIssuer(
        issuer="http://localhost:1",
        audience=RESOURCE,
        algorithms=("ES256",),
    )
    judge = Verifier([up, down], clock=Time())
    await judge.start()

    assert (await judge.verify(signer.token(claims(iss=up.issuer)))).subject == "alice"
    with pytest.raises(KeysUnavailable):
        await judge.verify(signer.token(claims(iss=down.issuer)))
