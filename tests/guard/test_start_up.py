"""What an operator must decide is asked before anything listens, with what to change."""

from typing import Any

import pytest

from doorward.errors import ConfigurationError
from doorward.guard import Guard
from doorward.guard.answers import Message, Receive, Scope, Send
from doorward.policy import Policy
from doorward.tokens import TrustedIssuer, Verifier
from tests.guard.bench import NOW, POLICY, RESOURCE, Bench, token, trusted
from tests.ledger import proves


@proves("S10", "refuses")
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"resource": "http://mcp.example/mcp"}, "insecure-resource", id="plain-http"),
        pytest.param({"resource": "mcp.example"}, "not-a-resource", id="no-url"),
        pytest.param({"resource": RESOURCE + "?x"}, "not-a-resource", id="query"),
        pytest.param({"issuers": []}, "no-issuers", id="nobody-is-trusted"),
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
def test_an_undecided_or_unsafe_setting_stops_the_start_and_says_what_to_change(
    change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        Bench(**change)

    assert refusal.value.reason == reason
    assert refusal.value.hint.endswith(".")


@proves("S10", "accepts")
@pytest.mark.parametrize(
    "resource", ["https://mcp.example/mcp", "http://localhost:9000/mcp", "http://[::1]:9000/mcp"]
)
def test_https_anywhere_and_http_on_this_machine_may_start(resource: str) -> None:
    assert Bench(resource=resource).guard.resource == resource


@proves("S130", "refuses")
@pytest.mark.parametrize("audience", ["", (), ("",)])
def test_there_is_no_way_to_leave_the_audience_undecided(audience: Any) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        TrustedIssuer(issuer="https://issuer.example", audience=audience)

    assert refusal.value.reason == "undecided-audience"


@proves("S130", "accepts")
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
async def test_keys_are_warm_before_the_first_request_and_let_go_at_the_end(app: Any) -> None:
    verifier = Watched()

    told = await live(app, verifier)

    assert verifier.story == ["lifespan.startup", "start", "lifespan.shutdown", "close"]
    assert [part["type"] for part in told] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


async def test_a_misconfiguration_stops_the_server_with_its_hint() -> None:
    verifier = Watched()
    verifier.misconfigured = True

    told = await live(with_lifespan, verifier)

    assert told == [
        {
            "type": "lifespan.startup.failed",
            "message": "The key cannot be read. Fix its mode.",
        }
    ]


async def test_a_failing_application_fails_the_start_as_it_would_alone() -> None:
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
