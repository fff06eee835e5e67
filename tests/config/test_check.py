"""``check``: each finding is one sentence about one setting, and nothing is created or changed."""

import asyncio
import json
import time
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from doorward.authserver.store.engine import Store
from doorward.config.checks.check import check_file
from doorward.config.checks.findings import Finding
from doorward.errors import ConfigurationError
from doorward.net import Fetcher, FetchFailed, FetchRequest, FetchResponse
from tests.config.conftest import SECRET, Write

AS = """
[authorization_server]
issuer = "https://auth.example.com"
database_url = "sqlite:///doorward.db"
secret_file = "secret"
"""
SERVER = """
[[mcp_servers]]
resource = "https://mcp.example.com/mcp"
upstream = "http://inside:9000/mcp"
scopes = { "mcp:tools" = "Run tools" }
policy = {}
"""
GOOGLE = """
[[identity_providers]]
kind = "google"
client_id = "the-client"
client_secret_file = "google-secret"
allow = { domains = ["example.com"] }
"""
CALLBACK = "https://auth.example.com/callback/google"
ISSUER = "https://accounts.google.com"
METADATA = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/keys",
    "response_types_supported": ["code"],
    "subject_types_supported": ["public"],
    "id_token_signing_alg_values_supported": ["RS256"],
    "code_challenge_methods_supported": ["S256"],
}


# The answer to any of the messages of the check.
MCP = {
    "jsonrpc": "2.0",
    "id": 1,
    "result": {"capabilities": {"tools": {}}, "tools": [{"name": "add"}]},
}


class World(Fetcher):
    """Everything that can be asked, by the beginning of its URL; whatever is not there is silent."""

    def __init__(self, **answers: tuple[int, Any] | tuple[int, Any, dict[str, str]]) -> None:
        super().__init__()
        self.answers: dict[str, Any] = {}
        self.skew = 0.0

    def says(self, url: str, status: int, body: Any = "", **headers: str) -> None:
        """Answer requests whose URL begins with ``url``."""
        data = body if isinstance(body, str) else json.dumps(body)
        dated = {"date": formatdate(time.time() - self.skew, usegmt=True), **headers}
        self.answers[url] = FetchResponse(status, dated, data.encode(), None)

    async def send(
        self, url: str, request: FetchRequest, *, limit: int = 5 * 1024
    ) -> FetchResponse:
        for begin, answer in self.answers.items():
            if url.startswith(begin):
                return answer  # type: ignore[no-any-return]
        raise FetchFailed(f"{url.split('/')[2]}: nobody there")

    async def fetch(
        self, url: str, *, accept: str = "application/json", limit: int = 5 * 1024
    ) -> FetchResponse:
        answer = await self.send(url, FetchRequest())
        if answer.status != 200:
            raise FetchFailed(str(answer.status))
        return answer


@pytest.fixture
def world() -> World:
    """A world in which everything is as it should be."""
    world = World()
    world.says("https://auth.example.com/.well-known/", 200, {"issuer": "https://auth.example.com"})
    world.says(
        "https://mcp.example.com/.well-known/", 200, {"resource": "https://mcp.example.com/mcp"}
    )
    world.says("http://inside:9000/mcp", 200, MCP)
    world.says(f"{ISSUER}/.well-known/openid-configuration", 200, METADATA)
    world.says(f"{ISSUER}/authorize", 302, location=f"{CALLBACK}?error=login_required&state=x")
    world.says(f"{ISSUER}/token", 400, {"error": "invalid_grant"})
    return world


def found(file: Path, world: World) -> dict[str, Finding]:
    """Return the findings by setting."""

    async def collect() -> list[Finding]:
        return [one async for one in check_file(file, fetcher=world)]

    return {one.setting: one for one in asyncio.run(collect())}


def test_a_valid_file_has_only_ok_findings_and_no_file_is_created(
    write: Write, world: World, tmp_path: Path
) -> None:
    file = write(AS + SERVER + GOOGLE, google_secret=SECRET)
    before = sorted(tmp_path.iterdir())

    findings = found(file, world)

    assert {one.status for one in findings.values()} == {"ok"}
    assert list(findings) == [
        "file",
        "authorization_server.secret_file",
        "authorization_server.database_url",
        "authorization_server.issuer",
        "identity_providers[1].issuer",
        "identity_providers[1].client_id",
        "identity_providers[1].client_secret",
        "mcp_servers[1].resource",
        "mcp_servers[1].upstream",
    ]
    assert sorted(tmp_path.iterdir()) == before


def test_a_file_with_an_error_is_one_finding_with_its_line(write: Write, world: World) -> None:
    file = write("isuer = 1")

    (finding,) = found(file, world).values()

    assert finding.status == "failed"
    assert finding.sentence.startswith(f"{file}:1: isuer")


def _nothing(world: World) -> None:
    return None


def _another_issuer(world: World) -> None:
    world.says("https://auth.example.com/.well-known/", 200, {"issuer": "https://other.example"})


def _a_page(world: World) -> None:
    world.says("https://auth.example.com/.well-known/", 200, "<html>")


def _gateway_error(world: World) -> None:
    world.says("https://auth.example.com/.well-known/", 502)


def _silence(world: World) -> None:
    del world.answers["https://auth.example.com/.well-known/"]


def _no_upstream(world: World) -> None:
    del world.answers["http://inside:9000/mcp"]


def _upstream_wants_a_token(world: World) -> None:
    world.says("http://inside:9000/mcp", 401)


def _upstream_elsewhere(world: World) -> None:
    world.says("http://inside:9000/mcp", 404)


def _upstream_redirects(world: World) -> None:
    world.says("http://inside:9000/mcp", 307, location="http://inside:9000/mcp/")


def _upstream_is_a_web_page(world: World) -> None:
    world.says("http://inside:9000/mcp", 200, "<html>", **{"content-type": "text/html"})


def _upstream_is_another_api(world: World) -> None:
    world.says("http://inside:9000/mcp", 200, {"jsonrpc": "2.0", "id": 1, "result": {"ok": True}})


def _upstream_of_no_known_revision(world: World) -> None:
    result = {**MCP["result"], "supportedVersions": ["2030-01-01"]}  # type: ignore[dict-item]
    world.says("http://inside:9000/mcp", 200, {**MCP, "result": result})


def _provider_names_another(world: World) -> None:
    metadata = {**METADATA, "issuer": "https://evil.example"}
    world.says(f"{ISSUER}/.well-known/openid-configuration", 200, metadata)


def _clock_is_ahead(world: World) -> None:
    world.skew = 300
    world.says(f"{ISSUER}/.well-known/openid-configuration", 200, METADATA)


def _redirect_uri_is_unknown(world: World) -> None:
    world.says(f"{ISSUER}/authorize", 400, "redirect_uri_mismatch")


def _error_page(world: World) -> None:
    world.says(f"{ISSUER}/authorize", 302, location=f"{ISSUER}/signin/oauth/error?x=1")


def _redirect_to_somebody_else(world: World) -> None:
    world.says(f"{ISSUER}/authorize", 302, location=f"{CALLBACK}.evil.example/?error=x")


def _login_page(world: World) -> None:
    world.says(f"{ISSUER}/authorize", 200, "<html>")


def _wrong_secret(world: World) -> None:
    world.says(f"{ISSUER}/token", 401, {"error": "invalid_client"})


def _secret_unsaid(world: World) -> None:
    world.says(f"{ISSUER}/token", 500)


@pytest.mark.parametrize(
    ("change", "setting", "status", "remedy"),
    [
        (_another_issuer, "authorization_server.issuer", "failed", "byte for byte"),
        (_a_page, "authorization_server.issuer", "failed", "/.well-known/"),
        (_gateway_error, "authorization_server.issuer", "warning", "doorward serve"),
        (_silence, "authorization_server.issuer", "warning", "doorward serve"),
        (_no_upstream, "mcp_servers[1].upstream", "failed", "Start it"),
        (_upstream_wants_a_token, "mcp_servers[1].upstream", "failed", "forward_token"),
        (_upstream_elsewhere, "mcp_servers[1].upstream", "failed", "/mcp"),
        (_upstream_redirects, "mcp_servers[1].upstream", "failed", "endpoint itself"),
        (_upstream_is_a_web_page, "mcp_servers[1].upstream", "failed", "streamable HTTP"),
        (_upstream_is_another_api, "mcp_servers[1].upstream", "failed", "streamable HTTP"),
        (_upstream_of_no_known_revision, "mcp_servers[1].upstream", "failed", "2026-07-28"),
        (_provider_names_another, "identity_providers[1].issuer", "failed", "byte for byte"),
        (_clock_is_ahead, "identity_providers[1].issuer", "failed", "clock"),
        (_redirect_uri_is_unknown, "identity_providers[1].client_id", "failed", CALLBACK),
        (_error_page, "identity_providers[1].client_id", "failed", CALLBACK),
        (_redirect_to_somebody_else, "identity_providers[1].client_id", "failed", CALLBACK),
        (_login_page, "identity_providers[1].client_id", "warning", CALLBACK),
        (_wrong_secret, "identity_providers[1].client_secret", "failed", "again"),
        (_secret_unsaid, "identity_providers[1].client_secret", "warning", "first sign-in"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_an_external_problem_is_a_finding_with_a_hint(
    write: Write, world: World, change: Any, setting: str, status: str, remedy: str
) -> None:
    change(world)

    findings = found(write(AS + SERVER + GOOGLE, google_secret=SECRET), world)

    assert (findings[setting].status, findings[setting].hint != "") == (status, True)
    assert remedy in findings[setting].hint
    assert SECRET not in str(findings)


def test_the_secret_file_must_be_private(write: Write, world: World, tmp_path: Path) -> None:
    file = write(AS + SERVER, secret=SECRET)
    (tmp_path / "secret").chmod(0o644)

    finding = found(file, world)["authorization_server.secret_file"]

    assert (finding.status, "chmod 600" in finding.hint) == ("failed", True)


def test_a_database_in_a_missing_folder_is_a_failed_finding(write: Write, world: World) -> None:
    file = write((AS + SERVER).replace("sqlite:///doorward.db", "sqlite:///none/doorward.db"))

    finding = found(file, world)["authorization_server.database_url"]

    assert (finding.status, "Create the folder" in finding.hint) == ("failed", True)


def test_a_missing_database_setting_is_a_warning(write: Write, world: World) -> None:
    file = write((AS + SERVER).replace('database_url = "sqlite:///doorward.db"\n', ""))

    assert found(file, world)["authorization_server.database_url"].status == "warning"


async def _store(path: Path, revision: str | None = None) -> None:
    store = Store(f"sqlite+aiosqlite:///{path}")
    try:
        await store.start()
        if revision is not None:
            async with store.engine.begin() as connection:
                await connection.exec_driver_sql(
                    "UPDATE alembic_version SET version_num = ?", (revision,)
                )
    finally:
        await store.aclose()


def test_a_database_of_the_current_revision_is_ok(
    write: Write, world: World, tmp_path: Path
) -> None:
    asyncio.run(_store(tmp_path / "doorward.db"))

    finding = found(write(AS + SERVER), world)["authorization_server.database_url"]

    assert finding.status == "ok"
    assert "current" in finding.sentence


def test_a_database_of_an_unknown_revision_is_refused_by_check_and_at_start_up(
    write: Write, world: World, tmp_path: Path
) -> None:
    path = tmp_path / "doorward.db"
    asyncio.run(_store(path, "9999"))

    finding = found(write(AS + SERVER), world)["authorization_server.database_url"]
    with pytest.raises(ConfigurationError) as refused:
        asyncio.run(_store(path))

    assert finding.status == "failed"
    assert "9999" in finding.sentence
    assert refused.value.reason == "unknown-revision"


def test_the_database_password_is_not_in_the_findings(
    write: Write, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE", f"postgresql://doorward:{SECRET}@127.0.0.1:1/doorward")
    text = (AS + SERVER).replace(
        'database_url = "sqlite:///doorward.db"', 'database_url_env = "DATABASE"'
    )

    finding = found(write(text), world)["authorization_server.database_url"]

    assert finding.status == "failed"
    assert SECRET not in str(finding)


ALONE = """
[[mcp_servers]]
resource = "https://mcp.example.com/mcp"
upstream = "http://inside:9000/mcp"
issuer = "https://accounts.google.com"
policy = {}
"""


@pytest.mark.parametrize(
    ("change", "status", "word"),
    [
        (_nothing, "ok", "clocks agree"),
        (_provider_names_another, "failed", "https://evil.example"),
        (_clock_is_ahead, "failed", "ahead of"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_check_reads_the_metadata_of_a_trusted_issuer(
    write: Write, world: World, change: Any, status: str, word: str
) -> None:
    change(world)

    finding = found(write(ALONE), world)["mcp_servers[1].issuer"]

    assert (finding.status, word in finding.sentence) == (status, True)


class Mcp(World):
    """A world in which the MCP server answers by method, and everything is written down."""

    def __init__(self, answers: dict[str, FetchResponse]) -> None:
        super().__init__()
        self.by_method = answers
        self.sent: list[tuple[str, dict[str, str]]] = []

    async def send(
        self, url: str, request: FetchRequest, *, limit: int = 5 * 1024
    ) -> FetchResponse:
        if not url.startswith("http://inside:9000/mcp"):
            return await super().send(url, request, limit=limit)
        method = json.loads(request.body)["method"] if request.body else request.method
        self.sent.append((method, dict(request.more_headers)))
        return self.by_method.get(method, FetchResponse(400, {}, b"", None))


def _json(result: Any, **headers: str) -> FetchResponse:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode()
    return FetchResponse(200, headers, body, None)


def test_a_server_of_sessions_is_asked_in_a_session_that_is_ended(write: Write) -> None:
    world = Mcp(
        {
            "initialize": _json({"capabilities": {"tools": {}}}, **{"mcp-session-id": "one"}),
            "tools/list": _json({"tools": [{"name": "add"}]}),
        }
    )

    finding = found(write(AS + SERVER), world)["mcp_servers[1].upstream"]

    assert (finding.status, "2025-11-25" in finding.sentence) == ("ok", True)
    assert [method for method, _ in world.sent] == [
        "server/discover",
        "initialize",
        "notifications/initialized",
        "tools/list",
        "DELETE",
    ]
    assert {headers.get("Mcp-Session-Id") for _, headers in world.sent[2:]} == {"one"}


def test_a_rule_for_a_tool_that_the_server_does_not_have_is_a_warning(write: Write) -> None:
    event = b'event: message\ndata: {"result": {"tools": [{"name": "add"}, {"name": 7}]}}\n\n'
    stream = FetchResponse(200, {"content-type": "text/event-stream"}, event, None)
    world = Mcp({"server/discover": _json({"capabilities": {"tools": {}}}), "tools/list": stream})
    ruled = SERVER.replace("policy = {}", 'policy.tools = { add = {}, delte = {}, "*" = {} }')

    finding = found(write(AS + ruled), world)["mcp_servers[1].upstream"]

    assert (finding.status, finding.hint) == ("warning", "Its tools are: add.")
    assert "'delte'" in finding.sentence


@pytest.mark.parametrize(("status", "expected"), [(200, "ok"), (401, "failed")])
def test_the_secret_of_the_server_is_tried(write: Write, status: int, expected: str) -> None:
    answer = _json({"capabilities": {}})
    world = Mcp({"server/discover": replace(answer, status=status)})
    world.by_method["initialize"] = FetchResponse(status, {}, b"", None)
    credentials = 'upstream_credentials = { secret_file = "upstream-secret" }\npolicy = {}'
    file = write(AS + SERVER.replace("policy = {}", credentials), upstream_secret="of-the-server")

    finding = found(file, world)["mcp_servers[1].upstream"]

    assert finding.status == expected
    assert world.sent[0][1]["authorization"] == "Bearer of-the-server"
    assert "of-the-server" not in f"{finding}"
