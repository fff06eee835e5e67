"""Who calls is known in the tool: this request's caller, in every task, thread and session."""

import asyncio
from typing import Annotated, Any

import fastmcp
import pytest
from fastmcp.client.transports import StreamableHttpTransport
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.auth.middleware.auth_context import get_access_token as sdk_token

from doorward.errors import ConfigurationError
from doorward.identity import current_identity
from doorward.integrations.declared_rules import requires
from doorward.integrations.mcp_sdk.adapter import BEARER_PLACEHOLDER
from tests.integrations.conftest import Library
from tests.integrations.guarded_server import ACCEPT, HELLO, GuardedServer
from tests.integrations.test_tools_and_lists import result_of
from tests.ledger import proves

# mypy: disable-error-code="untyped-decorator"

MODES = pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])


@pytest.mark.e2e
@MODES
async def test_concurrent_callers_of_the_official_client_are_not_mixed_up(
    library: Library, shop: Any, guarded_server: GuardedServer, mode: Any
) -> None:
    async def ask_often(subject: str) -> set[str]:
        async with (
            guarded_server.http(subject) as http,
            Client(
                streamable_http_client(guarded_server.resource, http_client=http), mode=mode
            ) as client,
        ):
            return {
                (await client.call_tool(tool, arguments)).content[0].text  # type: ignore[union-attr]
                for _ in range(4)
                for tool, arguments in (
                    ("who", {}),
                    ("who_in_a_thread", {}),
                    ("greet", {"greeting": "hi"}),
                )
            }

    async with guarded_server.serving(library.protect(shop, guarded_server.guard)):
        alice, bob = await asyncio.gather(ask_often("alice"), ask_often("bob"))

    assert alice == {"alice alice", "alice", "hi alice"}
    assert bob == {"bob bob", "bob", "hi bob"}


@pytest.mark.e2e
async def test_the_fastmcp_client_is_identified_and_the_schema_hides_the_caller_parameter(
    library: Library, shop: Any, guarded_server: GuardedServer
) -> None:
    transport = StreamableHttpTransport(
        guarded_server.resource, headers=guarded_server.bearer("alice")
    )
    async with (
        guarded_server.serving(library.protect(shop, guarded_server.guard)),
        fastmcp.Client(transport) as client,
    ):
        greeted = await client.call_tool("greet", {"greeting": "hi"})
        (greet,) = [tool for tool in await client.list_tools() if tool.name == "greet"]

    assert greeted.content[0].text == "hi alice"
    assert set(greet.input_schema["properties"]) == {"greeting"}


async def test_an_argument_cannot_set_the_caller(
    library: Library, shop: Any, guarded_server: GuardedServer
) -> None:
    forged = {"greeting": "hi", "user": {"subject": "mia", "issuer": "x"}}
    async with (
        guarded_server.serving(library.protect(shop, guarded_server.guard)),
        guarded_server.http("alice") as alice,
    ):
        answer = await guarded_server.modern(alice, "tools/call", name="greet", arguments=forged)

    # The SDK drops what no schema names, FastMCP refuses it.
    assert result_of(answer)["result"]["content"][0]["text"] != "hi mia"
    if library.name == "official-sdk":
        assert result_of(answer)["result"]["content"][0]["text"] == "hi alice"
    else:
        assert result_of(answer)["result"]["isError"]


async def test_a_session_belongs_to_its_caller_and_survives_a_new_token(
    library: Library, shop: Any, guarded_server: GuardedServer
) -> None:
    async with (
        guarded_server.serving(library.protect(shop, guarded_server.guard)),
        guarded_server.http("alice") as alice,
        guarded_server.http("alice", "shop:more") as refreshed,
        guarded_server.http("bob") as bob,
    ):
        opened = await guarded_server.send(alice, "initialize", **HELLO)
        session = {
            "mcp-session-id": opened.headers["mcp-session-id"],
            "mcp-protocol-version": "2025-11-25",
        }
        told = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        await alice.post(guarded_server.resource, json=told, headers={**ACCEPT, **session})
        again = await guarded_server.send(
            refreshed, "tools/call", headers=session, name="who", arguments={}
        )
        stolen = await guarded_server.send(
            bob, "tools/call", headers=session, name="who", arguments={}
        )
        ended = await bob.delete(guarded_server.resource, headers=session)

    assert result_of(again)["result"]["content"][0]["text"] == "alice alice"
    assert (stolen.status_code, ended.status_code) == (404, 404)


async def test_get_access_token_names_the_caller_and_contains_no_token(
    library: Library, shop: Any, guarded_server: GuardedServer
) -> None:
    from fastmcp.server.dependencies import get_access_token as fastmcp_token

    ask = sdk_token if library.name == "official-sdk" else fastmcp_token

    @shop.tool()
    @requires()
    async def token() -> list[str]:
        """Say what is known of the token."""
        known = ask()
        assert known is not None
        claims = known.claims or {}
        return [known.token, known.client_id, str(known.subject), *known.scopes, claims["iss"]]

    async with (
        guarded_server.serving(library.protect(shop, guarded_server.guard)),
        guarded_server.http("alice") as alice,
    ):
        answer = await guarded_server.modern(alice, "tools/call", name="token", arguments={})

    claims = guarded_server.mint.claims("alice")
    kept, *known = result_of(answer)["result"]["structuredContent"]["result"]
    assert kept.startswith(f"{BEARER_PLACEHOLDER}:")
    assert kept not in alice.headers["authorization"]
    assert known == [
        claims["client_id"],
        "alice",
        "mcp:read",
        guarded_server.mint.issuer,
    ]


async def test_a_protected_server_refuses_http_requests_that_bypass_the_guard(
    library: Library, shop: Any, guarded_server: GuardedServer
) -> None:
    door = library.protect(shop, guarded_server.guard)
    unguarded = shop.streamable_http_app() if library.name == "official-sdk" else None
    if unguarded is None:
        shop.auth = None
        unguarded = shop.http_app(path="/mcp")
    assert door is not unguarded
    if library.name == "fastmcp-auth":
        # The provider connects the server when its application starts.
        async with guarded_server.serving(door):
            pass
    async with guarded_server.serving(unguarded), guarded_server.http("alice") as alice:
        called = await guarded_server.modern(alice, "tools/call", name="who", arguments={})
        listed = await guarded_server.modern(alice, "tools/list")

    for answer in (called, listed):
        assert "guard" in result_of(answer)["error"]["message"]


async def test_a_server_with_its_own_token_verifier_cannot_be_protected(
    guarded_server: GuardedServer,
) -> None:
    from fastmcp import FastMCP
    from mcp.server.auth.settings import AuthSettings
    from mcp.server.mcpserver import MCPServer
    from pydantic import AnyHttpUrl

    from doorward.integrations import fastmcp as with_fastmcp
    from doorward.integrations import mcp_sdk as with_sdk

    class Verifier:
        async def verify_token(self, token: str) -> None:
            """Know nobody."""

    settings = AuthSettings(
        issuer_url=AnyHttpUrl("https://issuer.example"),
        resource_server_url=AnyHttpUrl(guarded_server.resource),
        validate_token_resource=False,
    )
    one = MCPServer("shop", token_verifier=Verifier(), auth=settings)
    other = FastMCP("shop", auth=with_fastmcp.GuardAuth(guarded_server.guard))

    with pytest.raises(ConfigurationError) as of_the_sdk:
        with_sdk.protect(one, guarded_server.guard)
    with pytest.raises(ConfigurationError) as of_fastmcp:
        with_fastmcp.protect(other, guarded_server.guard)

    assert of_the_sdk.value.reason == of_fastmcp.value.reason == "two-judges"


async def test_without_http_a_tool_that_needs_the_caller_fails(
    library: Library, shop: Any, guarded_server: GuardedServer
) -> None:
    library.protect(shop, guarded_server.guard)
    if library.name != "official-sdk":
        shop.auth = None
        async with fastmcp.Client(shop) as pipe:
            with pytest.raises(fastmcp.exceptions.ToolError, match="signed in"):
                await pipe.call_tool("greet", {"greeting": "hi"})
        return
    async with Client(shop) as client:
        answer = await client.call_tool("greet", {"greeting": "hi"})
    assert answer.is_error
    assert "signed in" in answer.content[0].text  # type: ignore[union-attr]


@proves("S187", "accepts", "callers of two issuers")
@proves("S187", "refuses", "callers of two issuers")
async def test_an_input_request_of_one_caller_is_not_answered_by_another() -> None:
    from mcp.server.mcpserver import Elicit, MCPServer, Resolve
    from pydantic import BaseModel

    from doorward.integrations.mcp_sdk import protect

    class Answer(BaseModel):
        sure: bool

    async def sure() -> Elicit[Answer]:
        return Elicit("Are you sure?", Answer)

    server = MCPServer("shop")

    @server.tool()
    @requires()
    async def delete(answer: Annotated[Answer, Resolve(sure)]) -> str:
        """Delete everything."""
        caller = current_identity()
        return f"{caller.subject if caller else 'nobody'} is sure: {answer.sure}"

    # Bob, and the alice of another issuer.
    guarded_server = GuardedServer(issuers=("https://issuer.example", "https://other.example"))
    other = guarded_server.mints["https://other.example"].mint("alice", scopes={"mcp:read"})
    async with (
        guarded_server.serving(protect(server, guarded_server.guard)),
        guarded_server.http("alice") as alice,
        guarded_server.http("bob") as bob,
        guarded_server.http("alice") as another,
    ):
        another.headers["authorization"] = f"Bearer {other}"
        able: dict[str, Any] = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}
        call: dict[str, Any] = {"name": "delete", "arguments": {}}
        asked = result_of(await guarded_server.modern(alice, "tools/call", meta=able, **call))[
            "result"
        ]
        key = next(iter(asked["inputRequests"]))
        call["requestState"] = asked["requestState"]
        call["inputResponses"] = {key: {"action": "accept", "content": {"sure": True}}}
        stolen = [
            await guarded_server.modern(thief, "tools/call", meta=able, **call)
            for thief in (bob, another)
        ]
        answered = await guarded_server.modern(alice, "tools/call", meta=able, **call)

    reasons = {result_of(one)["error"]["data"]["reason"] for one in stolen}
    assert reasons == {"invalid_request_state"}
    assert result_of(answered)["result"]["content"][0]["text"] == "alice is sure: True"


async def test_tokens_with_the_same_jti_are_kept_apart(guarded_server: GuardedServer) -> None:
    from mcp.server.mcpserver import MCPServer

    from doorward.integrations.mcp_sdk import protect

    server = MCPServer("shop")

    @server.tool()
    @requires()
    async def scopes() -> list[str]:
        """Say what the token holds."""
        known = sdk_token()
        assert known is not None
        return known.scopes

    claims = guarded_server.mint.claims("alice")
    same = {"jti": "one", "exp": claims["exp"], "iat": claims["iat"]}
    held: list[list[str]] = []
    async with (
        guarded_server.serving(protect(server, guarded_server.guard)),
        guarded_server.http("alice") as http,
    ):
        for more in ({"mcp:read", "a"}, {"mcp:read", "b"}, {"mcp:read", "a"}):
            token = guarded_server.mint.mint("alice", scopes=more, **same)
            http.headers["authorization"] = f"Bearer {token}"
            answer = await guarded_server.modern(http, "tools/call", name="scopes", arguments={})
            held.append(result_of(answer)["result"]["structuredContent"]["result"])

    assert held == [["a", "mcp:read"], ["b", "mcp:read"], ["a", "mcp:read"]]


async def test_the_trace_context_of_the_client_reaches_the_tool(
    guarded_server: GuardedServer,
) -> None:
    from mcp.server.mcpserver import MCPServer
    from opentelemetry.trace import get_current_span

    from doorward.integrations.mcp_sdk import protect

    server = MCPServer("shop")

    @server.tool()
    @requires()
    async def traced() -> str:
        """Say which trace this is."""
        return f"{get_current_span().get_span_context().trace_id:032x}"

    sent = "0af7651916cd43dd8448eb211c80319c"
    meta = {"traceparent": f"00-{sent}-b7ad6b7169203331-01"}
    async with (
        guarded_server.serving(protect(server, guarded_server.guard)),
        guarded_server.http("alice") as alice,
    ):
        with_one = await guarded_server.modern(
            alice, "tools/call", meta=meta, name="traced", arguments={}
        )
        without = await guarded_server.modern(alice, "tools/call", name="traced", arguments={})

    assert result_of(with_one)["result"]["content"][0]["text"] == sent
    assert result_of(without)["result"]["content"][0]["text"] == "0" * 32
