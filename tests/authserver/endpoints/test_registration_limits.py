"""Limits of registration: rates, sizes, numbers, and a store that is unavailable."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from doorward.authserver.settings.lifetimes import Lifetimes, Limits
from doorward.authserver.store.schema import clients
from tests.authserver.conftest import StartAuthServer, StoppedClock
from tests.authserver.harness import CALLBACK, AuthServerHarness
from tests.ledger import proves


@proves("S57", "refuses", "registration is limited")
async def test_one_address_cannot_register_without_end(
    start_authserver: StartAuthServer, clock: StoppedClock
) -> None:
    harness = await start_authserver(limits=Limits(registrations_per_address="3/hour"))
    document = {"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"}

    async def register(peer: str) -> int:
        answer = await harness.browser(peer).http.post("/register", json=document)
        return int(answer.status_code)

    # One /64 is one customer; what an address writes into a header is not its address.
    answers = [await register(f"2001:db8::{n}") for n in range(4)]
    assert answers == [201, 201, 201, 429]
    assert await register("2001:db8:0:1::1") == 201
    clock.advance(3601)
    assert await register("2001:db8::9") == 201


@proves("S57", "refuses", "registration is limited")
async def test_all_addresses_together_cannot_register_without_end(
    start_authserver: StartAuthServer,
) -> None:
    harness = await start_authserver(limits=Limits(registrations="2/hour"))
    document = {"redirect_uris": [CALLBACK]}

    answers = [
        await harness.browser(f"192.0.2.{n}").http.post("/register", json=document)
        for n in range(1, 4)
    ]

    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert int(answers[2].headers["retry-after"]) > 0


@proves("S57", "refuses", "registration is limited")
async def test_there_is_an_end_to_how_many_registrations_are_kept(
    start_authserver: StartAuthServer,
) -> None:
    harness = await start_authserver(limits=Limits(clients=2))
    for name in ("First", "Second"):
        client = await harness.register(client_name=name)
        await harness.tokens(client["client_id"])

    response = await harness.http.post("/register", json={"redirect_uris": [CALLBACK]})

    assert response.status_code == 429


@proves("S57", "accepts", "registration is limited")
async def test_a_registration_that_was_never_used_makes_room_for_a_new_one(
    start_authserver: StartAuthServer, clock: StoppedClock
) -> None:
    harness = await start_authserver(limits=Limits(clients=3))
    used = await harness.register(client_name="Used")
    await harness.tokens(used["client_id"])
    ids = []
    for number in range(4):
        clock.advance(1)
        ids.append((await harness.register(client_name=f"Spam {number}"))["client_id"])

    shown = [
        (await harness.http.get(harness.authorize_url(client_id))).status_code
        for client_id in (used["client_id"], *ids)
    ]
    assert shown == [200, 400, 400, 200, 200]


async def test_equal_registrations_cost_one_row_and_survive_a_restart(
    start_authserver: StartAuthServer, database_url: str, tmp_path: Path
) -> None:
    kept = {
        "database_url": database_url,
        "secret_file": tmp_path / "secret",
    }
    harness = await start_authserver(**kept)
    metadata = (
        await harness.server.services.clients.find(
            (await harness.register(token_endpoint_auth_method="client_secret_post"))["client_id"]
        )
    ).metadata
    registered = [await harness.server.services.clients.register(metadata) for _ in range(300)]

    async with harness.server.services.store.reading() as connection:
        rows = (await connection.execute(select(func.count()).select_from(clients))).scalar_one()
    assert rows == 1
    assert len({client.client_id for client, _ in registered}) == 300
    assert len({secret for _, secret in registered}) == 300

    again = await start_authserver(**kept)
    client, secret = registered[150]
    found = await again.server.services.clients.find(client.client_id)
    assert found == client
    assert found.has_secret(secret or "")
    assert not found.has_secret(registered[0][1] or "")


@proves("S57", "accepts", "registration is limited")
async def test_a_client_that_is_used_is_kept_and_one_that_is_not_is_forgotten(
    start_authserver: StartAuthServer, clock: StoppedClock
) -> None:
    harness = await start_authserver(
        limits=Limits(clients=2), lifetimes=Lifetimes(unused_client=3600)
    )
    used, unused = await harness.register(), await harness.register(client_name="Unused")
    await harness.tokens(used["client_id"])
    clock.advance(3600)
    # Over from this second on, cleared away or not.
    over = await harness.http.get(harness.authorize_url(unused["client_id"]))
    assert over.status_code == 400

    await harness.register()

    shown = await harness.http.get(harness.authorize_url(used["client_id"]))
    assert shown.status_code == 200
    gone = await harness.http.get(harness.authorize_url(unused["client_id"]))
    assert gone.status_code == 400
    assert "connect again" in gone.text


@proves("S58", "refuses", "hostile registration bodies")
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{" + b" " * 20_000 + b"}", 413),
        (json.dumps({"client_name": "x" * 1_000_000}).encode(), 413),
        (b'{"redirect_uris":["https://a.example/"],"redirect_uris":["https://b.example/"]}', 400),
        (b"[" * 5000 + b"]" * 5000, 400),
        (b'{"redirect_uris":["https://a.example/"],"x":' + b"[" * 20 + b"]" * 20 + b"}", 400),
        (b'"text"', 400),
        (b"null", 400),
        (b"", 400),
        (b"{", 400),
        ("{}".encode("utf-16"), 400),
        (b'{"client_name":"\\ud800","redirect_uris":["https://a.example/"]}', 400),
        (b'{"redirect_uris":["https://a.example/"],"n":NaN}', 400),
    ],
)
async def test_a_body_that_is_too_long_or_can_be_read_in_two_ways_is_refused(
    harness: AuthServerHarness, body: bytes, status: int
) -> None:
    response = await harness.http.post(
        "/register", content=body, headers={"Content-Type": "application/json"}
    )

    assert response.status_code == status
    assert response.json()["error"] in ("invalid_request", "invalid_client_metadata")


@proves("S58", "refuses", "hostile registration bodies")
async def test_a_body_without_a_declared_length_is_cut_off_as_well(
    harness: AuthServerHarness,
) -> None:
    async def endless() -> Any:
        for _ in range(100):
            yield b" " * 1024

    response = await harness.http.post(
        "/register", content=endless(), headers={"Content-Type": "application/json"}
    )

    assert response.status_code == 413


@proves("S58", "accepts", "hostile registration bodies")
async def test_members_nobody_knows_are_ignored(harness: AuthServerHarness) -> None:
    client = await harness.register(**{"client_name#ja": "x", "contacts": ["a@b"], "x": {"y": [1]}})

    assert "x" not in client


async def test_another_content_type_is_refused(harness: AuthServerHarness) -> None:
    response = await harness.http.post(
        "/register", content=b"{}", headers={"Content-Type": "text/plain"}
    )

    assert response.status_code == 400


@proves("S62", "accepts", "unknown client or store down")
async def test_an_unknown_client_is_told_so_at_both_endpoints(harness: AuthServerHarness) -> None:
    at_authorize = await harness.http.get(harness.authorize_url("dw-unknown"))
    at_token = await harness.token(harness.code_fields("dw-unknown", "x"))

    assert at_authorize.status_code == 400
    assert at_token.response.status_code == 401
    assert at_token.body["error"] == "invalid_client"


@proves("S62", "refuses", "unknown client or store down")
async def test_a_client_is_not_called_unknown_while_the_store_is_down(
    harness: AuthServerHarness,
) -> None:
    client = await harness.register()
    async with harness.broken_store():
        at_authorize = await harness.http.get(harness.authorize_url(client["client_id"]))
        at_token = await harness.token(harness.code_fields(client["client_id"], "x"))
        at_register = await harness.http.post("/register", json={"redirect_uris": [CALLBACK]})

    assert at_authorize.status_code == 503
    assert "location" not in at_authorize.headers
    assert at_token.response.status_code == 503
    assert at_token.body["error"] == "temporarily_unavailable"
    assert at_register.status_code == 503
    # And when it is back, so is the client.
    assert (await harness.http.get(harness.authorize_url(client["client_id"]))).status_code == 200


@proves("S62", "accepts", "unknown client or store down")
async def test_the_same_registration_at_the_same_time_gives_two_clients(
    harness: AuthServerHarness,
) -> None:
    clients = await asyncio.gather(*(harness.register() for _ in range(8)))

    assert len({client["client_id"] for client in clients}) == 8
