"""Who is calling comes from the verified token, on every request, and from nowhere else."""

import asyncio
import json
from typing import Any

import pytest

from doorward.guard.answers import Receive, Scope, Send
from doorward.identity import SCOPE_KEY, current_identity
from doorward.testing.mint import TokenMint
from tests.guard.bench import ISSUER, MINT, NOW, RESOURCE, Bench, bearer, message, token, trusted
from tests.ledger import proves


@proves("S146", "accepts")
async def test_the_application_is_told_who_calls() -> None:
    bench = Bench()

    await bench.call(token=token("mcp:read", "mcp:tools", roles=["staff"]))

    caller = bench.seen[0][SCOPE_KEY]
    assert caller.key == (ISSUER, "alice")
    assert caller.client_id == "test-client"
    assert caller.scopes == {"mcp:read", "mcp:tools"}
    assert caller.roles == {"staff"}
    assert bench.callers == [caller]
    assert current_identity() is None


@proves("S146", "refuses")
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
async def test_no_header_makes_anybody_somebody_else(claim: dict[str, str]) -> None:
    bench = Bench()

    known = await bench.call(token=token("mcp:read", "mcp:tools"), **claim)
    unknown = await bench.call(**claim)

    assert known.text == "alice"
    assert unknown.status_code == 401


@proves("S146", "refuses")
async def test_no_meta_and_no_argument_makes_anybody_somebody_else() -> None:
    bench = Bench()
    body = message("tools/call", name="add", arguments={"user": "admin"}, _meta={"user": "admin"})

    answer = await bench.ask(json=body, headers=bearer(token("mcp:read", "mcp:tools")))

    assert answer.text == "alice"
    assert bench.seen[0][SCOPE_KEY].subject == "alice"


@proves("S140", "accepts")
@proves("S140", "refuses")
@pytest.mark.parametrize("method", ["GET", "DELETE", "HEAD", "PUT", "PATCH", "POST", "TRACE"])
async def test_every_method_of_the_endpoint_needs_a_token(method: str) -> None:
    bench = Bench()
    body: dict[str, Any] = {"json": message("ping")} if method == "POST" else {}

    refused = await bench.ask(method, **body)
    narrow = await bench.ask(method, headers=bearer(token("other")), **body)
    served = await bench.ask(method, headers=bearer(token("mcp:read")), **body)

    assert (refused.status_code, narrow.status_code, served.status_code) == (401, 403, 200)
    assert len(bench.seen) == 1


@proves("S140", "refuses")
async def test_a_token_that_was_good_a_moment_ago_is_judged_again() -> None:
    bench = Bench()
    good = token("mcp:read", "mcp:tools")

    before = await bench.call(token=good)
    bench.now = NOW + 600 + 31
    after = await bench.call(token=good)

    assert (before.status_code, after.status_code) == (200, 401)
    assert bench.events[-1].reason == "outside-lifetime"


@proves("S140", "refuses")
async def test_listening_for_changes_needs_a_token_like_everything_else() -> None:
    bench = Bench()

    answer = await bench.ask(json=message("subscriptions/listen"))

    assert answer.status_code == 401


@proves("S142", "accepts")
@proves("S142", "refuses")
async def test_somebody_elses_session_id_opens_nothing_and_names_nobody() -> None:
    bench = Bench()
    session = {"mcp-session-id": "alices-session"}

    alice = await bench.call(token=token("mcp:read", "mcp:tools"), **session)
    mallory = await bench.call(
        token=MINT.mint("mallory", scopes={"mcp:read", "mcp:tools"}), **session
    )
    nobody = await bench.call(**session)

    assert (alice.text, mallory.text, nobody.status_code) == ("alice", "mallory", 401)


@proves("S145", "accepts")
@proves("S145", "refuses")
async def test_callers_at_the_same_time_are_never_taken_for_each_other() -> None:
    bench = Bench()
    everybody_is_in = asyncio.Barrier(20)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await everybody_is_in.wait()
        caller = current_identity()
        assert caller is not None
        body = json.dumps([caller.subject, scope[SCOPE_KEY].subject]).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    bench.door = bench.guard.protect(app)
    names = [f"user-{number}" for number in range(20)]
    answers = await asyncio.gather(
        *(
            bench.ask(json=message("ping"), headers=bearer(MINT.mint(name, scopes={"mcp:read"})))
            for name in names
        )
    )

    assert [json.loads(answer.content) for answer in answers] == [[name, name] for name in names]
    assert current_identity() is None


async def test_a_failing_application_leaves_no_caller_behind() -> None:
    bench = Bench()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("the application's own mistake")

    bench.door = bench.guard.protect(app)
    with pytest.raises(RuntimeError):
        await bench.call(token=token("mcp:read", "mcp:tools"))

    assert current_identity() is None
    assert bench.events[-1].status == 500


async def test_two_issuers_are_trusted_side_by_side_and_their_subjects_stay_apart() -> None:
    second = TokenMint(issuer="https://second.example", audience=RESOURCE, clock=lambda: NOW)
    bench = Bench(issuers=[trusted(), trusted(second)])

    await bench.call(token=token("mcp:read", "mcp:tools"))
    await bench.call(token=second.mint("alice", scopes={"mcp:read", "mcp:tools"}))

    first_key, second_key = (scope[SCOPE_KEY].key for scope in bench.seen)
    assert first_key == (ISSUER, "alice")
    assert second_key == ("https://second.example", "alice")
