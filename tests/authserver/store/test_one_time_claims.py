"""Everything that counts once, claimed eight times at once by two replicas on PostgreSQL."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from sqlalchemy import insert

from doorward.authserver.grants.at_once import (
    exchange_code,
    exchange_refresh_token,
    find_code,
    find_refresh_token,
)
from doorward.authserver.grants.authorization_request import AuthorizationRequest
from doorward.authserver.grants.codes import ClaimedCode, PresentedCode, claim_code, claimable
from doorward.authserver.grants.refresh_tokens import rotate, rotation
from doorward.authserver.refusals import ConnectLinkRefused, FormRefused
from doorward.authserver.services import Services
from doorward.authserver.store.rows.spent_assertions import claim_assertion
from doorward.authserver.store.schema import provider_sessions
from doorward.authserver.users.cookies import Browser
from tests.authserver.conftest import ON_POSTGRESQL, StartAuthServer
from tests.authserver.harness import CALLBACK, RESOURCE, VERIFIER, AuthServerHarness, challenge_of
from tests.ledger import proves

pytestmark = [
    *ON_POSTGRESQL,
    pytest.mark.parametrize(
        "databases", [pytest.param("postgresql", marks=ON_POSTGRESQL)], indirect=True
    ),
]
BROWSER = Browser(binding="the-browser-that-began", is_new=False)
# Claims the object at a replica, and says whether it was the first.
Claim = Callable[[Services], Awaitable[bool]]


@dataclass(frozen=True)
class OneTime:
    """
    Something that counts once: how one is made, and the condition that guards its claim.

    ``instead`` is what the statement becomes without it.
    """

    make: Callable[[AuthServerHarness], Awaitable[Claim]]
    guard: str
    instead: Callable[[str, str], str] = lambda sql, guard: sql.replace(guard, "true")


async def a_code(harness: AuthServerHarness) -> Claim:
    client = (await harness.register())["client_id"]
    code = await harness.code(client)
    presented = PresentedCode(
        code=code,
        client_id=client,
        challenge=challenge_of(VERIFIER),
        redirect_uri=CALLBACK,
        resource=RESOURCE,
    )

    async def claim(services: Services) -> bool:
        found = await services.store.write(
            lambda connection: claim_code(
                connection, services.settings, presented, services.clock()
            )
        )
        return isinstance(found, ClaimedCode)

    return claim


async def a_refresh_token(harness: AuthServerHarness) -> Claim:
    client = (await harness.register())["client_id"]
    token = (await harness.tokens(client)).refresh
    services = harness.server.services
    # Read before the race: the lock of this statement would also keep the others out.
    kept = await services.store.write(
        lambda connection: services.refresh_tokens.find(connection, token, client)
    )
    assert kept is not None
    values = rotation(kept, token, {"token_hash": b"next"}, {}, "", services.clock())

    async def claim(services: Services) -> bool:
        return await services.store.write(lambda connection: rotate(connection, values))

    return claim


async def a_code_at_once(harness: AuthServerHarness) -> Claim:
    client = (await harness.register())["client_id"]
    presented = PresentedCode(
        code=await harness.code(client),
        client_id=client,
        challenge=challenge_of(VERIFIER),
        redirect_uri=CALLBACK,
        resource=RESOURCE,
    )
    first, now = harness.server.services, harness.clock()
    found = await first.store.look_up(
        lambda connection: find_code(connection, first.settings, presented, now)
    )
    assert found is not None

    async def claim(services: Services) -> bool:
        values = claimable(services.settings, presented, now)
        _, row = services.refresh_tokens.new(found.grant, now)
        outcome = await services.store.write_at_once(
            lambda connection: exchange_code(connection, values, now + 600, row)
        )
        return outcome == "done"

    return claim


async def a_refresh_token_at_once(harness: AuthServerHarness) -> Claim:
    client = (await harness.register())["client_id"]
    token = (await harness.tokens(client)).refresh
    first, now = harness.server.services, harness.clock()
    found = await first.store.look_up(
        lambda connection: find_refresh_token(connection, first.settings, token, client, now)
    )
    assert found is not None

    async def claim(services: Services) -> bool:
        _, row = services.refresh_tokens.new(found.grant, now)
        values = rotation(found.kept, token, row, {}, "", now)
        outcome = await services.store.write_at_once(
            lambda connection: exchange_refresh_token(connection, values, now + 600, row)
        )
        return outcome == "done"

    return claim


async def a_sign_in_in_progress(harness: AuthServerHarness) -> Claim:
    request = AuthorizationRequest(
        client_id="client",
        redirect_uri=CALLBACK,
        state=None,
        resource=RESOURCE,
        scopes=("mcp:read",),
        challenge=challenge_of(VERIFIER),
    )
    began = await harness.server.services.transactions.create(request, BROWSER, None)

    async def claim(services: Services) -> bool:
        async def work(connection: Any) -> bool:
            await services.transactions.claim(connection, began.handle, BROWSER, None)
            return True

        return await _unless(FormRefused, services.store.write(work))

    return claim


async def a_state_at_a_provider(harness: AuthServerHarness) -> Claim:
    logins = harness.server.services.provider_logins
    began = await logins.begin("sso", BROWSER, "transaction", CALLBACK)

    async def claim(services: Services) -> bool:
        found = services.provider_logins.claim("sso", BROWSER, began.leg.state, CALLBACK)
        return await _unless(FormRefused, found)

    return claim


async def a_connect_link(harness: AuthServerHarness) -> Claim:
    # Only a user with an active grant can use the link.
    await harness.tokens((await harness.register())["client_id"])
    services = harness.server.services
    user = await services.users.find("alice")
    assert user is not None
    link = await services.connect_links.create(user.id, RESOURCE, "github")
    handle = link.rpartition("=")[2]

    async def claim(services: Services) -> bool:
        async def work(connection: Any) -> bool:
            await services.connect_links.claim(connection, handle, user.id, "github")
            return True

        return await _unless(ConnectLinkRefused, services.store.write(work))

    return claim


async def a_refresh_at_a_provider(harness: AuthServerHarness) -> Claim:
    services = harness.server.services
    user = await services.users.find("alice")
    assert user is not None
    now = services.clock()
    row = {
        "id": "session", "user_id": user.id, "provider": "sso", "issuer": "https://sso.example",
        "client_id": "us", "subject": "alice", "sealed_tokens": b"", "created_at": now,
        "checked_at": now, "check_due_at": now, "expires_at": now + 3600,
    }  # fmt: skip
    await services.store.write(
        lambda connection: connection.execute(insert(provider_sessions), row)
    )

    async def claim(services: Services) -> bool:
        return await services.session_checks._claim("session")

    return claim


async def a_signed_assertion(harness: AuthServerHarness) -> Claim:
    async def claim(services: Services) -> bool:
        now = services.clock()
        return await services.store.write(
            lambda connection: claim_assertion(connection, "client", "jti", now + 60, now)
        )

    return claim


ONE_TIME = (
    OneTime(a_code, "codes.claimed_at IS NULL"),
    OneTime(a_refresh_token, "refresh_tokens.rotated_at IS NULL"),
    OneTime(a_code_at_once, "codes.claimed_at IS NULL"),
    OneTime(a_refresh_token_at_once, "refresh_tokens.rotated_at IS NULL"),
    OneTime(a_sign_in_in_progress, "transactions.finished_at IS NULL"),
    OneTime(a_state_at_a_provider, "provider_logins.claimed_at IS NULL"),
    OneTime(a_connect_link, "connect_links.claimed_at IS NULL"),
    OneTime(a_refresh_at_a_provider, "provider_sessions.refreshing_until IS NULL"),
    # The guard is the primary key.
    OneTime(
        a_signed_assertion,
        "INSERT INTO spent_assertions",
        lambda sql, _: f"{sql} ON CONFLICT DO NOTHING",
    ),
)
each = pytest.mark.parametrize("one", ONE_TIME, ids=lambda one: one.make.__name__)


@pytest.fixture
async def replicas(
    start_authserver: StartAuthServer, kept: dict[str, Any]
) -> list[AuthServerHarness]:
    """Two replicas on one database."""
    first: AuthServerHarness = await start_authserver(**kept)
    return [first, await start_authserver(**kept)]


@each
@proves("S211", "accepts", "one-time claims on PostgreSQL")
@proves("S211", "refuses", "one-time claims on PostgreSQL")
async def test_of_eight_claims_at_two_replicas_one_succeeds(
    replicas: list[AuthServerHarness], one: OneTime
) -> None:
    claim = await one.make(replicas[0])

    assert sorted(await _eight(replicas, claim)) == [False] * 7 + [True]


@each
@proves("S211", "refuses", "one-time claims on PostgreSQL")
async def test_without_its_condition_more_than_one_claim_succeeds(
    replicas: list[AuthServerHarness], one: OneTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = await one.make(replicas[0])
    _remove_guard(one, monkeypatch)

    claimed = await _eight(replicas, claim)

    assert claimed.count(True) > 1


async def _eight(replicas: list[AuthServerHarness], claim: Claim) -> list[bool]:
    claims = (claim(replicas[number % 2].server.services) for number in range(8))
    return list(await asyncio.gather(*claims))


async def _unless(refused: type[Exception], claiming: Awaitable[Any]) -> bool:
    try:
        await claiming
    except refused:
        return False
    return True


def _remove_guard(one: OneTime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the condition from every statement that has it, on its way to PostgreSQL."""

    def remove(name: str) -> None:
        send = getattr(asyncpg.Connection, name)

        async def changed(self: Any, sql: str, *values: Any, **options: Any) -> Any:
            if one.guard in sql and not sql.startswith("SELECT"):
                sql = one.instead(sql, one.guard)
            return await send(self, sql, *values, **options)

        monkeypatch.setattr(asyncpg.Connection, name, changed)

    for name in ("execute", "fetch", "prepare"):
        remove(name)
