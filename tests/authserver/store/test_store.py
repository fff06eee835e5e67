"""One-time claims across processes, and what a stolen database reveals."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from doorward.authserver import ConfiguredClient
from tests.authserver.conftest import SQLITE_ONLY, StartAuthServer
from tests.authserver.databases import Databases
from tests.authserver.harness import (
    PASSWORD,
    RESOURCE,
    VERIFIER,
    AuthServerHarness,
    Tokens,
    basic,
)
from tests.ledger import proves

REDEEM = """
import asyncio, json, sys
from doorward.authserver import AuthorizationServer, AuthServerSettings, Resource
import httpx2

async def main() -> None:
    told = json.loads(sys.stdin.readline())
    settings = AuthServerSettings(
        issuer=told["issuer"],
        resources=(Resource(uri=told["resource"], scopes={"mcp:read": "", "mcp:tools": ""}),),
        database_url=told["database_url"], secret=told["secret"],
    )
    server = AuthorizationServer(settings, clock=lambda: told["now"], audit=lambda event: None)
    await server.start()
    print("ready", flush=True)
    sys.stdin.readline()
    transport = httpx2.ASGITransport(app=server.app, client=("127.0.0.1", 1))
    async with httpx2.AsyncClient(transport=transport, base_url=told["issuer"]) as http:
        answers = await asyncio.gather(
            *(http.post("/token", data=told["fields"]) for _ in range(25))
        )
    print(json.dumps([answer.status_code for answer in answers]), flush=True)
    await server.aclose()

asyncio.run(main())
"""
RESOURCE_SERVER_SECRET = "7Hn3Qw9Xs5Kd1Vf8Lz2Pb6Mc4Ty0Ru5G"


@proves("S84", "refuses", "concurrent redemptions")
@proves("S84", "accepts", "concurrent redemptions")
async def test_of_fifty_redemptions_at_once_one_succeeds(
    start_authserver: StartAuthServer, kept: dict[str, Any]
) -> None:
    # Two servers with a pool of connections each, on one file.
    first, second = (
        await start_authserver(**kept),
        await start_authserver(**kept),
    )
    client = (await first.register())["client_id"]
    fields = first.code_fields(client, await first.code(client))

    answers: list[Tokens] = await asyncio.gather(
        *((first, second)[number % 2].token(fields) for number in range(50))
    )

    statuses = sorted(answer.response.status_code for answer in answers)
    assert statuses == [200] + [400] * 49
    refused = {answer.body["error"] for answer in answers if answer.response.status_code == 400}
    assert refused == {"invalid_grant"}


@pytest.mark.e2e
@proves("S84", "refuses", "concurrent redemptions")
@proves("S84", "accepts", "concurrent redemptions")
async def test_of_fifty_redemptions_in_two_processes_one_succeeds(
    start_authserver: StartAuthServer, kept: dict[str, Any]
) -> None:
    harness = await start_authserver(**kept)
    client = (await harness.register())["client_id"]
    fields = harness.code_fields(client, await harness.code(client))
    told = {
        "issuer": harness.issuer,
        "resource": harness.resource,
        "fields": fields,
        "now": harness.clock(),
        **kept,
    }

    def start() -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", REDEEM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def race() -> list[int]:
        processes = [start(), start()]
        try:
            for process in processes:
                assert process.stdin is not None
                process.stdin.write(json.dumps(told) + "\n")
                process.stdin.flush()
            for process in processes:
                assert process.stdout is not None
                while process.stdout.readline() != "ready\n":
                    pass
            outputs = []
            for process in processes:
                assert process.stdin is not None
                process.stdin.write("go\n")
                process.stdin.flush()
            for process in processes:
                output, _ = process.communicate(timeout=60)
                outputs.append(output.strip().splitlines()[-1])
        finally:
            for process in processes:
                process.kill()
                process.communicate()
        return [status for output in outputs for status in json.loads(output)]

    statuses = await asyncio.to_thread(race)

    assert sorted(statuses) == [200] + [400] * 49


async def everything(harness: AuthServerHarness) -> dict[str, str]:
    """Walk the whole way and return every secret that somebody was given."""
    client = await harness.register(token_endpoint_auth_method="client_secret_post")
    secret = client["client_secret"]
    browser = harness.browser()
    code = await harness.code(client["client_id"], browser=browser)
    fields = harness.code_fields(client["client_id"], code, client_secret=secret)
    tokens = await harness.token(fields)
    refreshed = await harness.refresh(client["client_id"], tokens.refresh, client_secret=secret)
    cookies = harness.server.services.cookies
    return {
        "client secret": secret,
        "code": code,
        "verifier": VERIFIER,
        "access token": tokens.access,
        "refresh token": tokens.refresh,
        "next refresh token": refreshed.refresh,
        "next access token": refreshed.access,
        "session": str(browser.http.cookies[cookies.session_name]),
        "browser": str(browser.http.cookies[cookies.browser_name]),
        "known browser": str(browser.http.cookies[cookies.known_name]),
        "password": PASSWORD,
        "server secret": harness.server.settings.secret or "",
    }


@proves("S107", "refuses", "secrets are stored as hashes")
async def test_a_stolen_database_holds_nothing_that_can_be_replayed(
    start_authserver: StartAuthServer, databases: Databases, kept: dict[str, Any]
) -> None:
    harness = await start_authserver(**kept)
    secrets = await everything(harness)
    await harness.server.aclose()

    stolen = await databases.stored_bytes()

    assert b"signing_keys" in stolen
    for name, secret in secrets.items():
        assert secret.encode() not in stolen, name
        assert secret.split(".")[-1].encode() not in stolen, name


@proves("S107", "refuses", "secrets are stored as hashes")
async def test_signing_keys_are_sealed_where_they_are_kept(
    start_authserver: StartAuthServer, databases: Databases, kept: dict[str, Any]
) -> None:
    harness = await start_authserver(**kept, signing_algorithm="EdDSA")
    pem = harness.server.keys.current().private.to_pem()
    private = load_pem_private_key(pem, password=None)
    assert isinstance(private, Ed25519PrivateKey)
    base64_line = pem.splitlines()[1]
    await harness.server.aclose()

    stolen = await databases.stored_bytes()

    assert private.private_bytes_raw() not in stolen
    assert base64_line not in stolen


@SQLITE_ONLY
async def test_a_temporary_database_is_gone_afterwards(start_authserver: StartAuthServer) -> None:
    harness = await start_authserver()
    path = Path(harness.server.services.store.engine.url.database)
    assert path.exists()

    await harness.server.aclose()

    assert not path.parent.exists()


async def test_starting_twice_on_one_database_changes_nothing(
    start_authserver: StartAuthServer, kept: dict[str, Any]
) -> None:
    first = await start_authserver(**kept)
    second = await start_authserver(**kept)

    assert first.server.jwks() == second.server.jwks()
    keys: httpx2.Response = await second.http.get("/jwks.json")
    assert keys.json() == first.server.jwks()


async def test_a_key_that_another_process_made_is_noticed(
    start_authserver: StartAuthServer, kept: dict[str, Any], clock: Any
) -> None:
    first = await start_authserver(**kept)
    second = await start_authserver(**kept)
    kid = await first.server.keys.rotate()
    clock.advance(61)

    published = (await second.http.get("/jwks.json")).json()["keys"]

    assert kid in [key["kid"] for key in published]
    assert second.server.keys.current().kid != kid
    clock.advance(60)
    assert first.server.keys.current().kid == second.server.keys.current().kid == kid


async def test_a_token_of_a_key_that_another_process_made_is_active_everywhere(
    start_authserver: StartAuthServer, kept: dict[str, Any], clock: Any
) -> None:
    resource_server = ConfiguredClient(
        client_id="rs",
        secret=RESOURCE_SERVER_SECRET,
        auth_method="client_secret_basic",
        grant_types=(),
        introspects=RESOURCE,
    )
    first = await start_authserver(**kept, clients=(resource_server,))
    second = await start_authserver(**kept, clients=(resource_server,))
    client = (await first.register())["client_id"]
    await first.server.keys.rotate()

    async def seen_by_the_second(token: str) -> dict[str, Any]:
        headers = basic("rs", RESOURCE_SERVER_SECRET)
        response = await second.http.post("/introspect", data={"token": token}, headers=headers)
        return dict(response.json())

    tokens = await first.tokens(client)
    assert (await seen_by_the_second(tokens.access))["active"] is True
    clock.advance(121)
    tokens = await first.refresh(client, tokens.refresh)
    assert (await seen_by_the_second(tokens.access))["active"] is True
