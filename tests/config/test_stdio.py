"""A stdio server in the configuration file: its command, its check, and a call through the guard."""

import sys
import time

import httpx2
import pytest

from doorward.config import load
from doorward.config.checks.findings import Finding
from doorward.config.checks.stdio_check import check_command
from doorward.config.service.running import RunningConfiguration, Service
from doorward.errors import ConfigurationError
from doorward.policy import Policy, Rule
from doorward.tokens import new_api_key
from doorward.tokens.api_keys.key_file import write_keys
from tests.config.conftest import Write
from tests.gateway.stdio.stdio_servers import CHILD, command

SERVER = f"""
[[mcp_servers]]
resource = "http://localhost:8000/mcp"
command = ["{sys.executable}", "{CHILD}"]
issuer = "https://auth.example.com"
policy.tools.echo = {{ scopes = ["mcp:tools"] }}
"""


def test_a_command_and_its_process_are_read(write: Write) -> None:
    path = write(
        SERVER
        + """
[mcp_servers.process]
environment = { COLOUR = "green" }
inherit = ["LANG"]
processes = 10
idle = 60
"""
    )

    (server,) = load(path).mcp_servers

    assert server.upstream is None
    assert server.stdio is not None
    assert server.stdio.command == (sys.executable, CHILD)
    assert (server.stdio.environment, server.stdio.inherit) == ({"COLOUR": "green"}, ("LANG",))
    assert (server.stdio.limits.processes, server.stdio.limits.idle) == (10, 60)


def test_a_secret_of_the_process_is_in_a_private_file(write: Write) -> None:
    secret = write("[mcp_servers.process]\n").parent / "token"
    secret.write_text("hush\n")
    secret.chmod(0o644)
    path = write(SERVER + '[mcp_servers.process.secret_environment]\nTOKEN = "token"\n')

    with pytest.raises(ConfigurationError) as exposed:
        load(path)
    secret.chmod(0o600)
    (server,) = load(path).mcp_servers

    assert exposed.value.reason == "exposed-secret"
    assert server.stdio is not None
    assert server.stdio.environment == {"TOKEN": "hush"}
    assert "hush" not in repr(server)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ('upstream = "http://localhost:9000/mcp"\n', "where-is-the-server"),
        ("forward_token = true\n", "unused-setting"),
        ("timeout = 5\n", "unused-setting"),
        ("process.processes = 0\n", "number-too-small"),
        ("process.idle = 0\n", "stdio-limit"),
        ('process.environment = { "A B" = "c" }\n', "stdio-environment"),
    ],
)
def test_what_cannot_be_meant_is_refused(write: Write, more: str, reason: str) -> None:
    path = write(SERVER.replace("policy.tools", more + "policy.tools"))

    with pytest.raises(ConfigurationError) as refused:
        load(path)

    assert refused.value.reason == reason


def test_a_server_without_a_place_is_refused(write: Write) -> None:
    path = write('[[mcp_servers]]\nresource = "http://localhost:8000/mcp"\npolicy = {}\n')

    with pytest.raises(ConfigurationError) as refused:
        load(path)

    assert refused.value.reason == "where-is-the-server"


async def checked(*arguments: str, **rules: Rule) -> Finding:
    """Return the finding about the server in ``child.py``."""
    policy = Policy(base=Rule(), rules={("tools/call", name): one for name, one in rules.items()})
    return await check_command("mcp_servers[1].command", command(*arguments), policy)


async def test_check_starts_the_command_and_counts_its_tools() -> None:
    found = await checked(echo=Rule())

    assert (found.status, found.setting) == ("ok", "mcp_servers[1].command")
    assert "14 tools" in found.sentence


async def test_check_names_a_tool_that_is_not_there() -> None:
    found = await checked(exho=Rule())

    assert found.status == "warning"
    assert "'exho'" in found.sentence
    assert "echo" in found.hint


async def test_check_tells_why_a_command_ends_at_once() -> None:
    found = await checked("exits")

    assert found.status == "failed"
    assert "ended with status 4. It wrote: no database" in found.sentence


async def test_check_tells_of_text_on_stdout() -> None:
    found = await checked("greets")

    assert found.status == "warning"
    assert "'Welcome!'" in found.sentence


async def test_a_call_goes_through_the_guard_to_the_command(write: Write) -> None:
    path = write(SERVER.replace('issuer = "https://auth.example.com"', 'api_keys = "keys.json"'))
    key, kept = new_api_key(
        name="caller", now=time.time(), lifetime=600, scopes=frozenset({"mcp:tools"})
    )
    write_keys(path.parent / "keys.json", [kept])
    running = RunningConfiguration(load(path))
    await running.start()
    service = Service(running)
    try:
        allowed = await call(service, key, "echo")
        refused = await call(service, key, "whoami")
        stranger = await call(service, "nothing", "echo")
    finally:
        await service.aclose()

    assert allowed.json()["result"]["content"][0]["text"] == "hello"
    assert (refused.status_code, stranger.status_code) == (400, 401)


async def call(service: Service, key: str, tool: str) -> httpx2.Response:
    """Call a tool with an API key."""
    transport = httpx2.ASGITransport(app=service)
    params = {"name": tool, "arguments": {"text": "hello"}}
    async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
        return await client.post(
            "http://localhost:8000/mcp",
            json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params},
            headers={
                "Authorization": f"Bearer {key}",
                "Accept": "application/json, text/event-stream",
                "MCP-Protocol-Version": "2025-11-25",
            },
        )
