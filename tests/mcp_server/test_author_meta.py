"""An author's ``meta`` is in every result, and cannot replace the server's own name."""

from doorward.mcp_server import McpServer
from tests.mcp_server.rpc_client import CLIENT, rpc_client

SAID = {"example.org/oauth": {"issuer": "https://login.example"}}


async def test_the_authors_meta_is_in_every_modern_result() -> None:
    server = McpServer("demo", version="1", meta=SAID)

    @server.tool()
    async def echo(message: str) -> str:
        return message

    async with rpc_client(server) as peer:
        for answer in (await peer.ask("server/discover"), await peer.call("echo", message="a")):
            meta = answer.result["_meta"]
            assert meta["example.org/oauth"] == SAID["example.org/oauth"]
            assert meta["io.modelcontextprotocol/serverInfo"]["name"] == "demo"


async def test_the_authors_meta_is_in_the_first_response_of_a_legacy_revision() -> None:
    async with rpc_client(McpServer("demo", version="1", meta=SAID), "2025-11-25") as peer:
        begun = await peer.ask("initialize", CLIENT)
        ping = await peer.ask("ping")

    assert begun.result["_meta"] == SAID
    assert ping.result == {}


async def test_the_server_info_in_meta_cannot_be_overridden() -> None:
    meta = {"io.modelcontextprotocol/serverInfo": {"name": "another", "version": "9"}}
    async with rpc_client(McpServer("demo", version="1", meta=meta)) as peer:
        found = await peer.ask("server/discover")

    assert found.result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "demo"
