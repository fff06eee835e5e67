"""What a configuration file makes is compared with what arrives at its public address."""

from pathlib import Path

import pytest

from doorward.doctor.inside import check, inside_of, inside_of_file
from doorward.errors import ConfigurationError
from doorward.guard import Guard
from doorward.policy import Policy, Rule
from tests.e2e.processes import free_port

FILE = """
[authorization_server]
issuer = "https://mcp.example.com"

[[mcp_servers]]
resource = "https://mcp.example.com/mcp"
upstream = "http://127.0.0.1:9000/mcp"
scopes = { "mcp:tools" = "Run tools" }
policy.tools."*" = { scopes = ["mcp:tools"] }
"""
SECOND = """
[[mcp_servers]]
resource = "https://mcp.example.com/other"
upstream = "http://127.0.0.1:9001/mcp"
scopes = { "mcp:tools" = "Run tools" }
policy = {}
"""


def test_a_file_with_one_server_names_it_and_makes_both_documents(tmp_path: Path) -> None:
    file = tmp_path / "doorward.toml"
    file.write_text(FILE)

    url, inside = inside_of_file(file)

    assert url == "https://mcp.example.com/mcp"
    assert inside.resource_metadata["authorization_servers"] == ["https://mcp.example.com"]
    assert inside.resource_metadata["scopes_supported"] == ["mcp:tools"]
    assert inside.issuer_metadata is not None
    assert inside.issuer_metadata["issuer"] == "https://mcp.example.com"


def test_one_of_several_servers_must_be_named(tmp_path: Path) -> None:
    file = tmp_path / "doorward.toml"
    file.write_text(FILE + SECOND)

    with pytest.raises(ConfigurationError) as unnamed:
        inside_of_file(file)
    url, inside = inside_of_file(file, "https://mcp.example.com/other")

    assert unnamed.value.reason == "which-server"
    assert inside.resource_metadata["resource"] == url


def test_a_guard_alone_has_no_issuer_of_its_own() -> None:
    guard = Guard(
        resource="https://mcp.example.com/mcp",
        issuer="https://login.example.com",
        policy=Policy(base=Rule()),
    )

    inside = inside_of(guard)

    assert inside.issuer_metadata is None
    assert inside.resource_metadata["resource"] == "https://mcp.example.com/mcp"


async def test_a_guard_is_checked_at_its_public_address() -> None:
    guard = Guard(
        resource=f"http://127.0.0.1:{free_port()}/mcp",
        issuer="http://127.0.0.1:1",
        policy=Policy(base=Rule()),
    )

    found = await check(guard)

    assert [one.finding.code for one in found] == ["connection-refused"]
