"""One process for an authorization server and guards: who answers, and what reaches the servers."""

import asyncio
import json
from pathlib import Path

import pytest

from doorward.config import load
from doorward.config.service.serving import reload
from doorward.errors import ConfigurationError
from doorward.gateway.tools.pins import write_pins
from tests.config.served_configuration import (
    MCP,
    ORIGIN,
    PONG,
    reason_of,
    server,
    serving_configuration,
)
from tests.ledger import proves
from tests.net.tls_server import Answer, ok

JSON = "Content-Type: application/json"
AUTHORIZATION_SERVER = f"""
[authorization_server]
issuer = "{ORIGIN}"
database_url = "sqlite:///doorward.db"
secret_file = "secret"
"""
SCOPES = 'scopes = { "mcp:tools" = "Run tools" }'


def _well_known(path: str = "") -> str:
    return f"{ORIGIN}/.well-known/oauth-protected-resource{path}"


async def test_a_caller_with_a_key_reaches_the_server_at_its_own_path(tmp_path: Path) -> None:
    async with serving_configuration(tmp_path, ok(PONG, JSON)) as served:
        answer = await served.ask()
        refused = await served.ask(headers={"Authorization": "Bearer dw_wrong"})

    assert (answer.status_code, answer.json()["result"]) == (200, {})
    assert refused.status_code == 401
    (seen,) = served.behind.requests
    assert seen.startswith("POST /inside HTTP/1.1\r\n")


@proves("S158", "refuses", "no credentials to other origins")
async def test_credentials_of_the_caller_are_not_forwarded(tmp_path: Path) -> None:
    async with serving_configuration(tmp_path, ok(PONG, JSON)) as served:
        await served.ask(headers={"Cookie": "__Host-session=1", "DPoP": "proof"})

    (seen,) = served.behind.requests
    assert served.key not in seen
    for name in ("authorization", "cookie", "dpop"):
        assert f"\r\n{name}:" not in seen.lower()


@proves("S158", "accepts", "no credentials to other origins")
async def test_forward_token_forwards_the_token_but_no_cookie(tmp_path: Path) -> None:
    async with serving_configuration(
        tmp_path, ok(PONG, JSON), extra="forward_token = true"
    ) as served:
        await served.ask(headers={"Cookie": "__Host-session=1"})

    (seen,) = served.behind.requests
    assert f"Bearer {served.key}" in seen
    assert "\r\ncookie:" not in seen.lower()


@pytest.mark.parametrize("extra", ["", "forward_token = true"])
async def test_a_server_cannot_set_a_cookie_at_the_origin_of_the_sign_in_page(
    tmp_path: Path, extra: str
) -> None:
    answer = ok(PONG, JSON, "Set-Cookie: __Host-session=evil", 'Clear-Site-Data: "*"', "X-Kept: 1")
    async with serving_configuration(tmp_path, answer, extra=extra) as served:
        got = await served.ask()

    assert got.status_code == 200
    assert "set-cookie" not in got.headers
    assert "clear-site-data" not in got.headers
    assert got.headers["x-kept"] == "1"


CHALLENGE = b'HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer resource_metadata="https://evil.example"\r\nContent-Length: 0\r\n\r\n'


async def test_a_challenge_of_a_server_without_forwarded_tokens_is_a_502(
    tmp_path: Path,
) -> None:
    async with serving_configuration(tmp_path, CHALLENGE) as served:
        got = await served.ask()

    assert (got.status_code, reason_of(got)) == (502, "upstream-wants-credentials")
    assert "www-authenticate" not in got.headers
    assert "evil" not in got.text


async def test_a_challenge_of_a_server_with_forwarded_tokens_is_returned(
    tmp_path: Path,
) -> None:
    async with serving_configuration(tmp_path, CHALLENGE, extra="forward_token = true") as served:
        got = await served.ask()

    assert got.status_code == 401
    assert "evil.example" in got.headers["www-authenticate"]


async def test_each_server_and_the_authorization_server_answer_at_their_own_paths(
    tmp_path: Path,
) -> None:
    more = server("/other", 1, SCOPES).replace("{", "{{").replace("}", "}}")
    async with serving_configuration(
        tmp_path, ok(PONG, JSON), extra=SCOPES, more=more, first=AUTHORIZATION_SERVER
    ) as served:
        first = await served.ask("GET", _well_known("/mcp"))
        second = await served.ask("GET", _well_known("/other"))
        issuer = await served.ask("GET", f"{ORIGIN}/.well-known/oauth-authorization-server")
        down = await served.ask(url=f"{ORIGIN}/other")
        nowhere = await served.ask("GET", f"{ORIGIN}/nowhere")
        nobodys = await served.ask("GET", _well_known("/third"))
        ambiguous = await served.ask(url=f"{ORIGIN}/x/..%2fmcp")

    assert first.json()["resource"] == MCP
    assert first.json()["authorization_servers"] == [ORIGIN]
    assert second.json()["resource"] == f"{ORIGIN}/other"
    assert issuer.json()["issuer"] == ORIGIN
    assert issuer.json()["protected_resources"] == [MCP, f"{ORIGIN}/other"]
    assert (down.status_code, reason_of(down)) == (502, "upstream-unreachable")
    assert nowhere.json() == {"error": "not_found"}
    assert nobodys.status_code == 404
    assert reason_of(ambiguous) == "path-refused"
    assert served.behind.requests == []


@proves("S190", "refuses", "own Host only")
@pytest.mark.parametrize("first", ["", AUTHORIZATION_SERVER])
async def test_a_request_for_another_host_is_refused(tmp_path: Path, first: str) -> None:
    async with serving_configuration(tmp_path, ok(PONG, JSON), extra=SCOPES, first=first) as served:
        got = await served.ask(headers={"Host": "evil.example"})

    assert got.status_code == 421
    assert served.behind.requests == []


async def test_servers_on_two_hosts_are_separate(tmp_path: Path) -> None:
    other = server("/mcp", 1, origin="https://other.example")
    more = other.replace("{", "{{").replace("}", "}}")
    async with serving_configuration(tmp_path, ok(PONG, JSON), more=more) as served:
        here = await served.ask("GET", _well_known("/mcp"))
        there = await served.ask(
            "GET", "https://other.example/.well-known/oauth-protected-resource/mcp"
        )

    assert here.json()["resource"] == MCP
    assert there.json()["resource"] == "https://other.example/mcp"


SESSION = ok(PONG, JSON, "Mcp-Session-Id: s1")


async def test_a_session_from_before_the_start_is_refused(tmp_path: Path) -> None:
    """The server behind still has it, and nobody knows any more whose it was."""
    async with serving_configuration(tmp_path, SESSION) as served:
        unknown = await served.ask(headers={"Mcp-Session-Id": "s0"})
        opened = await served.ask()
        own = await served.ask(headers={"Mcp-Session-Id": "s1"})

    assert (unknown.status_code, reason_of(unknown)) == (404, "session-refused")
    assert (opened.status_code, own.status_code) == (200, 200)
    assert len(served.behind.requests) == 2


async def test_a_reload_keeps_sessions(tmp_path: Path) -> None:
    async with serving_configuration(tmp_path, SESSION) as served:
        await served.ask()
        await served.replace(("[mcp_servers.policy.tools]", "[mcp_servers.policy.prompts]"))
        own = await served.ask(headers={"Mcp-Session-Id": "s1"})
        unknown = await served.ask(headers={"Mcp-Session-Id": "s0"})

    assert own.status_code == 200
    assert reason_of(unknown) == "session-refused"


CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "add"}}


async def test_a_reload_applies_to_new_requests_and_keeps_running_ones(
    tmp_path: Path,
) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def answer(writer: asyncio.StreamWriter) -> None:
        asked.set()
        await go_on.wait()
        writer.write(ok(PONG, JSON))
        await writer.drain()

    said: Answer = answer
    async with serving_configuration(tmp_path, said) as served:
        before = served.service.current
        under_way = asyncio.create_task(served.ask(json=CALL))
        await asked.wait()
        await served.replace(('["mcp:tools"]', '["mcp:admin"]'))
        refused = await served.ask(json=CALL)
        go_on.set()
        finished = await under_way

        assert served.service.current is not before

    assert finished.status_code == 200
    assert (refused.status_code, reason_of(refused)) == (403, "scope-missing")


async def test_a_reload_that_changes_nothing_keeps_every_part(tmp_path: Path) -> None:
    async with serving_configuration(
        tmp_path, ok(PONG, JSON), extra=SCOPES, first=AUTHORIZATION_SERVER
    ) as served:
        before = served.service.current
        await served.replace()
        after = served.service.current
        answer = await served.ask()

    assert after is not before
    assert after.authserver is before.authserver
    assert after.mcp_servers == before.mcp_servers
    assert answer.status_code == 200


async def test_a_rotated_secret_is_used_after_a_reload(tmp_path: Path) -> None:
    secret = tmp_path / "lookup"
    secret.touch(0o600)
    secret.write_text("the first secret")
    extra = 'issuer = "https://login.example"\nclient_id = "a"\nclient_secret_file = "lookup"'
    async with serving_configuration(tmp_path, ok(PONG, JSON), extra=extra) as served:
        (before,) = served.service.current.mcp_servers
        secret.write_text("the second secret")
        await served.replace()
        (after,) = served.service.current.mcp_servers

    assert after is not before
    assert after.settings.issuers[0].client_secret == "the second secret"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        pytest.param('"*" = {', '"*" = [', "malformed-config-file", id="not TOML"),
        pytest.param("api_keys", "api_kys", "unknown-setting", id="misspelt"),
        pytest.param("keys.json", "none.json", "no-api-keys", id="no keys"),
        pytest.param("# first", 'listen = "127.0.0.1:1"', "listen-changed", id="listen"),
        pytest.param('sqlite:///doorward.db"', 'sqlite:////nowhere/x"', "store-unavailable", id="database"),
    ],
)  # fmt: skip
async def test_a_reload_of_an_invalid_file_keeps_the_earlier_configuration(
    tmp_path: Path, old: str, new: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    noted: list[str] = []
    first = f"# first\n{AUTHORIZATION_SERVER}"
    async with serving_configuration(tmp_path, ok(PONG, JSON), extra=SCOPES, first=first) as served:
        before = served.service.current
        served.file.write_text(served.file.read_text().replace(old, new, 1))
        await reload(served.service, served.file, noted.append)
        answer = await served.ask()

        assert served.service.current is before

    assert answer.status_code == 200
    assert len(noted) == 1
    assert noted[0].startswith("Not reloaded; the earlier configuration stays. ")
    assert reason in capsys.readouterr().out


async def test_a_reload_that_would_lose_temporary_data_is_refused(tmp_path: Path) -> None:
    first = AUTHORIZATION_SERVER.replace('database_url = "sqlite:///doorward.db"\n', "")
    first = first.replace('secret_file = "secret"\n', "")
    async with serving_configuration(tmp_path, ok(PONG, JSON), extra=SCOPES, first=first) as served:
        await served.replace()
        with pytest.raises(ConfigurationError) as refused:
            await served.replace(
                (f'issuer = "{ORIGIN}"', f'issuer = "{ORIGIN}"\nservice_name = "X"')
            )

    assert refused.value.reason == "data-would-be-lost"


async def test_loading_a_file_creates_no_files(tmp_path: Path) -> None:
    file = tmp_path / "doorward.toml"
    file.write_text(
        f'{AUTHORIZATION_SERVER}\nresources = [{{ uri = "{MCP}", scopes = {{ a = "A" }} }}]'
    )

    load(file)

    assert list(tmp_path.iterdir()) == [file]


async def test_a_changed_tool_is_refused_until_its_file_accepts_it(tmp_path: Path) -> None:
    def listing(description: str) -> bytes:
        tool = {"name": "add", "description": description, "inputSchema": {"type": "object"}}
        message = {"jsonrpc": "2.0", "id": 1, "result": {"tools": [tool]}}
        return ok(json.dumps(message).encode(), "Content-Type: application/json")

    def accept(description: str) -> None:
        tool = {"name": "add", "description": description, "inputSchema": {"type": "object"}}
        write_pins(tmp_path / "tools.json", {"add": tool})

    accept("Adds")
    answer = listing("Adds, and more")
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    call = {**asked, "method": "tools/call", "params": {"name": "add"}}
    async with serving_configuration(tmp_path, answer, extra='tool_pins = "tools.json"') as served:
        assert (await served.ask(json=asked)).json()["result"]["tools"] == []
        refused = await served.ask(json=call)
        assert refused.status_code == 403
        assert reason_of(refused) == "tool-not-accepted"

        accept("Adds, and more")
        await served.replace()

        assert len((await served.ask(json=asked)).json()["result"]["tools"]) == 1
        assert (await served.ask(json=call)).status_code == 200
