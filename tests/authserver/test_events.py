"""Audit events: one for each refusal, with what an operator and a metric need, and no secret."""

import asyncio
from collections import Counter

import pytest
from structlog.testing import capture_logs

from doorward.audit import DecisionEvent
from doorward.authserver import AuthorizationServer, AuthServerSettings, Resource, log_event
from doorward.authserver.events import ServerEvent
from doorward.gateway import Gateway
from doorward.guard import Guard
from doorward.policy import Policy
from tests.authserver.conftest import StartAuthServer
from tests.authserver.harness import ISSUER, RESOURCE, VERIFIER, AuthServerHarness
from tests.guard.bench import trusted
from tests.ledger import proves


def refused(harness: AuthServerHarness) -> list[ServerEvent]:
    return [event for event in harness.events if event.kind == "request.refused"]


async def test_a_refused_token_request_is_recorded_with_client_grant_type_and_reason(
    harness: AuthServerHarness,
) -> None:
    client = await harness.register()

    answer = await harness.token(harness.code_fields(client["client_id"], "no-such-code"))

    (event,) = refused(harness)
    assert (event.decision, event.reason) == ("refused", "invalid-grant")
    assert event.time == harness.clock()
    assert event.correlation_id == answer.response.headers["x-correlation-id"]
    assert event.facts["path"] == "/token"
    assert event.facts["status"] == 400
    assert event.facts["client_id"] == client["client_id"]
    assert event.facts["grant_type"] == "authorization_code"


async def test_a_served_token_request_is_recorded_once_and_as_no_refusal(
    harness: AuthServerHarness,
) -> None:
    client = await harness.register()

    await harness.tokens(client["client_id"])

    (issued,) = [event for event in harness.events if event.kind == "token.issued"]
    assert (issued.decision, issued.reason) == ("served", "token.issued")
    assert issued.facts["grant_type"] == "authorization_code"
    assert refused(harness) == []


@pytest.mark.parametrize(
    ("path", "reason", "status"),
    [
        ("/token", "invalid-request", 400),
        ("/revoke", "invalid-request", 400),
        ("/introspect", "invalid-request", 400),
        ("/register", "invalid-client-metadata", 400),
    ],
)
async def test_every_endpoint_for_clients_records_its_refusals(
    harness: AuthServerHarness, path: str, reason: str, status: int
) -> None:
    response = await harness.http.post(harness.url(path), content=b"")

    (event,) = refused(harness)
    assert (event.reason, event.facts["status"]) == (reason, status)
    assert event.facts["path"] == path
    assert event.correlation_id == response.headers["x-correlation-id"]


async def test_a_client_that_fails_to_authenticate_is_recorded_by_name(
    harness: AuthServerHarness,
) -> None:
    client = await harness.register(token_endpoint_auth_method="client_secret_post")
    fields = {"client_id": client["client_id"], "client_secret": "wrong-1a2b3c", "token": "t-9f8e"}

    for path in ("/revoke", "/introspect"):
        await harness.http.post(harness.url(path), data=fields)

    assert [(event.reason, event.facts["client_id"]) for event in refused(harness)] == [
        ("invalid-client", client["client_id"])
    ] * 2


async def test_a_request_for_another_host_is_recorded(harness: AuthServerHarness) -> None:
    response = await harness.http.post(
        harness.url("/token\u202e"), headers={"Host": "evil.example"}
    )

    (event,) = refused(harness)
    assert event.reason == "host-refused"
    assert event.correlation_id == response.headers["x-correlation-id"]
    assert event.facts["path"] == "/token\\u202e"


async def test_a_refusal_on_a_page_is_recorded_with_the_id_on_the_page(
    harness: AuthServerHarness,
) -> None:
    page = await harness.http.get(harness.url("/authorize"))

    (event,) = refused(harness)
    assert (event.reason, event.facts["path"]) == ("invalid-request", "/authorize")
    assert event.correlation_id in page.text


async def test_a_reused_code_has_the_correlation_id_of_the_refusal(
    harness: AuthServerHarness,
) -> None:
    client = await harness.register()
    fields = harness.code_fields(client["client_id"], await harness.code(client["client_id"]))
    await harness.token(fields)

    await harness.token(fields)

    alarm = next(event for event in harness.events if event.kind == "code.reused")
    (event,) = refused(harness)
    assert event.reason == "grant-reused"
    assert alarm.correlation_id == event.correlation_id


async def test_requests_at_the_same_time_keep_their_facts_apart(
    harness: AuthServerHarness,
) -> None:
    clients = [(await harness.register())["client_id"] for _ in range(3)]

    answers = await asyncio.gather(
        *(harness.token(harness.code_fields(client, "no-such-code")) for client in clients)
    )

    told = {event.correlation_id: event.facts["client_id"] for event in refused(harness)}
    ids = [answer.response.headers["x-correlation-id"] for answer in answers]
    assert told == dict(zip(ids, clients, strict=True))


async def test_a_failure_of_ours_is_recorded_without_what_it_quotes(
    harness: AuthServerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret-detail")

    monkeypatch.setattr(type(harness.server.services.clients), "find", fail)

    answer = await harness.token({"grant_type": "refresh_token", "client_id": "a"})

    (event,) = [one for one in harness.events if one.kind == "request.failed"]
    assert (event.decision, event.reason) == ("refused", "server-error")
    assert event.facts["error"] == "RuntimeError"
    assert event.correlation_id == answer.response.headers["x-correlation-id"]
    assert "secret-detail" not in repr(harness.events)


@proves("S101", "refuses", "token errors are clean")
async def test_no_event_holds_a_secret_of_the_request(harness: AuthServerHarness) -> None:
    client = await harness.register(token_endpoint_auth_method="client_secret_post")
    secrets = {
        "code": "code-9f8e7d6c5b4a",
        "code_verifier": VERIFIER,
        "client_secret": "secret-1a2b3c4d5e6f",
        "refresh_token": "refresh-0a1b2c3d4e5f",
        "token": "token-5d4c3b2a1f0e",
        "subject_token": "subject-2b3c4d5e6f7a",
        "client_assertion": "assertion-6f5e4d3c2b1a",
    }
    basic = {"Authorization": "Basic c2VjcmV0LTFhMmIzYzRkNWU2Zg=="}
    for path in ("/token", "/revoke", "/introspect", "/register"):
        for name in ("authorization_code", "refresh_token"):
            for secret in (secrets["client_secret"], client["client_secret"]):
                fields = {**secrets, "client_id": client["client_id"], "client_secret": secret}
                without = {**fields, "grant_type": name}
                without.pop("client_assertion")
                for form in (without, {**fields, "grant_type": name}):
                    await harness.http.post(harness.url(path), data=form)
                    await harness.http.post(harness.url(path), data=form, headers=basic)

    assert len(refused(harness)) >= 20
    written = repr(harness.events)
    for secret in (*secrets.values(), client["client_secret"], basic["Authorization"][6:]):
        assert secret not in written


async def test_a_grant_type_of_nobody_is_no_label(harness: AuthServerHarness) -> None:
    client = await harness.register()

    await harness.token({"grant_type": "made-up", "client_id": client["client_id"]})

    (event,) = refused(harness)
    assert event.reason == "unsupported-grant-type"
    assert "grant_type" not in event.facts


async def test_one_function_counts_the_decisions_of_all_three_parties(
    start_authserver: StartAuthServer,
) -> None:
    counted: Counter[tuple[str, str]] = Counter()

    def count(event: DecisionEvent) -> None:
        counted[event.decision, event.reason] += 1

    # mypy holds that one sink fits all of them.
    Guard(resource=RESOURCE, issuers=[trusted()], policy=Policy(), audit=count)
    Gateway(public=ISSUER, routes=(), audit=count)
    settings = AuthServerSettings(
        issuer=ISSUER, resources=(Resource(uri=RESOURCE, scopes={}, name="Demo"),)
    )
    AuthorizationServer(settings, audit=count)
    harness: AuthServerHarness = await start_authserver()
    client = await harness.register()
    await harness.tokens(client["client_id"])
    await harness.token(harness.code_fields(client["client_id"], "no-such-code"))

    for event in harness.events:
        count(event)

    assert counted["served", "token.issued"] == 1
    assert counted["refused", "invalid-grant"] == 1


async def test_without_a_sink_of_its_own_the_server_writes_to_the_log() -> None:
    event = ServerEvent(
        kind="request.refused",
        time=1.0,
        reason="invalid-grant",
        correlation_id="c0ffee",
        facts={"path": "/token"},
    )
    with capture_logs() as logs:
        log_event(event)

    assert logs == [
        {
            "event": "request.refused",
            "log_level": "info",
            "time": 1.0,
            "reason": "invalid-grant",
            "correlation_id": "c0ffee",
            "path": "/token",
        }
    ]
