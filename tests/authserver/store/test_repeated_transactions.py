"""What PostgreSQL rolls back is run again, whoever began it, and is a 503 in the end."""

import asyncpg
import pytest

from tests.authserver.conftest import ON_POSTGRESQL, StartAuthServer
from tests.authserver.harness import AuthServerHarness
from tests.ledger import proves
from tests.postgresql.cluster import Cluster

pytestmark = [
    *ON_POSTGRESQL,
    # The server of these tests is the one of PostgreSQL below.
    pytest.mark.parametrize("databases", ["sqlite"], indirect=True),
]
SECRET = "g7Lw-20xmPqd4-vvRzk8-ebT61-nUy95-hjC3s"
# Sign-in, consent, tokens and the operator's commands write to these.
TABLES = (
    "clients",
    "codes",
    "consents",
    "grants",
    "known_browsers",
    "refresh_tokens",
    "sessions",
    "signing_keys",
    "transactions",
    "users",
)
# The values of a sequence are not rolled back, so it counts the attempts.
FAULT = """
CREATE SEQUENCE attempts;
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('attempts') <= {times} THEN
        RAISE EXCEPTION 'planted' USING ERRCODE = '{code}';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER planted AFTER INSERT OR UPDATE OR DELETE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION fail();
"""
MENDED = "DROP FUNCTION fail CASCADE; DROP SEQUENCE attempts;"


async def journey(harness: AuthServerHarness) -> int:
    """Write to every one of the tables; return the status of the last answer."""
    await harness.server.keys.rotate()
    await harness.server.users.set_permissions("alice", ["mcp:read", "mcp:tools"], [])
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client)
    return (await harness.refresh(client, tokens.refresh)).response.status_code


@pytest.mark.parametrize("code", ["40001", "40P01"])
async def test_a_transaction_that_was_rolled_back_once_succeeds_whoever_began_it(
    start_authserver: StartAuthServer, postgresql_cluster: Cluster, code: str
) -> None:
    url = await postgresql_cluster.migrated_database()
    harness = await start_authserver(database_url=url, secret=SECRET)
    database = await asyncpg.connect(url)

    answers, attempts = {}, {}
    for table in TABLES:
        await database.execute(FAULT.format(table=table, code=code, times=1))
        answers[table] = await journey(harness)
        attempts[table] = await database.fetchval("SELECT last_value FROM attempts") > 1
        await database.execute(MENDED)
    await database.close()

    assert answers == dict.fromkeys(TABLES, 200)
    assert attempts == dict.fromkeys(TABLES, True)


@proves("S198", "refuses", "faults are 503")
async def test_a_transaction_that_is_rolled_back_every_time_is_a_503_and_leaves_nothing(
    start_authserver: StartAuthServer, postgresql_cluster: Cluster
) -> None:
    url = await postgresql_cluster.migrated_database()
    harness = await start_authserver(database_url=url, secret=SECRET)
    database = await asyncpg.connect(url)
    await database.execute(FAULT.format(table="clients", code="40001", times=1_000))

    metadata = {"redirect_uris": ["http://127.0.0.1/callback"]}
    refused = await harness.http.post("/register", json=metadata)
    attempts = await database.fetchval("SELECT last_value FROM attempts")
    left = await database.fetchval("SELECT count(*) FROM clients")
    await database.execute(MENDED)
    admitted = await harness.http.post("/register", json=metadata)
    await database.close()

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert refused.json()["error"] == "temporarily_unavailable"
    assert (attempts, left) == (4, 0)
    assert admitted.status_code == 201
