"""Incomplete settings are refused at start-up, with a fix."""

import asyncio
import json
from typing import Any

import pytest

from doorward.errors import ConfigurationError
from doorward.guard import Guard
from doorward.net import Fetcher, FetchFailed, FetchResponse
from doorward.policy import Policy
from doorward.tokens import RemoteKeys, TrustedIssuer, Verifier
from doorward.wire.asgi import Message, Receive, Scope, Send
from tests.guard.bench import ISSUER, MINT, NOW, POLICY, RESOURCE, Bench, token, trusted
from tests.ledger import proves


@proves("S10", "refuses", "unsafe settings refuse to start")
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"resource": "http://mcp.example/mcp"}, "insecure-resource", id="plain-http"),
        pytest.param({"resource": "mcp.example"}, "not-a-resource", id="no-url"),
        pytest.param({"resource": RESOURCE + "?x"}, "not-a-resource", id="query"),
        pytest.param({"issuers": []}, "no-issuers", id="no-issuers"),
        pytest.param(
            {"issuers": [], "issuer": "http://x.example"}, "insecure-issuer", id="http-issuer"
        ),
        pytest.param({"issuer": "https://x.example"}, "two-ways-to-name-issuers", id="both"),
        pytest.param({"algorithms": ("ES256",)}, "two-ways-to-name-issuers", id="both-in-part"),
        pytest.param({"issuers": [trusted(), trusted()]}, "issuer-twice", id="twice"),
        pytest.param({"allowed_hosts": ["https://a.example"]}, "not-a-host", id="url-as-host"),
        pytest.param({"allowed_hosts": ["a.example/x"]}, "not-a-host", id="path-in-host"),
        pytest.param({"allowed_origins": ["a.example"]}, "not-an-origin", id="host-as-origin"),
        pytest.param({"allowed_origins": ["*"]}, "not-an-origin", id="every-origin"),
        pytest.param({"allowed_origins": ["https://a.example/"]}, "not-an-origin", id="slash"),
        pytest.param({"path": "mcp"}, "not-a-path", id="path-without-slash"),
        pytest.param({"path": "/a/../mcp"}, "not-a-path", id="path-with-dots"),
        pytest.param({"path": "/a%2fb"}, "not-a-path", id="encoded-path"),
        pytest.param({"max_body": 0}, "not-a-limit", id="no-body-at-all"),
    ],
)
def test_a_missing_or_unsafe_setting_is_refused_at_start_up_with_a_hint(
    change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        Bench(**change)

    assert refusal.value.reason == reason
    assert refusal.value.hint.endswith(".")


@proves("S10", "accepts", "unsafe settings refuse to start")
@pytest.mark.parametrize(
    "resource", ["https://mcp.example/mcp", "http://localhost:9000/mcp", "http://[::1]:9000/mcp"]
)
def test_https_and_loopback_http_resources_are_accepted(resource: str) -> None:
    assert Bench(resource=resource).guard.resource == resource


@proves("S130", "refuses", "audience is this resource")
@pytest.mark.parametrize("audience", ["", (), ("",)])
def test_an_empty_audience_is_refused(audience: Any) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        TrustedIssuer(issuer="https://issuer.example", audience=audience)

    assert refusal.value.reason == "undecided-audience"


@proves("S130", "accepts", "audience is this resource")
@pytest.mark.parametrize("resource", [RESOURCE, RESOURCE + "/", "https://mcp.example/"])
def test_by_default_the_audience_is_the_resource_byte_for_byte(resource: str) -> None:
    guard = Guard(resource=resource, issuer="https://issuer.example/", policy=Policy())

    (issuer,) = guard.issuers
    assert issuer.audience == resource
    assert issuer.issuer == "https://issuer.example/"


def test_algorithms_can_be_pinned_in_the_short_form() -> None:
    guard = Guard(
        resource=RESOURCE, issuer="https://a.example", algorithms=("EdDSA",), policy=Policy()
    )

    (issuer,) = guard.issuers
    assert isinstance(issuer, TrustedIssuer)
    assert issuer.algorithms == ("EdDSA",)


class Watched(Verifier):
    """A verifier that remembers when it was started and closed."""

    def __init__(self) -> None:
        super().__init__([trusted()], clock=lambda: NOW)
        self.story: list[str] = []
        self.misconfigured = False

    async def start(self) -> None:
        self.story.append("start")
        if self.misconfigured:
            raise ConfigurationError("key-unreadable", "The key cannot be read.", "Fix its mode.")
        await super().start()

    async def aclose(self) -> None:
        self.story.append("close")
        await super().aclose()


async def live(app: Any, verifier: Watched) -> list[Message]:
    """Run a whole lifespan and return what the server was told."""
    bench = Bench(verifier=verifier)
    told: list[Message] = []
    coming = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> Message:
        verifier.story.append(coming[0]["type"])
        return coming.pop(0)

    async def send(part: Message) -> None:
        told.append(part)

    await bench.guard.protect(app)({"type": "lifespan", "asgi": {}}, receive, send)
    return told


async def with_lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    """Take part in start-up and shutdown."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def without_lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    """Know nothing but HTTP."""
    assert scope["type"] == "http"


async def that_ignores_it(scope: Scope, receive: Receive, send: Send) -> None:
    """Return at once."""


@pytest.mark.parametrize("app", [with_lifespan, without_lifespan, that_ignores_it])
async def test_the_lifespan_starts_and_closes_the_verifier(app: Any) -> None:
    verifier = Watched()

    told = await live(app, verifier)

    assert verifier.story == ["lifespan.startup", "start", "lifespan.shutdown", "close"]
    assert [part["type"] for part in told] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


async def test_a_configuration_error_fails_the_start_with_its_hint() -> None:
    verifier = Watched()
    verifier.misconfigured = True

    told = await live(with_lifespan, verifier)

    assert told == [
        {
            "type": "lifespan.startup.failed",
            "message": "The key cannot be read. Fix its mode.",
        }
    ]


async def test_an_application_that_fails_to_start_fails_the_lifespan() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})
        raise RuntimeError("no database")

    verifier = Watched()
    with pytest.raises(RuntimeError, match="no database"):
        await live(app, verifier)

    assert verifier.story[-1] == "close"


async def test_without_a_lifespan_the_first_token_starts_the_verifier_once() -> None:
    verifier = Watched()
    bench = Bench(verifier=verifier, policy=POLICY)

    for _ in range(3):
        await bench.call(token=token("mcp:read", "mcp:tools"))

    assert verifier.story == ["start"]


class Slow(Fetcher):
    """Fetches the issuer's keys when it is let, or learns then that there are none to be had."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.may_answer = asyncio.Event()
        self.is_down = False

    async def fetch(self, url: str, **_: Any) -> FetchResponse:
        self.asked += 1
        await self.may_answer.wait()
        if self.is_down:
            raise FetchFailed("nobody there")
        return FetchResponse(200, {}, json.dumps(MINT.jwks()).encode(), None)


class Served:
    """A guard between the start and the end of its server, before an issuer that is slow."""

    def __init__(self) -> None:
        self.issuer = Slow()
        keys = RemoteKeys(f"{ISSUER}/keys", fetcher=self.issuer, clock=lambda: NOW)
        trust = TrustedIssuer(issuer=ISSUER, audience=RESOURCE, algorithms=("ES256",), keys=keys)
        self.bench = Bench(issuers=[trust])
        self.told: asyncio.Queue[Message] = asyncio.Queue()
        self.coming: asyncio.Queue[Message] = asyncio.Queue()

    async def __aenter__(self) -> Bench:
        scope: Scope = {"type": "lifespan", "asgi": {}}
        self.living = asyncio.create_task(self.bench.guarded(scope, self.coming.get, self.told.put))
        await self.coming.put({"type": "lifespan.startup"})
        async with asyncio.timeout(5):
            told = await self.told.get()
        assert told["type"] == "lifespan.startup.complete"
        return self.bench

    async def __aexit__(self, *_: object) -> None:
        await self.coming.put({"type": "lifespan.shutdown"})
        await self.living


async def test_a_challenge_is_sent_before_the_issuer_has_answered() -> None:
    served = Served()
    async with served as bench:
        answer = await bench.call()

    assert answer.status_code == 401
    assert "resource_metadata=" in answer.headers["www-authenticate"]
    assert served.issuer.asked == 1


async def test_tokens_wait_for_the_key_fetch_in_flight() -> None:
    served = Served()
    async with served as bench:
        calls = [asyncio.create_task(bench.call(token=token("mcp:read", "mcp:tools")))]
        calls.append(asyncio.create_task(bench.call(token=token("mcp:read"))))
        await some_turns()
        assert not any(call.done() for call in calls)
        served.issuer.may_answer.set()
        answers = await asyncio.gather(*calls)

    assert sorted(one.status_code for one in answers) == [200, 403]
    assert served.issuer.asked == 1


async def test_an_issuer_that_is_down_at_the_start_is_logged_and_its_tokens_get_a_503(
    capsys: pytest.CaptureFixture[str],
) -> None:
    served = Served()
    served.issuer.is_down = True
    served.issuer.may_answer.set()
    async with served as bench:
        answer = await bench.call(token=token("mcp:read", "mcp:tools"))

    assert answer.status_code == 503
    assert "issuer-keys-unavailable" in capsys.readouterr().out
    assert served.issuer.asked == 1


async def test_shutdown_does_not_wait_for_the_issuer() -> None:
    async with asyncio.timeout(1), Served():
        pass


async def test_a_verifier_failure_after_start_up_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Late(Watched):
        async def start(self) -> None:
            await asyncio.sleep(0)
            raise ConfigurationError("key-unreadable", "The key cannot be read.", "Fix its mode.")

    told = await live(with_a_pause, Late())

    assert told[0]["type"] == "lifespan.startup.complete"
    assert "The key cannot be read. Fix its mode." in caplog.text


async def with_a_pause(scope: Scope, receive: Receive, send: Send) -> None:
    """Live long enough for whatever is under way to end."""
    await some_turns()
    await with_lifespan(scope, receive, send)


async def some_turns() -> None:
    """Let the loop come as far as it can without anybody else."""
    for _ in range(50):
        await asyncio.sleep(0)
