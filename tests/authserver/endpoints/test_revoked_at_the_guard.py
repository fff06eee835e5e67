"""The guard of the same deployment refuses a revoked token within seconds."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from doorward.authserver.grants import consents
from doorward.policy import EVERY, Policy, Rule
from doorward.tokens import LocalKeys, Revocations, TrustedIssuer
from tests.authserver.conftest import StartAuthServer, StoppedClock
from tests.authserver.databases import Databases
from tests.authserver.harness import AuthServerHarness, Tokens
from tests.e2e.processes import started
from tests.guard.bench import Bench
from tests.ledger import proves

CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


class Guarded:
    """A guard beside the authorization server of ``harness``, in the same process."""

    def __init__(
        self,
        harness: AuthServerHarness,
        clock: Callable[[], float],
        issuer: TrustedIssuer | None = None,
    ) -> None:
        by_hand = TrustedIssuer(
            issuer=harness.issuer,
            audience=harness.resource,
            algorithms=("ES256",),
            keys=LocalKeys(harness.server.jwks, clock=clock),
            revocations=Revocations(harness.server.revoked, clock=clock),
        )
        self.bench = Bench(
            resource=harness.resource,
            issuers=[issuer or by_hand],
            policy=Policy(
                base=Rule(scopes=frozenset({"mcp:read"})),
                rules={("tools/list", EVERY): Rule(scopes=frozenset({"mcp:read"}))},
            ),
            clock=clock,
        )

    async def status(self, token: str) -> tuple[int, str | None]:
        """Call with a token; return the status and the reason code."""
        async with self.bench.client() as http:
            answer = await http.post(
                self.bench.path,
                json=CALL,
                headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            )
        reason = None
        if answer.status_code != 200:
            reason = answer.json()["error"]["data"]["reason"]
        return answer.status_code, reason


@pytest.fixture
def guarded(harness: AuthServerHarness, clock: StoppedClock) -> Guarded:
    return Guarded(harness, clock)


async def replay_code(harness: AuthServerHarness, client: str, code: str, _tokens: Tokens) -> None:
    answer = await harness.token(harness.code_fields(client, code))
    assert answer.response.status_code == 400


async def reuse_refresh_token(
    harness: AuthServerHarness, client: str, _code: str, tokens: Tokens
) -> None:
    following = await harness.refresh(client, tokens.refresh)
    await harness.refresh(client, following.refresh)
    assert (await harness.refresh(client, tokens.refresh)).response.status_code == 400


async def uncount(harness: AuthServerHarness, client: str, token: str) -> None:
    answer = await harness.http.post("/revoke", data={"token": token, "client_id": client})
    assert answer.status_code == 200


async def give_back_refresh(
    harness: AuthServerHarness, client: str, _code: str, tokens: Tokens
) -> None:
    await uncount(harness, client, tokens.refresh)


async def give_back_access(
    harness: AuthServerHarness, client: str, _code: str, tokens: Tokens
) -> None:
    await uncount(harness, client, tokens.access)


async def disable_user(
    harness: AuthServerHarness, _client: str, _code: str, _tokens: Tokens
) -> None:
    await harness.server.users.disable("alice")


async def remove_user(
    harness: AuthServerHarness, _client: str, _code: str, _tokens: Tokens
) -> None:
    await harness.server.users.remove("alice")


async def withdraw_consent(
    harness: AuthServerHarness, client: str, _code: str, _tokens: Tokens
) -> None:
    user = await harness.server.users.find("alice")
    assert user is not None
    async with harness.server.services.store.engine.begin() as connection:
        await consents.withdraw(connection, user.id, client, harness.clock())


async def remove_client(
    harness: AuthServerHarness, client: str, _code: str, _tokens: Tokens
) -> None:
    await harness.server.services.clients.remove(client)


Event = Callable[[AuthServerHarness, str, str, Tokens], Awaitable[None]]
EVENTS: list[Event] = [
    replay_code,
    reuse_refresh_token,
    give_back_refresh,
    give_back_access,
    disable_user,
    remove_user,
    withdraw_consent,
    remove_client,
]


async def redeemed(harness: AuthServerHarness, user: str = "alice") -> tuple[str, str, Tokens]:
    """Return a client, its code, and the tokens that it got for it."""
    client = (await harness.register())["client_id"]
    code = await harness.code(client, user=user)
    tokens = await harness.token(harness.code_fields(client, code))
    assert tokens.response.status_code == 200
    return client, code, tokens


@proves("S196", "accepts", "replayed code at the guard")
@proves("S196", "refuses", "replayed code at the guard")
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: str(event.__name__))
async def test_access_tokens_stop_at_the_guard_within_two_seconds(
    harness: AuthServerHarness, guarded: Guarded, clock: StoppedClock, event: Event
) -> None:
    await harness.add_user("bob")
    client, code, tokens = await redeemed(harness)
    *_, honest = await redeemed(harness, "bob")
    for _ in range(3):
        assert await guarded.status(tokens.access) == (200, None)

    await event(harness, client, code, tokens)
    clock.advance(2)

    assert await guarded.status(tokens.access) == (401, "revoked-token")
    for _ in range(3):
        assert await guarded.status(honest.access) == (200, None)


@proves("S196", "refuses", "replayed code at the guard")
async def test_every_access_token_of_a_replayed_code_stops(
    harness: AuthServerHarness, guarded: Guarded, clock: StoppedClock
) -> None:
    client, code, tokens = await redeemed(harness)
    clock.advance(500)
    refreshed = await harness.refresh(client, tokens.refresh)
    assert await guarded.status(refreshed.access) == (200, None)

    await replay_code(harness, client, code, tokens)

    # Up to the end of the last one, and through the leeway after it.
    for seconds in (2, 300, 295):
        clock.advance(seconds)
        assert await guarded.status(refreshed.access) == (401, "revoked-token")
    clock.advance(40)
    assert await guarded.status(refreshed.access) == (401, "outside-lifetime")


@proves("S196", "refuses", "replayed code at the guard")
async def test_while_the_store_is_away_the_last_list_counts_and_then_none(
    harness: AuthServerHarness, guarded: Guarded, clock: StoppedClock
) -> None:
    *_, tokens = await redeemed(harness)
    assert await guarded.status(tokens.access) == (200, None)

    async with harness.broken_store():
        clock.advance(9)
        assert await guarded.status(tokens.access) == (200, None)
        clock.advance(2)
        assert await guarded.status(tokens.access) == (503, "revocations-unavailable")
    clock.advance(2)
    assert await guarded.status(tokens.access) == (200, None)


@proves("S196", "accepts", "replayed code at the guard")
@proves("S196", "refuses", "replayed code at the guard")
async def test_on_postgresql_the_last_list_counts_for_as_long_as_a_fail_over_takes(
    harness: AuthServerHarness, databases: Databases, clock: StoppedClock
) -> None:
    guarded = Guarded(harness, clock, harness.server.trusted_issuer(harness.resource))
    *_, tokens = await redeemed(harness)
    assert await guarded.status(tokens.access) == (200, None)

    async with harness.broken_store():
        clock.advance(59 if databases.is_postgresql else 9)
        assert await guarded.status(tokens.access) == (200, None)
        clock.advance(2)
        assert await guarded.status(tokens.access) == (503, "revocations-unavailable")


async def test_the_list_holds_what_lives_and_is_cleared_of_the_rest(
    harness: AuthServerHarness, clock: StoppedClock
) -> None:
    client, code, tokens = await redeemed(harness)
    await replay_code(harness, client, code, tokens)
    assert len(await harness.server.revoked()) == 1

    clock.advance(1201)
    assert await harness.server.revoked() == frozenset()

    other, _code, more = await redeemed(harness)
    await uncount(harness, other, more.access)
    assert len(await harness.server.revoked()) == 1


async def test_a_grant_that_gave_no_access_token_is_not_on_the_list(
    harness: AuthServerHarness,
) -> None:
    client = (await harness.register())["client_id"]
    await harness.code(client)

    await harness.server.users.disable("alice")

    assert await harness.server.revoked() == frozenset()


GUARD = """
import asyncio, json, sys
from doorward.authserver import RevokedTokens
from doorward.errors import DoorwardError
from doorward.tokens import LocalKeys, Revocations, TrustedIssuer, Verifier

async def main() -> None:
    told = json.loads(sys.stdin.readline())
    now = [told["now"]]
    clock = lambda: now[0]
    verifier = Verifier([TrustedIssuer(
        issuer=told["issuer"], audience=told["resource"], algorithms=("ES256",),
        keys=LocalKeys(lambda: told["jwks"], clock=clock),
        revocations=Revocations(RevokedTokens(told["database_url"], clock=clock).read, clock=clock),
    )], clock=clock)
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        now[0] = asked["now"]
        token = asked["token"].encode()
        try:
            who = verifier.recall(token) or await verifier.verify(token)
            print("good", flush=True)
        except DoorwardError as error:
            print(error.code, flush=True)

asyncio.run(main())
"""


@pytest.mark.e2e
@proves("S196", "accepts", "replayed code at the guard")
@proves("S196", "refuses", "replayed code at the guard")
async def test_a_guard_in_another_process_reads_the_same_database(
    start_authserver: StartAuthServer,
    kept: dict[str, Any],
    clock: StoppedClock,
    tmp_path: Path,
) -> None:
    harness = await start_authserver(**kept)
    client, code, tokens = await redeemed(harness)
    *_, honest = await redeemed(harness)

    def said(process: object, told: dict[str, object]) -> str:
        process.stdin.write(json.dumps(told) + "\n")  # type: ignore[attr-defined]
        process.stdin.flush()  # type: ignore[attr-defined]
        return str(process.stdout.readline()).strip()  # type: ignore[attr-defined]

    with started([sys.executable, "-c", GUARD], cwd=tmp_path, longest=60) as guard:

        async def ask(token: str) -> str:
            return await asyncio.to_thread(said, guard, {"token": token, "now": clock()})

        begin = {
            "issuer": harness.issuer,
            "resource": harness.resource,
            "jwks": harness.server.jwks(),
            "database_url": kept["database_url"],
            "now": clock(),
        }
        assert await asyncio.to_thread(said, guard, begin) == "ready"
        assert [await ask(tokens.access) for _ in range(3)] == ["good"] * 3

        await replay_code(harness, client, code, tokens)
        clock.advance(2)

        assert await ask(tokens.access) == "revoked-token"
        assert [await ask(honest.access) for _ in range(3)] == ["good"] * 3
