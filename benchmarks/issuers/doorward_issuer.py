"""Serves our authorization server: descriptor, folder, database URL and number of codes."""

import asyncio
import dataclasses
import secrets
import socket
import sys
import time
from functools import partial
from pathlib import Path

from sqlalchemy import update

from benchmarks.issuers.seed import (
    CALLBACK,
    ISSUER,
    RESOURCE,
    RESOURCE_SERVER,
    RESOURCE_SERVER_SECRET,
    SCOPE,
    Seed,
)
from doorward.authserver import (
    AuthorizationServer,
    AuthServerSettings,
    ConfiguredClient,
    Limits,
    Resource,
)
from doorward.authserver.clients.registry import Client
from doorward.authserver.grants.authorization_request import AuthorizationRequest
from doorward.authserver.grants.codes import issue_code
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.rows.grants import create_grant
from doorward.authserver.store.schema import codes as codes_table
from doorward.authserver.users.users import User
from doorward.config.operations import AuditSettings, LogSettings
from doorward.config.service.events import EventLog
from doorward.serving import new_event_loop, serve
from doorward.wire.oauth.client_metadata import ClientMetadata
from doorward.wire.oauth.pkce import challenge_of

_METADATA = ClientMetadata(
    redirect_uris=(CALLBACK,),
    token_endpoint_auth_method="none",
    grant_types=("authorization_code", "refresh_token"),
    client_name="Benchmark",
)


async def run(descriptor: int, folder: Path, database_url: str, count: int) -> None:
    """Write the seed, then serve until told to stop."""
    # As ``doorward serve`` writes them.
    events = EventLog(LogSettings(), AuditSettings(), ())
    server = AuthorizationServer(_settings(database_url), audit=events.server)
    await server.start()
    try:
        scopes = SCOPE.split()
        user = await server.users.add("alice", None, scopes, (), "Alice")
        client, _ = await server.services.clients.register(_METADATA)
        redeemable = await _codes(server, user, client, count)
        session = await server.services.sessions.create(user, None)
        cookie = f"{server.services.cookies.session_name}={session}"
        codes, verifiers = zip(*redeemable, strict=True)
        seed = Seed(client_id=client.client_id, codes=codes, verifiers=verifiers, cookies=cookie)
        seed.write(folder / "seed.json")
        await serve(server.app, [socket.socket(fileno=descriptor)])
    finally:
        await server.aclose()


def _settings(database_url: str) -> AuthServerSettings:
    many = "1000000/second"
    return AuthServerSettings(
        issuer=ISSUER,
        resources=(Resource(uri=RESOURCE, scopes=dict.fromkeys(SCOPE.split(), "")),),
        database_url=database_url,
        secret="2Vx8pKq0ZbN5rTt7WcYd1Lm4Gh6Jf9Sa",
        signing_algorithm="ES256",
        limits=dataclasses.replace(Limits(), authorizations_per_address=many),
        clients=(
            ConfiguredClient(
                client_id=RESOURCE_SERVER,
                secret=RESOURCE_SERVER_SECRET,
                auth_method="client_secret_basic",
                introspects=RESOURCE,
            ),
        ),
    )


async def _codes(
    server: AuthorizationServer, user: User, client: Client, count: int
) -> list[tuple[str, str]]:
    """Issue codes, each with a verifier of its own: no challenge is ever used again."""
    settings, now = server.settings, time.time()
    request = AuthorizationRequest(
        client_id=client.client_id,
        redirect_uri=CALLBACK,
        state=None,
        resource=RESOURCE,
        scopes=tuple(SCOPE.split()),
        challenge="",
    )

    async def some(connection: Connection, number: int) -> list[tuple[str, str]]:
        made = []
        for _ in range(number):
            grant = await create_grant(
                connection,
                settings,
                user_id=user.id,
                client_id=client.client_id,
                redirect_uri=CALLBACK,
                resource=RESOURCE,
                scopes=request.scopes,
                client_name="Benchmark",
                browser=None,
                now=now,
            )
            verifier = secrets.token_urlsafe(32)
            one = dataclasses.replace(request, challenge=challenge_of(verifier))
            made.append((await issue_code(connection, settings, one, grant, now), verifier))
        return made

    store, codes = server.services.store, list[tuple[str, str]]()
    while len(codes) < count:
        # A transaction has a deadline, so that all of them would be too many for one.
        number = min(count - len(codes), 200)
        codes += await store.write(partial(some, number=number))
    # A code lives for a minute; a long run redeems the last one later.
    later = update(codes_table).values(expires_at=now + 3600)
    await store.write(lambda connection: connection.execute(later))
    return codes


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_event_loop) as main:
        main.run(run(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
