"""Two ``doorward serve`` on one PostgreSQL, behind nginx: each request goes to the other one."""

import os
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from tests.e2e.pong import pong
from tests.e2e.processes import free_port
from tests.e2e.round_robin import round_robin
from tests.e2e.running_demo import COMMAND
from tests.e2e.running_service import RunningService
from tests.e2e.sign_in import SignedIn, authorize, redeem, sign_in
from tests.ledger import proves
from tests.pages.browser import served
from tests.postgresql.cluster import Cluster

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.needs("postgresql"),
    pytest.mark.needs("nginx"),
    pytest.mark.timeout(300),
]
PASSWORDS = {"alice": "correct horse battery staple"}
EXAMPLE = Path(__file__).parents[2] / "examples" / "replica.toml"


def _configuration(changes: dict[str, str]) -> str:
    """Return the example of the documentation, at addresses of this machine."""
    text = EXAMPLE.read_text("utf-8")
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    # A busy machine takes longer than the default to notice that the server stops.
    return "stop_timeout = 60\n" + text


@dataclass(frozen=True)
class Replicas:
    """The running replicas; ``first`` has the public address as its issuer, as all have."""

    first: RunningService
    files: list[Path]
    log: Path

    def served_by(self) -> Counter[str]:
        """Return how many requests each replica has answered."""
        return Counter(line.split()[2] for line in self.log.read_text().splitlines())


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    """Start PostgreSQL with a password, two replicas and nginx."""
    folder = tmp_path_factory.mktemp("replicas")
    ports, public = [free_port(), free_port()], free_port()
    password = "nE8w-Qk2zvT6-mmR41x"
    (folder / "database.password").write_text(password)
    (folder / "database.password").chmod(0o600)
    with ExitStack() as stack:
        cluster = Cluster(password=password)
        stack.callback(cluster.close)
        app = Starlette(routes=[Route("/mcp", pong, methods=["POST"])])
        upstream = stack.enter_context(served(app))
        files = []
        for number, port in enumerate(ports):
            files.append(folder / f"replica{number}.toml")
            changes = {
                "0.0.0.0:8000": f"127.0.0.1:{port}",
                "https://mcp.example.com": f"http://localhost:{public}",
                "db1.example.com,db2.example.com/doorward": (
                    f"127.0.0.1:1,127.0.0.1:{cluster.port}/postgres"
                ),
                "10.0.0.0/8": "127.0.0.1",
                "http://tools.internal:9000": upstream,
            }
            files[-1].write_text(_configuration(changes))
            files[-1].chmod(0o600)
        first = stack.enter_context(RunningService(files[0], passwords=PASSWORDS))
        stack.enter_context(RunningService(files[1]))
        log = stack.enter_context(round_robin(folder, public, ports))
        yield Replicas(first, files, log)


def _call(replicas: Replicas, tokens: SignedIn) -> int:
    """Call the MCP server through the guard; return the status."""
    message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    headers = {
        "Authorization": f"Bearer {tokens.access_token}",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2025-11-25",
    }
    return httpx2.post(replicas.first.mcp, json=message, headers=headers, timeout=60).status_code


def _refresh(replicas: Replicas, tokens: SignedIn) -> httpx2.Response:
    fields = {
        "grant_type": "refresh_token",
        "refresh_token": tokens.refresh_token,
        "client_id": tokens.client_id,
    }
    return httpx2.post(f"{replicas.first.issuer}/token", data=fields, timeout=60)


def _fifty_answers(send: Callable[[], httpx2.Response]) -> list[httpx2.Response]:
    """Send a request fifty times, many at once; a busy machine's 503 is tried again."""

    def answer(_: int) -> httpx2.Response:
        while (answer := send()).status_code == 503:
            assert answer.headers["retry-after"] == "5"
        return answer

    with ThreadPoolExecutor(10) as threads:
        return list(threads.map(answer, range(50)))


def test_a_sign_in_whose_requests_alternate_between_replicas_succeeds(replicas: Replicas) -> None:
    before = replicas.served_by()

    tokens = sign_in(replicas.first, "alice", "mcp:read")
    statuses = [_call(replicas, tokens) for _ in range(4)]

    assert statuses == [200] * 4
    answered = replicas.served_by() - before
    assert len(answered) == 2
    assert max(answered.values()) - min(answered.values()) <= 1


@proves("S84", "accepts", "concurrent redemptions")
@proves("S84", "refuses", "concurrent redemptions")
def test_of_fifty_redemptions_at_two_replicas_one_succeeds(replicas: Replicas) -> None:
    pending = authorize(replicas.first, "alice", "mcp:read")

    answers = _fifty_answers(lambda: redeem(replicas.first, pending))

    given = [one.json() for one in answers if one.status_code == 200]
    replicas.first.secrets.update(one["refresh_token"] for one in given)
    assert Counter(one.status_code for one in answers) == {200: 1, 400: 49}
    assert {one.json()["error"] for one in answers if one.status_code == 400} == {"invalid_grant"}


def test_fifty_refreshes_with_one_token_at_two_replicas_get_one_answer(replicas: Replicas) -> None:
    tokens = sign_in(replicas.first, "alice", "mcp:read")

    answers = _fifty_answers(lambda: _refresh(replicas, tokens))

    assert {one.status_code for one in answers} == {200}
    assert len({one.json()["refresh_token"] for one in answers}) == 1
    assert len({one.json()["access_token"] for one in answers}) == 1


def test_no_token_is_refused_while_the_keys_are_rotated_at_one_replica(replicas: Replicas) -> None:
    before = sign_in(replicas.first, "alice", "mcp:read")
    command = [COMMAND, "keys", "rotate", "--config", str(replicas.files[1])]
    environment = {**os.environ, "NO_COLOR": "1"}

    done = subprocess.run(command, capture_output=True, text=True, timeout=100, env=environment)
    after = [sign_in(replicas.first, "alice", "mcp:read") for _ in range(2)]

    assert done.returncode == 0, done.stderr
    for tokens in (before, *after):
        assert [_call(replicas, tokens) for _ in range(4)] == [200] * 4


def test_nothing_secret_is_in_the_log_of_a_replica(replicas: Replicas) -> None:
    sign_in(replicas.first, "alice", "mcp:read")

    assert replicas.first.leaks() == []
