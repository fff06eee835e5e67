"""The caller's identity comes only from the verified token, on every request."""

import asyncio
import json
from typing import Any

import pytest

from doorward.errors import SessionRefused
from doorward.guard.sessions import SessionOwners
from doorward.identity import SCOPE_KEY, Identity, current_identity
from doorward.testing.mint import TokenMint
from doorward.wire.asgi import Receive, Scope, Send
from tests.guard.bench import (
    ISSUER,
    MINT,
    NOW,
    RESOURCE,
    Bench,
    bearer,
    error,
    message,
    token,
    trusted,
)
from tests.ledger import proves


@proves("S146", "accepts", "user from the token alone")
async def test_the_application_gets_the_identity_of_the_caller() -> None:
    bench = Bench()

    await bench.call(token=token("mcp:read", "mcp:tools", roles=["staff"]))

    caller = bench.seen[0][SCOPE_KEY]
    assert caller.key == (ISSUER, "alice")
    assert caller.client_id == "test-client"
    assert caller.scopes == {"mcp:read", "mcp:tools"}
    assert caller.roles == {"staff"}
    assert bench.callers == [caller]
    assert current_identity() is None


@proves("S146", "refuses", "user from the token alone")
@pytest.mark.parametrize(
    "claim",
    [
        {"x-user": "admin"},
        {"x-forwarded-user": "admin"},
        {"x-mcp-authorized": "true"},
        {"x-forwarded-for": "127.0.0.1"},
        {"remote-user": "admin"},
        {"doorward.identity": "admin"},
        {"cookie": "user=admin"},
    ],
)
async def test_no_header_changes_the_identity(claim: dict[str, str]) -> None:
    bench = Bench()

    known = await bench.call(token=token("mcp:read", "mcp:tools"), **claim)
    unknown = await bench.call(**claim)

    assert known.text == "alice"
    assert unknown.status_code == 401


@proves("S146", "refuses", "user from the token alone")
async def test_neither_meta_nor_arguments_change_the_identity() -> None:
    bench = Bench()
    body = message("tools/call", name="add", arguments={"user": "admin"}, _meta={"user": "admin"})

    answer = await bench.ask(json=body, headers=bearer(token("mcp:read", "mcp:tools")))

    assert answer.text == "alice"
    assert bench.seen[0][SCOPE_KEY].subject == "alice"


@proves("S140", "accepts", "every request is checked")
@proves("S140", "refuses", "every request is checked")
@pytest.mark.parametrize("method", ["GET", "DELETE", "HEAD", "POST"])
async def test_every_method_of_the_endpoint_needs_a_token(method: str) -> None:
    bench = Bench()
    body: dict[str, Any] = {"json": message("ping")} if method == "POST" else {}

    refused = await bench.ask(method, **body)
    narrow = await bench.ask(method, headers=bearer(token("other")), **body)
    served = await bench.ask(method, headers=bearer(token("mcp:read")), **body)

    assert (refused.status_code, narrow.status_code, served.status_code) == (401, 403, 200)
    assert len(bench.seen) == 1


@proves("S140", "refuses", "every request is checked")
async def test_a_token_is_checked_for_expiry_on_every_request() -> None:
    bench = Bench()
    good = token("mcp:read", "mcp:tools")

    before = await bench.call(token=good)
    bench.now = NOW + 600 + 31
    after = await bench.call(token=good)

    assert (before.status_code, after.status_code) == (200, 401)
    assert bench.events[-1].reason == "outside-lifetime"


@proves("S140", "refuses", "every request is checked")
async def test_listening_to_subscriptions_needs_a_token() -> None:
    bench = Bench()

    answer = await bench.ask(json=message("subscriptions/listen"))

    assert answer.status_code == 401


ALL = {"mcp:read", "mcp:tools"}


@proves("S142", "accepts", "foreign sessions and handles")
async def test_without_sessions_a_session_id_is_ignored() -> None:
    bench = Bench()

    for name in ("alice", "mallory"):
        answer = await bench.call(token=MINT.mint(name, scopes=ALL), **{"mcp-session-id": "old"})
        assert answer.text == name


@proves("S142", "accepts", "foreign sessions and handles")
async def test_a_session_survives_a_token_refresh() -> None:
    bench = Bench()
    bench.headers = [(b"mcp-session-id", b"s1")]

    await bench.call(token=MINT.mint("alice", scopes=ALL))
    answer = await bench.call(token=MINT.mint("alice", scopes=ALL), **{"mcp-session-id": "s1"})

    assert answer.status_code == 200


@proves("S142", "refuses", "foreign sessions and handles")
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
@pytest.mark.parametrize(
    "principal",
    [
        pytest.param({"subject": "mallory"}, id="another-person"),
        pytest.param({"subject": "alice", "client_id": "other"}, id="another-client"),
    ],
)
async def test_a_session_id_is_refused_for_another_principal(
    method: str, principal: dict[str, Any]
) -> None:
    bench = Bench()
    bench.headers = [(b"mcp-session-id", b"s1")]
    await bench.call(token=MINT.mint("alice", scopes=ALL))
    bench.seen.clear()

    body: dict[str, Any] = {"json": message("ping")} if method == "POST" else {}
    mallory = bearer(MINT.mint(scopes=ALL, **principal))
    taken = await bench.ask(method, headers={**mallory, "mcp-session-id": "s1"}, **body)
    twice = [*mallory.items(), ("mcp-session-id", "s1"), ("mcp-session-id", "s1")]
    doubled = await bench.ask(method, headers=twice, **body)
    invented = await bench.ask(method, headers={**mallory, "mcp-session-id": "s9"}, **body)

    for answer in (taken, doubled, invented):
        assert answer.status_code == 404
        assert error(answer)["data"]["reason"] == "session-refused"
    assert bench.seen == []


def test_session_owners_are_bounded_and_evicted_sessions_are_refused() -> None:
    sessions = SessionOwners(entries=2)
    alice = Identity(
        issuer=ISSUER,
        subject="alice",
        client_id=None,
        scopes=frozenset(),
        roles=frozenset(),
        expires_at=NOW,
    )
    for session in (b"a", b"b", b"c"):
        sessions.opened(session, alice)

    sessions.require_own(b"c", alice)
    with pytest.raises(SessionRefused):
        sessions.require_own(b"a", alice)


@proves("S145", "accepts", "no result of another user")
@proves("S145", "refuses", "no result of another user")
async def test_concurrent_callers_are_never_confused() -> None:
    bench = Bench()
    everybody_is_in = asyncio.Barrier(20)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await everybody_is_in.wait()
        caller = current_identity()
        assert caller is not None
        body = json.dumps([caller.subject, scope[SCOPE_KEY].subject]).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    bench.guarded = bench.guard.protect(app)
    names = [f"user-{number}" for number in range(20)]
    answers = await asyncio.gather(
        *(
            bench.ask(json=message("ping"), headers=bearer(MINT.mint(name, scopes={"mcp:read"})))
            for name in names
        )
    )

    assert [json.loads(answer.content) for answer in answers] == [[name, name] for name in names]
    assert current_identity() is None


async def test_a_failing_application_leaves_no_identity_in_the_context() -> None:
    bench = Bench()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("the application's own mistake")

    bench.guarded = bench.guard.protect(app)
    with pytest.raises(RuntimeError):
        await bench.call(token=token("mcp:read", "mcp:tools"))

    assert current_identity() is None
    assert bench.events[-1].status == 500


async def test_equal_subjects_of_two_issuers_are_different_identities() -> None:
    second = TokenMint(issuer="https://second.example", audience=RESOURCE, clock=lambda: NOW)
    bench = Bench(issuers=[trusted(), trusted(second)])

    await bench.call(token=token("mcp:read", "mcp:tools"))
    await bench.call(token=second.mint("alice", scopes={"mcp:read", "mcp:tools"}))

    first_key, second_key = (scope[SCOPE_KEY].key for scope in bench.seen)
    assert first_key == (ISSUER, "alice")
    assert second_key == ("https://second.example", "alice")
