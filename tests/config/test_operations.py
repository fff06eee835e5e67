"""Health, metrics, logs and the audit file of ``doorward serve``, in this process."""

import json
from pathlib import Path

import pytest

from doorward.config import load
from doorward.config.service.operations import ServiceOperations
from doorward.config.service.running import RunningConfiguration, Service
from doorward.errors import ConfigurationError
from doorward.guard.audit.lines import LINES
from doorward.operations.audit_chain import verify
from doorward.operations.audit_file import read_head
from tests.config.conftest import Write
from tests.config.served_configuration import ORIGIN, PONG, server, serving_configuration
from tests.ledger import proves
from tests.net.tls_server import ok
from tests.operations.asking import ask

AUTHORIZATION_SERVER = f"""
[authorization_server]
issuer = "{ORIGIN}"
database_url = "sqlite:///doorward.db"
secret_file = "secret"
"""
SCOPES = 'scopes = { "mcp:tools" = "Run tools" }'
JSON = "Content-Type: application/json"
PRIVATE = '[operations]\nlisten = "127.0.0.1:0"\n'
PUBLIC = '[operations]\npublic = ["healthz", "readyz", "metrics"]\n'
PATHS = ("/healthz", "/readyz", "/metrics")


@proves("S214", "refuses", "health and metrics are clean")
@pytest.mark.parametrize("operations", ["", PRIVATE, '[operations]\npublic = ["healthz"]\n'])
async def test_operations_endpoints_are_not_public_by_default(
    tmp_path: Path, operations: str
) -> None:
    first = AUTHORIZATION_SERVER + operations
    async with serving_configuration(tmp_path, ok(PONG, JSON), extra=SCOPES, first=first) as served:
        answers = {path: await served.ask("GET", f"{ORIGIN}{path}") for path in PATHS}

    found = {path for path, answer in answers.items() if answer.status_code != 404}
    assert found == ({"/healthz"} if "healthz" in operations else set())


@proves("S214", "accepts", "health and metrics are clean")
async def test_health_and_metrics_are_served_at_the_configured_addresses(tmp_path: Path) -> None:
    first = AUTHORIZATION_SERVER + PUBLIC
    async with serving_configuration(tmp_path, ok(PONG, JSON), extra=SCOPES, first=first) as served:
        # A probe names the machine by its address.
        public = {
            path: await served.ask("GET", f"{ORIGIN}{path}", headers={"Host": "10.0.0.7"})
            for path in PATHS
        }
        beside = {path: await ask(served.service.endpoints, path) for path in PATHS}

    assert [one.status_code for one in public.values()] == [200, 200, 200]
    assert [one.status_code for one in beside.values()] == [200, 200, 200]
    assert public["/readyz"].json()["checked"] == ["database", "signing-key", "issuer-keys:/mcp"]


@proves("S214", "refuses", "health and metrics are clean")
async def test_metrics_and_readiness_contain_no_caller_and_no_secret(tmp_path: Path) -> None:
    first = AUTHORIZATION_SERVER + PUBLIC
    async with serving_configuration(tmp_path, ok(PONG, JSON), extra=SCOPES, first=first) as served:
        await served.ask()
        await served.ask(headers={"Authorization": "Bearer dw_stolen_key"})
        await served.ask("GET", f"{ORIGIN}/authorize?client_id=evil&state=hunter2")
        await served.ask("GET", f"{ORIGIN}/hunter2")
        texts = [(await ask(served.service.endpoints, path)).text for path in PATHS]
        secret = (tmp_path / "secret").read_text().strip()

    for text in texts:
        for word in (served.key, secret, "dw_", "caller", "evil", "hunter2", str(tmp_path)):
            assert word not in text
    assert 'doorward_requests_total{route="/mcp",status="200"} 1.0' in texts[2]
    assert 'route="/authorize"' in texts[2]
    assert 'route="other"' in texts[2]


async def test_readiness_lists_a_deleted_database(tmp_path: Path) -> None:
    first = AUTHORIZATION_SERVER + PUBLIC
    async with serving_configuration(tmp_path, ok(PONG, JSON), extra=SCOPES, first=first) as served:
        assert served.service.current.authserver is not None
        store = served.service.current.authserver.server.services.store
        await store.engine.dispose()
        for file in tmp_path.glob("doorward.db*"):
            file.unlink()
        alive = await ask(served.service.endpoints, "/healthz")
        ready = await ask(served.service.endpoints, "/readyz")

    assert alive.status_code == 200
    assert (ready.status_code, ready.json()["missing"]) == (503, {"database": "schema-empty"})


async def test_readiness_lists_unavailable_issuer_keys(
    tmp_path: Path,
) -> None:
    extra = f'issuer = "http://127.0.0.1:{1}"\nidp = "keycloak"\naudience = "mcp"'
    async with serving_configuration(tmp_path, ok(PONG, JSON), extra=extra, first=PUBLIC) as served:
        ready = await ask(served.service.endpoints, "/readyz")

    assert (ready.status_code, ready.json()["missing"]) == (
        503,
        {"issuer-keys:/mcp": "keys-unavailable"},
    )


async def test_a_reload_keeps_metrics_and_refuses_changed_operations(tmp_path: Path) -> None:
    first = AUTHORIZATION_SERVER + PUBLIC
    async with serving_configuration(tmp_path, ok(PONG, JSON), extra=SCOPES, first=first) as served:
        await served.ask()
        await served.replace(("Run tools", "Run the tools"))
        await served.ask()
        text = (await ask(served.service.endpoints, "/metrics")).text
        with pytest.raises(ConfigurationError) as refused:
            await served.replace(('public = ["healthz", "readyz", "metrics"]', "public = []"))

    assert 'doorward_requests_total{route="/mcp",status="200"} 2.0' in text
    assert refused.value.reason == "operations-changed"


async def _served(file: Path) -> None:
    """Serve the file, refuse one request of each party, and stop."""
    operations = ServiceOperations(load(file))
    running = RunningConfiguration(load(file), operations=operations)
    await running.start()
    service = Service(running)
    with operations.running(service.samples, service.readiness):
        for path in ("/mcp", "/token"):
            await ask(service, path, "POST", Host="localhost:8000")
        operations.events.line("serving", 1.0, listen="127.0.0.1:8000")
        LINES.flush()
    await service.aclose()


SERVER = server("/mcp", 1, SCOPES).replace('api_keys = "keys.json"\n', "")
CONFIGURATION = f"{AUTHORIZATION_SERVER}{{extra}}{SERVER}"


async def test_with_json_logs_every_event_is_a_record(
    write: Write, capfd: pytest.CaptureFixture[str]
) -> None:
    file = write(CONFIGURATION.replace("{extra}", '[log]\nformat = "json"\n'))
    await _served(file)

    records = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert {one["party"] for one in records} == {"guard", "authorization-server", "process"}
    for one in records:
        assert {"time", "level", "party", "event"} <= one.keys()
        assert set(one) <= {
            *("time", "level", "party", "event", "decision", "reason", "correlation_id", "facts")
        }
    refused = [one for one in records if one.get("decision") == "refused"]
    assert len(refused) == 2
    assert all(len(one["correlation_id"]) == 16 for one in refused)


async def test_the_audit_file_chains_the_events_of_all_parties(
    write: Write, capfd: pytest.CaptureFixture[str]
) -> None:
    audit = '[audit]\nfile = "audit.jsonl"\nchain = true\nstdout = false\n'
    file = write(CONFIGURATION.replace("{extra}", audit))
    await _served(file)
    await _served(file)

    path = file.parent / "audit.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [one["sequence"] for one in records] == list(range(1, len(records) + 1))
    assert {one["party"] for one in records} == {"guard", "authorization-server", "process"}
    assert path.stat().st_mode & 0o777 == 0o600
    assert verify([path], read_head(path)).problems == []
    # The process still says that it serves.
    printed = [json.loads(line)["event"] for line in capfd.readouterr().out.splitlines()]
    assert printed == ["serving", "serving"]


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("[audit]\nchain = true", "audit-without-file"),
        ("[audit]\nstdout = false", "audit-nowhere"),
        ('[audit]\nfile = "no/such/folder/audit.jsonl"', "audit-file"),
        ('[operations]\nlisten = "9100"', "not-in-notation"),
        ('[operations]\npublic = ["admin"]', "unknown-choice"),
        ('[operations]\npublic = ["story"]', "unknown-choice"),
        ("[operations]\nstory = true", "story-without-listen"),
    ],
)
def test_invalid_audit_and_operations_settings_are_refused_at_start_up(
    write: Write, table: str, reason: str
) -> None:
    file = write(CONFIGURATION.replace("{extra}", f"{table}\n"))
    with pytest.raises(ConfigurationError) as refused:
        ServiceOperations(load(file))

    assert refused.value.reason == reason


def test_a_second_process_cannot_write_the_same_audit_file(write: Write) -> None:
    file = write(CONFIGURATION.replace("{extra}", '[audit]\nfile = "audit.jsonl"\n'))
    first = ServiceOperations(load(file))
    with pytest.raises(ConfigurationError) as refused:
        ServiceOperations(load(file))
    first.events.close()
    second = ServiceOperations(load(file))
    second.events.close()

    assert refused.value.reason == "audit-file-in-use"


STORY = '[operations]\nlisten = "127.0.0.1:0"\nstory = true\npublic = ["healthz", "metrics"]\n'


@proves("S235", "refuses", "stories are for operators")
@pytest.mark.parametrize("operations", [PRIVATE, STORY])
async def test_the_story_is_off_by_default_and_never_at_the_public_address(
    tmp_path: Path, operations: str
) -> None:
    first = AUTHORIZATION_SERVER + operations
    async with serving_configuration(tmp_path, ok(PONG, JSON), extra=SCOPES, first=first) as served:
        public = await served.ask("GET", f"{ORIGIN}/story.json")
        beside = await ask(served.service.endpoints, "/story.json")

    assert public.status_code == 404
    assert beside.status_code == (200 if operations is STORY else 404)


@proves("S235", "accepts", "stories are for operators")
async def test_with_the_switch_operators_read_what_the_guard_refused(tmp_path: Path) -> None:
    first = AUTHORIZATION_SERVER + STORY
    async with serving_configuration(tmp_path, ok(PONG, JSON), extra=SCOPES, first=first) as served:
        await served.ask(headers={"Authorization": "Bearer garbage"})
        found = (await ask(served.service.endpoints, "/story.json")).json()

    (hop,) = found["attempts"][0]["hops"]
    assert (hop["step"], hop["status"], hop["path"]) == ("call", 401, "/mcp")
    assert "garbage" not in json.dumps(found)
