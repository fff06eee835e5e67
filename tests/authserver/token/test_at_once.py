"""On PostgreSQL, two statements exchange a code or a refresh token exactly as a transaction does."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from sqlalchemy import select, update

from doorward.authserver.grants.at_once import Exchange, exchange_code, find_code
from doorward.authserver.grants.codes import PresentedCode, claimable
from doorward.authserver.services import Services
from doorward.authserver.settings.lifetimes import Limits
from doorward.authserver.store.schema import codes, grants, refresh_tokens
from doorward.authserver.token import code_grant, refresh_grant
from tests.authserver.conftest import ON_POSTGRESQL, StartAuthServer, StoppedClock
from tests.authserver.harness import CALLBACK, RESOURCE, VERIFIER, AuthServerHarness, challenge_of

pytestmark = [
    *ON_POSTGRESQL,
    pytest.mark.parametrize(
        "databases", [pytest.param("postgresql", marks=ON_POSTGRESQL)], indirect=True
    ),
]
MANY = "1000000/minute"
BOTH = "mcp:read mcp:tools"
CODE_CHANGES: tuple[dict[str, Any], ...] = (
    {"code_verifier": "b" * 43},
    {"redirect_uri": CALLBACK + "/"},
    {"redirect_uri": None, "resource": None},
    {},
    {},
)
REFRESH_CHANGES: tuple[dict[str, Any], ...] = (
    {"scope": "mcp:read"},
    {"scope": "mcp:admin"},
    {"resource": RESOURCE},
    {},
    {},
    {},
)
CLOCK_STEPS = (0.0, 20.0, 70.0, 15 * 86400.0, 90 * 86400.0, -20.0, -120.0)
PERMISSIONS = (("mcp:read",), ("mcp:read", "mcp:tools"), ())


class Case:
    """A sign-in and what is drawn to happen after it."""

    def __init__(self, harness: AuthServerHarness, clock: StoppedClock, seed: int) -> None:
        self._harness = harness
        self._clock = clock
        self._draw = Random(seed)
        self._known: list[str] = []
        self._start = clock.now

    async def play(self) -> list[Any]:
        """Return what can be observed of each step: the answer, and the rows of the grant."""
        harness, draw = self._harness, self._draw
        await harness.server.users.set_permissions("alice", BOTH.split(), ())
        client = (await harness.register())["client_id"]
        code = await harness.code(client, scope=BOTH)
        seen: list[Any] = []
        for _ in range(10):
            step = draw.choice(("redeem", "refresh", "refresh", "refresh", "clock", "permissions"))
            if step == "redeem" or not self._known:
                fields = harness.code_fields(client, code, **draw.choice(CODE_CHANGES))
            elif step == "refresh":
                token = draw.choice([*self._known, *self._known[-1:] * 3])
                fields = {"grant_type": "refresh_token", "refresh_token": token}
                fields |= {"client_id": client, **draw.choice(REFRESH_CHANGES)}
            elif step == "clock":
                self._clock.advance(draw.choice(CLOCK_STEPS))
                continue
            else:
                scopes = draw.choice(PERMISSIONS)
                await harness.server.users.set_permissions("alice", scopes, ())
                continue
            seen.append(self._answer((await harness.token(fields)).body))
            seen.append(await self._rows(client))
        return seen

    def _answer(self, body: dict[str, Any]) -> dict[str, Any]:
        if "refresh_token" in body:
            token = body["refresh_token"]
            if token not in self._known:
                self._known.append(token)
            body["refresh_token"] = self._known.index(token)
        body.pop("access_token", None)
        body.pop("correlation_id", None)
        return body

    async def _rows(self, client: str) -> list[list[Any]]:
        its = grants.c.client_id == client
        of_grant = (
            select(codes.c.claimed_at, codes.c.attempts, codes.c.expires_at)
            .join(grants, grants.c.id == codes.c.grant_id)
            .where(its),
            select(
                refresh_tokens.c.issued_at,
                refresh_tokens.c.expires_at,
                refresh_tokens.c.rotated_at,
                refresh_tokens.c.successor_hash.is_not(None),
                refresh_tokens.c.sealed_answer.is_not(None),
            )
            .join(grants, grants.c.id == refresh_tokens.c.grant_id)
            .where(its),
            select(
                grants.c.last_used_at,
                grants.c.tokens_until,
                grants.c.revoked_at,
                grants.c.revoked_for,
            ).where(its),
        )
        async with self._harness.server.services.store.reading() as connection:
            found = [(await connection.execute(one)).all() for one in of_grant]
        return [sorted(map(self._since_start, rows), key=repr) for rows in found]

    def _since_start(self, row: Any) -> list[Any]:
        return [
            round(value - self._start, 3) if isinstance(value, float) and value > 1e9 else value
            for value in row
        ]


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [range(12), range(12, 24)], ids=["first", "second"])
async def test_two_statements_do_what_a_transaction_does(
    start_authserver: StartAuthServer,
    clock: StoppedClock,
    monkeypatch: pytest.MonkeyPatch,
    seeds: range,
) -> None:
    limits = replace(
        Limits(), token_failures_per_address=MANY, authorizations_per_address=MANY,
        sign_ins_per_address=MANY, registrations_per_address=MANY,
    )  # fmt: skip
    harness = await start_authserver(limits=limits)
    store = harness.server.services.store
    at_once: list[object] = []
    write_at_once = store.write_at_once

    async def counted(work: Any) -> Any:
        at_once.append(work)
        return await write_at_once(work)

    async def nothing(*_: Any) -> None:
        return None

    # It deletes rows beside the requests, at any moment.
    monkeypatch.setattr(harness.server.services.cleanup, "start_if_due", lambda: None)
    monkeypatch.setattr(store, "write_at_once", counted)
    quick = [await Case(harness, clock, seed).play() for seed in seeds]
    exchanged = len(at_once)
    monkeypatch.setattr(code_grant, "_redeem_at_once", nothing)
    monkeypatch.setattr(refresh_grant, "_exchange_at_once", nothing)
    plain = [await Case(harness, clock, seed).play() for seed in seeds]

    assert quick == plain
    assert exchanged > len(seeds)
    assert len(at_once) == exchanged


async def test_a_grant_that_is_revoked_between_the_statements_gets_no_tokens(
    start_authserver: StartAuthServer,
) -> None:
    harness = await start_authserver()
    services = harness.server.services
    client = (await harness.register())["client_id"]
    tokens = [await harness.tokens(client) for _ in range(2)]
    code = await harness.code(client)
    revoke = update(grants).values(revoked_at=services.clock(), revoked_for="revoked")
    write_at_once = services.store.write_at_once

    async def revoked_before(work: Any) -> Any:
        await services.store.write(lambda connection: connection.execute(revoke))
        return await write_at_once(work)

    services.store.write_at_once = revoked_before
    refused = [
        await harness.token(harness.code_fields(client, code)),
        await harness.refresh(client, tokens[0].refresh),
    ]
    services.store.write_at_once = write_at_once

    assert [one.body["error"] for one in refused] == ["invalid_grant"] * 2
    stored = await services.store.look_up(
        lambda connection: connection.execute(select(refresh_tokens.c.token_hash))
    )
    assert len(stored.all()) == 2


async def test_of_two_exchanges_of_one_code_the_second_writes_nothing(
    start_authserver: StartAuthServer,
) -> None:
    harness = await start_authserver()
    services = harness.server.services
    client = (await harness.register())["client_id"]
    code = await harness.code(client)
    presented = PresentedCode(
        code=code,
        client_id=client,
        challenge=challenge_of(VERIFIER),
        redirect_uri=CALLBACK,
        resource=RESOURCE,
    )

    first, second = await exchanged(services, presented), await exchanged(services, presented)

    assert (first, second) == ("done", None)


async def exchanged(services: Services, presented: PresentedCode) -> Exchange | None:
    now = services.clock()
    found = await services.store.look_up(
        lambda connection: find_code(connection, services.settings, presented, now)
    )
    if found is None:
        return None
    _, row = services.refresh_tokens.new(found.grant, now)
    claim = claimable(services.settings, presented, now)
    return await services.store.write_at_once(
        lambda connection: exchange_code(connection, claim, now + 600, row)
    )


async def test_a_stored_client_is_found_with_what_it_presents(
    start_authserver: StartAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = await start_authserver()
    store = harness.server.services.store
    client = (await harness.register())["client_id"]
    first = await harness.tokens(client)
    code = await harness.code(client)
    look_up, looked_up = store.look_up, list[object]()

    async def counted(work: Any) -> Any:
        looked_up.append(work)
        return await look_up(work)

    monkeypatch.setattr(store, "look_up", counted)
    redeemed = await harness.token(harness.code_fields(client, code))
    refreshed = await harness.refresh(client, first.refresh)

    assert redeemed.access
    assert refreshed.access
    assert len(looked_up) == 2


async def test_what_is_presented_for_a_client_that_fails_is_not_spent(
    start_authserver: StartAuthServer,
) -> None:
    harness = await start_authserver()
    confidential = await harness.register(token_endpoint_auth_method="client_secret_post")
    client, secret = confidential["client_id"], confidential["client_secret"]
    fields = harness.code_fields(client, await harness.code(client))

    unauthenticated = await harness.token({**fields, "client_secret": "another"})
    authenticated = await harness.token({**fields, "client_secret": secret})

    assert unauthenticated.body["error"] == "invalid_client"
    assert authenticated.access
