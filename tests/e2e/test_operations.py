"""``doorward serve`` as operators watch it: JSON logs, probes, a scrape, and the audit file."""

import json
import re
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.routing import Route

from tests.e2e.pong import pong
from tests.e2e.processes import free_port
from tests.e2e.running_demo import COMMAND
from tests.e2e.running_service import RunningService
from tests.e2e.sign_in import sign_in
from tests.ledger import proves
from tests.pages.browser import served

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

PASSWORDS = {"alice": "correct horse battery staple"}
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "add"}}


@dataclass
class Watched:
    """A service that has served, refused and failed, and what operators saw of it."""

    file: Path
    said: list[str]
    printed: list[str]
    leaks: list[str]
    scrape: str
    ready: httpx2.Response
    not_ready: httpx2.Response
    public: dict[str, int]
    correlation_ids: list[str]
    status: int

    @property
    def records(self) -> list[dict[str, Any]]:
        """Every line of its output."""
        return [json.loads(line) for line in [*self.said, *self.printed]]


def configuration(folder: Path, port: int, upstream: str) -> Path:
    """Write a configuration with everything that operators can turn on without a collector."""
    file = folder / "doorward.toml"
    file.write_text(
        f"""
listen = "127.0.0.1:{port}"
stop_timeout = 60

[operations]
listen = "127.0.0.1:0"

[log]
format = "json"

[audit]
file = "audit.jsonl"
chain = true

[authorization_server]
issuer = "http://localhost:{port}"
database_url = "sqlite:///doorward.db"
secret_file = "doorward.secret"

[[mcp_servers]]
resource = "http://localhost:{port}/mcp"
upstream = "{upstream}"
scopes = {{ "mcp:tools" = "Run tools", "mcp:read" = "See tools" }}
policy = {{ tools = {{ add = {{ scopes = ["mcp:tools"] }} }} }}
"""
    )
    return file


def _provoke(service: RunningService, token: str) -> Iterator[httpx2.Response]:
    """Send requests that are refused or fail, each by another part."""
    issuer, mcp = service.issuer, service.mcp
    accept = {"Accept": "application/json, text/event-stream", "Authorization": f"Bearer {token}"}
    yield httpx2.post(mcp, json=CALL)
    yield httpx2.post(mcp, json=CALL, headers={"Authorization": "Bearer eyJ.not.one"})
    yield httpx2.post(mcp, json=CALL, headers={"Host": "evil.example"})
    forbidden = {**CALL, "params": {"name": "delete_everything"}}
    yield httpx2.post(mcp, json=forbidden, headers=accept)
    yield httpx2.post(f"{issuer}/token", data={"grant_type": "password"})
    yield httpx2.get(f"{issuer}/authorize", params={"client_id": "nobody"})
    yield httpx2.post(f"{issuer}/register", content=b"{")


def _changed_report(url: str, before: httpx2.Response) -> httpx2.Response:
    """Ask until the report differs: one report answers everybody for a second."""
    ends = time.monotonic() + 30
    while (after := httpx2.get(url)).status_code == before.status_code:
        assert time.monotonic() < ends, after.text
    return after


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """One run of the service, for all tests of this file."""
    folder = tmp_path_factory.mktemp("watched")
    port = free_port()
    with served(Starlette(routes=[Route("/mcp", pong, methods=["GET", "POST"])])) as origin:
        file = configuration(folder, port, f"{origin}/mcp")
        with RunningService(file, passwords=PASSWORDS) as service:
            operations = f"http://{service.where['operations']}"
            ready = httpx2.get(f"{operations}/readyz")
            alice = sign_in(service, "alice", "mcp:tools")
            headers = {
                "Authorization": f"Bearer {alice.access_token}",
                "Accept": "application/json, text/event-stream",
            }
            for _ in range(3):
                assert httpx2.post(service.mcp, json=CALL, headers=headers).status_code == 200
            answers = list(_provoke(service, alice.access_token))
            paths = ("/healthz", "/readyz", "/metrics")
            public = {path: httpx2.get(service.issuer + path).status_code for path in paths}
            with sqlite3.connect(folder / "doorward.db") as database:
                database.execute("UPDATE alembic_version SET version_num = '0001'")
            database.close()
            file.write_text(file.read_text() + "\nnonsense = 1\n")
            service.reload()
            service.event("reload.refused")
            not_ready = _changed_report(f"{operations}/readyz", ready)
            scrape = httpx2.get(f"{operations}/metrics").text
            status = service.stop()
    assert all(one.status_code >= 400 for one in answers), answers
    return Watched(
        file=file,
        said=service.said,
        printed=service.said_wrong,
        leaks=service.leaks(),
        scrape=scrape,
        ready=ready,
        not_ready=not_ready,
        public=public,
        correlation_ids=[_correlation_id(one) for one in answers],
        status=status,
    )


def test_every_line_of_a_run_is_a_record(watched: Watched) -> None:
    records = watched.records

    assert watched.status == 0
    assert len(records) > 15
    for one in records:
        assert {"time", "level", "party", "event"} <= one.keys()
        assert one["level"] in ("info", "warning", "error")
    assert {one["party"] for one in records} == {"guard", "authorization-server", "process"}
    assert watched.leaks == []


def test_each_refusal_is_found_by_the_correlation_id_of_its_answer(watched: Watched) -> None:
    refused = {
        one["correlation_id"]: one for one in watched.records if one.get("decision") == "refused"
    }

    assert set(watched.correlation_ids) <= refused.keys()
    reasons = [refused[one]["reason"] for one in watched.correlation_ids]
    assert "missing-token" in reasons
    assert len(set(reasons)) == len(reasons)


@proves("S214", "accepts", "health and metrics are clean")
def test_readiness_follows_the_database(watched: Watched) -> None:
    assert (watched.ready.status_code, watched.ready.json()["missing"]) == (200, {})
    assert watched.not_ready.status_code == 503
    assert watched.not_ready.json()["missing"] == {"database": "schema-older"}


@proves("S214", "refuses", "health and metrics are clean")
def test_the_public_address_has_none_of_it(watched: Watched) -> None:
    assert watched.public == {"/healthz": 404, "/readyz": 404, "/metrics": 404}
    for word in ("alice", PASSWORDS["alice"], str(watched.file.parent), "evil", "eyJ"):
        assert word not in watched.scrape
        assert word not in watched.ready.text


def test_a_scrape_has_what_was_done(watched: Watched) -> None:
    found = {
        (one.name, *sorted(one.labels.values())): one.value
        for family in text_string_to_metric_families(watched.scrape)
        for one in family.samples
    }

    assert found["doorward_tokens_issued_total", "authorization_code"] == 1
    assert found["doorward_requests_total", "/mcp", "200"] == 3
    assert found["doorward_requests_total", "/token", "200"] == 1
    assert found["doorward_decisions_total", "allowed", "decision", "guard", "served"] == 3
    assert found["doorward_decisions_total", "decision", "guard", "missing-token", "refused"] == 1
    assert found["doorward_token_cache_hits_total", "/mcp"] >= 1
    assert found["doorward_store_seconds_count", "write"] > 5
    assert found["doorward_upstream_seconds_count", "/mcp"] == 3
    assert found["doorward_ready", "database"] == 0
    assert 0 <= found["doorward_key_age_seconds", "signing"] < 600


@proves("S215", "accepts", "audit chain")
def test_the_audit_file_of_the_run_is_intact(watched: Watched) -> None:
    done = _verify(watched.file.parent / "audit.jsonl")
    told = json.loads(done.stdout)

    assert done.returncode == 0, done.stdout
    events = [one for one in watched.records if one["event"] != "log"]
    assert told["lines"] == told["head"] == len(events)


@proves("S215", "refuses", "audit chain")
def test_an_edited_audit_file_is_found(watched: Watched, tmp_path: Path) -> None:
    lines = (watched.file.parent / "audit.jsonl").read_bytes().splitlines(keepends=True)
    place = next(number for number, line in enumerate(lines) if b"missing-token" in line)
    lines[place] = lines[place].replace(b"missing-token", b"allowed")
    (tmp_path / "audit.jsonl").write_bytes(b"".join(lines))
    done = _verify(tmp_path / "audit.jsonl")

    assert done.returncode == 1
    assert json.loads(done.stdout)["problems"] == [
        f"audit.jsonl:{place + 1}: the line was changed, or is not a line of the chain."
    ]


def test_an_error_at_the_start_is_a_record_too(tmp_path: Path) -> None:
    file = configuration(tmp_path, free_port(), "http://127.0.0.1:1/mcp")
    text = file.read_text().replace("sqlite:///doorward.db", "sqlite:///nowhere/doorward.db")
    file.write_text(text)
    done = subprocess.run(
        [COMMAND, "serve", str(file)], capture_output=True, text=True, timeout=60, check=False
    )

    records = [json.loads(line) for line in (done.stdout + done.stderr).splitlines()]
    assert done.returncode == 4
    assert records[-1]["event"] == "start.failed"
    assert records[-1]["level"] == "error"
    assert records[-1]["facts"]["reason"] == "store-unavailable"


def _correlation_id(answer: httpx2.Response) -> str:
    """Return the id in the header of an answer, or on its page."""
    found = answer.headers.get("x-correlation-id") or re.findall("[0-9a-f]{16}", answer.text)[0]
    return str(found)


def _verify(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, "audit", "verify", str(path), "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
