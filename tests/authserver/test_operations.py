"""What operators watch of the authorization server: readiness, health paths, numbers, routes."""

from dataclasses import replace
from typing import Any

import pytest

from doorward.authserver import Allow, AuthorizationServer, IdentityProvider
from tests.authserver.conftest import StartAuthServer, StoppedClock
from tests.authserver.harness import AuthServerHarness
from tests.ledger import proves
from tests.operations.asking import ask

PROVIDER = IdentityProvider(
    name="own",
    issuer="http://localhost:1",
    client_id="c",
    client_secret="s" * 40,
    allow=Allow(everyone=True),
)


async def test_a_started_server_lacks_nothing(harness: AuthServerHarness) -> None:
    report = await harness.server.operations.readiness.report()

    assert (report.checked, report.missing) == (("database", "signing-key"), {})


async def test_a_server_that_was_not_started_lacks_schema_and_key(
    harness: AuthServerHarness,
) -> None:
    server = AuthorizationServer(replace(harness.server.settings, database_url=None))
    report = await server.operations.readiness.report()
    await server.aclose()

    assert report.missing == {"database": "schema-empty", "signing-key": "no-signing-key"}


async def test_a_database_without_its_schema_is_missing(harness: AuthServerHarness) -> None:
    async def put(version: str) -> str:
        async with harness.server.services.store.engine.begin() as connection:
            before = await connection.exec_driver_sql("SELECT version_num FROM alembic_version")
            found = str(before.scalar())
            await connection.exec_driver_sql(
                f"UPDATE alembic_version SET version_num = '{version}'"
            )
            return found

    current = await put("0001")
    report = await harness.server.operations.readiness.report()
    # Tests share one database on PostgreSQL.
    await put(current)

    assert report.missing == {"database": "schema-older"}


async def test_a_provider_is_missing_until_its_metadata_was_read_once(
    start_authserver: StartAuthServer,
) -> None:
    harness = await start_authserver(identity_providers=(PROVIDER,))
    operations = harness.server.operations
    missing = (await operations.readiness.report()).missing
    harness.server.services.providers["own"].was_read = True
    operations.readiness._reuse = 0
    later = (await operations.readiness.report()).missing

    assert missing == {"identity-provider:own": "provider-unavailable"}
    assert later == {}


@proves("S214", "refuses", "health and metrics are clean")
@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_health_is_not_public_by_default(harness: AuthServerHarness, path: str) -> None:
    answer = await ask(harness.app, path, Host="localhost:9000")

    assert answer.status_code == 404


@proves("S214", "accepts", "health and metrics are clean")
async def test_public_health_answers_probes_under_any_host_and_nothing_else_does(
    start_authserver: StartAuthServer,
) -> None:
    harness = await start_authserver(public_health=True, issuer="http://localhost:9000/auth")
    probe: Any = {"Host": "10.0.0.7"}
    alive = await ask(harness.app, "/auth/healthz", **probe)
    ready = await ask(harness.app, "/auth/readyz", **probe)
    keys = await ask(harness.app, "/auth/jwks.json", **probe)
    metrics = await ask(harness.app, "/auth/metrics", Host="localhost:9000")

    assert (alive.status_code, ready.status_code) == (200, 200)
    assert keys.status_code == 421
    assert metrics.status_code == 404
    assert harness.server.serves("/auth/readyz")


async def test_a_scrape_has_the_age_of_the_key_and_the_connections(
    harness: AuthServerHarness, clock: StoppedClock
) -> None:
    clock.advance(3600)
    samples = {(one.name, one.labels): one.value for one in harness.server.operations.samples()}

    assert samples["doorward_key_age_seconds", ("signing",)] == 3600
    assert ("doorward_key_age_seconds", ("sealing",)) not in samples
    assert samples["doorward_store_connections", ("in_use",)] == 0


async def test_routes_are_a_closed_set(start_authserver: StartAuthServer) -> None:
    harness = await start_authserver(identity_providers=(PROVIDER,))
    route_of = harness.server.operations.route_of

    assert route_of("/token") == "/token"
    assert route_of("/callback/own") == "/callback/{provider}"
    assert route_of("/callback/\x00stranger") == "/callback/{provider}"
    for path in ("/callback", "/callback/a/b", "/wp-login.php", "", "token"):
        assert route_of(path) == "other"
