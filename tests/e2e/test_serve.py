"""``doorward serve``: the file of the documentation, a sign-in, a guarded call, a reload, the end."""

import asyncio
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastmcp import FastMCP

from doorward.testing import PERSONAS, ServerAt
from tests.e2e.processes import free_port
from tests.e2e.running_service import RunningService
from tests.e2e.sign_in import sign_in
from tests.pages.browser import served

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

EXAMPLE = Path(__file__).parents[2] / "examples" / "doorward.toml"
PASSWORDS = {"alice": "correct horse battery staple"}


class Upstream:
    """A FastMCP server without any authentication, whose tool waits where a test says so."""

    def __init__(self) -> None:
        self.began, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()
        self.ran: list[str] = []
        server = FastMCP("tools")

        @server.tool
        def add(a: int, b: int) -> int:
            """Add two numbers."""
            self.ran.append("add")
            self.began.set()
            assert self.go_on.wait(30)
            return a + b

        @server.tool
        def delete_everything() -> str:
            """Delete everything."""
            self.ran.append("delete_everything")
            return "gone"

        self.app = server.http_app(path="/mcp")


@pytest.fixture
def upstream() -> Iterator[tuple[Upstream, str]]:
    """A running MCP server, and its URL."""
    one = Upstream()
    with served(one.app, around=one.app.lifespan(one.app)) as origin:
        yield one, f"{origin}/mcp"


@pytest.fixture
def file(tmp_path: Path, upstream: tuple[Upstream, str]) -> Path:
    """The example of the documentation, at addresses of this machine."""
    port = free_port()
    text = EXAMPLE.read_text("utf-8")
    for old, new in (
        ("127.0.0.1:8000", f"127.0.0.1:{port}"),
        ("https://mcp.example.com", f"http://localhost:{port}"),
        ("http://127.0.0.1:9000/mcp", upstream[1]),
    ):
        assert old in text
        text = text.replace(old, new)
    written = tmp_path / "doorward.toml"
    # A busy machine takes longer than the default to notice that the server stops.
    written.write_text(f"stop_timeout = 60\n{text}")
    return written


class Session:
    """An MCP session of one caller, over plain HTTP."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._ids = itertools.count(1)
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2025-11-25",
        }
        begun = self._send(
            "initialize",
            protocolVersion="2025-11-25",
            capabilities={},
            clientInfo={"name": "test", "version": "1"},
        )
        assert begun.status_code == 200, begun.text
        self._headers["Mcp-Session-Id"] = begun.headers["mcp-session-id"]

    def call(self, tool: str, **arguments: Any) -> httpx2.Response:
        """Call a tool."""
        return self._send("tools/call", name=tool, arguments=arguments)

    def _send(self, method: str, **params: Any) -> httpx2.Response:
        # A session answers each id once.
        message = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        return httpx2.post(self._url, json=message, headers=self._headers, timeout=60)


def test_a_user_signs_in_and_calls_what_the_file_allows(
    file: Path, upstream: tuple[Upstream, str]
) -> None:
    with RunningService(file, passwords=PASSWORDS) as service:
        alice = sign_in(service, "alice", "mcp:read mcp:tools")
        session = Session(service.mcp, alice.access_token)
        added = session.call("add", a=2, b=3)
        refused = session.call("delete_everything")
        stranger = httpx2.post(service.mcp, json={})
        decisions = [service.event("decision", n) for n in range(4)]
        status = service.stop()

    assert '"text":"5"' in added.text.replace(" ", "")
    assert refused.status_code == 403
    assert upstream[0].ran == ["add"]
    assert stranger.status_code == 401
    assert 'resource_metadata="' in stranger.headers["www-authenticate"]
    assert [one["reason"] for one in decisions] == [
        "allowed",
        "allowed",
        "not-permitted",
        "missing-token",
    ]
    assert service.event("token.issued")["facts"]
    assert status == 0
    assert service.leaks() == []


def test_clients_that_register_get_the_scopes_that_a_tool_needs(
    file: Path, upstream: tuple[Upstream, str]
) -> None:
    # The others need documents from the internet.
    personas = [one for one in PERSONAS if one.facts.registration.value[0] == "registered"]
    with RunningService(file, passwords=PASSWORDS) as service:
        server = ServerAt(service.mcp, PASSWORDS)
        connected = [
            asyncio.run(one.connect(server, call=("add", {"a": 2, "b": 3}))) for one in personas
        ]

    assert [one.client.name for one in connected] == [
        "cursor",
        "codex",
        "gemini-cli",
        "mcp-remote",
        "inspector",
    ]
    for one in connected:
        assert "5" in str(one.result), one
        assert one.scopes == {"mcp:read", "mcp:tools"}, one
        assert one.refreshed, one


def test_a_reload_under_load_loses_no_request(file: Path, upstream: tuple[Upstream, str]) -> None:
    with RunningService(file, passwords=PASSWORDS) as service:
        alice = sign_in(service, "alice", "mcp:read mcp:tools")
        session = Session(service.mcp, alice.access_token)
        answers: list[int] = []
        enough = threading.Event()

        def ask() -> None:
            while not enough.is_set():
                answers.append(session.call("add", a=1, b=1).status_code)

        asking = [threading.Thread(target=ask) for _ in range(4)]
        for thread in asking:
            thread.start()
        for number in range(3):
            text = file.read_text().split("\n# reload ")[0]
            file.write_text(
                f'{text}\n# reload {number}\n[mcp_servers.policy.prompts]\n"{number}" = {{}}\n'
            )
            service.reload()
            service.event("reloaded", number)
        enough.set()
        for thread in asking:
            thread.join()
        service.stop()

    assert len(answers) > 3
    assert set(answers) == {200}


def test_a_stop_lets_requests_in_flight_finish_and_accepts_no_others(
    file: Path, upstream: tuple[Upstream, str]
) -> None:
    server = upstream[0]
    with RunningService(file, passwords=PASSWORDS) as service:
        alice = sign_in(service, "alice", "mcp:read mcp:tools")
        session = Session(service.mcp, alice.access_token)
        server.go_on.clear()
        answers: list[httpx2.Response] = []
        asking = threading.Thread(target=lambda: answers.append(session.call("add", a=2, b=3)))
        asking.start()
        assert server.began.wait(30)
        service.signal_stop()
        _wait_until_refused(service.mcp)
        server.go_on.set()
        asking.join()
        status = service.wait()

    assert '"text":"5"' in answers[0].text.replace(" ", "")
    assert status == 0


def _wait_until_refused(url: str) -> None:
    while True:
        try:
            httpx2.get(url, timeout=5)
        except httpx2.ConnectError:
            return
        except httpx2.ReadError:
            # This connection was in the queue when the socket was closed; the next one is refused.
            continue
