"""All protocol revisions at one endpoint: handshake, headers and methods of each."""

from typing import Any

import pytest

from doorward.mcp_server import McpServer
from tests.ledger import proves
from tests.mcp_server.rpc_client import CLIENT, LEGACY, MODERN, rpc_client


def server() -> McpServer:
    made = McpServer("test", version="2.0", title="Test", instructions="Add things.")

    @made.tool()
    async def add(a: int, b: int) -> int:
        return a + b

    return made


async def test_discover_returns_server_info_versions_and_capabilities() -> None:
    async with rpc_client(server()) as peer:
        result = (await peer.ask("server/discover")).result

    assert result["supportedVersions"] == [MODERN]
    assert result["capabilities"] == {"tools": {}}
    assert result["instructions"] == "Add things."
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"] == {
        "name": "test",
        "version": "2.0",
        "title": "Test",
    }


@pytest.mark.parametrize("version", LEGACY)
async def test_initialize_accepts_a_supported_version(version: str) -> None:
    async with rpc_client(server(), version) as peer:
        result = (await peer.ask("initialize", {**CLIENT, "protocolVersion": version})).result

    assert result["protocolVersion"] == version
    assert result["serverInfo"] == {"name": "test", "version": "2.0", "title": "Test"}
    assert result["capabilities"] == {"tools": {}}
    assert result["instructions"] == "Add things."


@pytest.mark.parametrize("requested", ["2024-11-05", "2026-07-28", "1900-01-01", ""])
async def test_initialize_offers_the_latest_legacy_revision_instead_of_an_unknown_one(
    requested: str,
) -> None:
    async with rpc_client(server(), "2025-11-25") as peer:
        result = (await peer.ask("initialize", {**CLIENT, "protocolVersion": requested})).result

    assert result["protocolVersion"] == "2025-11-25"


@pytest.mark.parametrize(
    "broken",
    [{"protocolVersion": 20251125}, {"capabilities": []}, {"clientInfo": None}],
    ids=lambda broken: next(iter(broken)),
)
async def test_initialize_refuses_malformed_params(broken: dict[str, Any]) -> None:
    async with rpc_client(server(), "2025-11-25") as peer:
        answer = await peer.ask("initialize", {**CLIENT, **broken})

    assert (answer.status, answer.error["code"]) == (200, -32602)


async def test_a_client_of_2025_03_26_is_served_without_a_version_header() -> None:
    async with rpc_client(server(), "2025-03-26") as peer:
        body = {"jsonrpc": "2.0", "id": 7, "method": "tools/call"}
        body["params"] = {"name": "add", "arguments": {"a": 1, "b": 2}}
        answer = await peer.post(body, method="tools/call")

    assert answer.content_text == "3"
    assert "structuredContent" not in answer.result


async def test_ping_returns_an_empty_result() -> None:
    async with rpc_client(server(), "2025-06-18") as peer:
        assert (await peer.ask("ping")).result == {}


@pytest.mark.parametrize("version", [*LEGACY, MODERN])
@pytest.mark.parametrize("method", ["notifications/initialized", "notifications/cancelled"])
async def test_a_notification_is_accepted_with_202(version: str, method: str) -> None:
    async with rpc_client(server(), version) as peer:
        headers = {"mcp-protocol-version": version, "mcp-method": method}
        answer = await peer.post({"jsonrpc": "2.0", "method": method}, headers)

    assert (answer.status, answer.text) == (202, "")


@pytest.mark.parametrize(
    "method",
    ["initialize", "ping", "logging/setLevel", "resources/subscribe", "Tools/List", "nonsense"],
)
async def test_an_unknown_method_is_404_in_the_modern_revision(method: str) -> None:
    async with rpc_client(server()) as peer:
        answer = await peer.ask(method, {"uri": "a://b"} if "/subscribe" in method else None)

    assert (answer.status, answer.error["code"]) == (404, -32601)
    assert answer.message["id"] == 1


@pytest.mark.parametrize("method", ["server/discover", "prompts/list", "prompts/get", "nonsense"])
async def test_an_unknown_method_is_not_an_http_error_in_legacy_revisions(method: str) -> None:
    # A client of these revisions takes 404 for the end of its session.
    async with rpc_client(server(), "2025-11-25") as peer:
        answer = await peer.ask(method)

    assert (answer.status, answer.error["code"]) == (200, -32601)


@pytest.mark.parametrize("method", ["prompts/list", "prompts/get"])
async def test_a_method_without_its_capability_is_unknown(method: str) -> None:
    async with rpc_client(server()) as peer:
        answer = await peer.ask(method, {"name": "x"} if method.endswith("get") else None)

    assert (answer.status, answer.error["code"]) == (404, -32601)


async def test_a_capability_added_later_is_advertised_from_then_on() -> None:
    made = server()
    async with rpc_client(made) as peer:
        before = (await peer.ask("server/discover")).result["capabilities"]
        made.prompt(name="hi")(lambda: "hi")
        after = (await peer.ask("server/discover")).result["capabilities"]

    assert (before, after) == ({"tools": {}}, {"tools": {}, "prompts": {}})


@pytest.mark.parametrize("given", [0, -1, 2**53 - 1, "", 'a"b', "ä"], ids=repr)
async def test_a_response_has_the_id_of_its_request(given: int | str) -> None:
    async with rpc_client(server()) as peer:
        assert (await peer.ask("tools/list", id=given)).message["id"] == given


@proves("S142", "accepts", "foreign sessions and handles")
@pytest.mark.parametrize("version", [MODERN, "2025-11-25"])
async def test_an_unknown_session_id_is_ignored_without_sessions(version: str) -> None:
    headers = {"mcp-session-id": "somebody-elses", "last-event-id": "9"}
    async with rpc_client(server(), version) as peer:
        answer = await peer.call("add", headers, a=1, b=2)

    assert answer.content_text == "3"
    assert "somebody-elses" not in f"{answer.headers} {answer.text}"


@proves("S142", "refuses", "foreign sessions and handles")
@pytest.mark.parametrize("version", [MODERN, *LEGACY])
async def test_without_sessions_no_session_id_is_issued(version: str) -> None:
    async with rpc_client(server(), version) as peer:
        opening = "server/discover" if version == MODERN else "initialize"
        answer = await peer.ask(opening, CLIENT)

    assert "result" in answer.message
    assert "mcp-session-id" not in answer.headers


@proves("S142", "refuses", "foreign sessions and handles")
@pytest.mark.parametrize("verb", ["GET", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"])
async def test_without_sessions_only_post_is_allowed(verb: str) -> None:
    async with rpc_client(server()) as peer:
        response = await peer.http.request(verb, "/mcp", headers={"mcp-session-id": "known"})

    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
