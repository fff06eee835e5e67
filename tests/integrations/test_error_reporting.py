"""What stands between a tool of another library and the next server, as its clients are told it."""

# mypy: disable-error-code="untyped-decorator"

from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

import fastmcp
import pytest
import structlog
from fastmcp.client.transports import StreamableHttpTransport
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.server.lowlevel.server import Server
from mcp.server.mcpserver.exceptions import ToolError as SdkToolError
from mcp.server.mcpserver.resolve import Resolve
from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult

from doorward.downstream import DownstreamUnavailable, SignInNeeded, TokenExchange
from doorward.identity import current_identity
from doorward.integrations import mcp_sdk as official_sdk
from doorward.integrations.declared_rules import requires
from doorward.policy import Policy
from tests.downstream.issuer import Issuer, granting, issuing
from tests.integrations.conftest import Library
from tests.integrations.guarded_server import GuardedServer

MODES = pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
DETAIL = "consent_required"


class NextServer(NamedTuple):
    """A guarded server whose guard has one next server, ``orders``, and the issuer of its tokens."""

    guarded_server: GuardedServer
    issuer: Issuer

    def answers(self, status: int, **members: str) -> None:
        """Let the issuer answer every request with this."""
        self.issuer.answer = lambda _: (status, members)


@pytest.fixture
def behind() -> Iterator[NextServer]:
    """An issuer that refuses until the user agrees."""
    with issuing() as issuer:
        orders = TokenExchange(
            issuer=issuer.issuer,
            client_id="mcp-server",
            client_secret="of-this-test-alone",
            audience="orders-api",
            trusted_issuers=("https://issuer.example",),
        )
        following = NextServer(GuardedServer(options={"downstream": {"orders": orders}}), issuer)
        following.answers(400, error=DETAIL)
        yield following


async def token_for(name: str) -> str:
    """Do what a tool does."""
    user = current_identity()
    assert user is not None
    return await user.token_for(name)


def shop_of(library: Library) -> Any:
    """Return a server with tools that need the next server, and fail in all ways."""
    server = library.new()
    fastmcps = library.name != "official-sdk"
    own_error: type[Exception] = fastmcp.exceptions.ToolError if fastmcps else SdkToolError

    @server.tool()
    @requires()
    async def orders() -> str:
        return await token_for("orders")

    @server.tool()
    @requires()
    async def nowhere() -> str:
        return await token_for("nowhere")

    @server.tool()
    @requires()
    async def polite() -> str:
        try:
            return await token_for("orders")
        except SignInNeeded as problem:
            raise own_error("Ask Carol to agree.") from problem

    async def token() -> str:
        return await token_for("orders")

    async def ready(token: Any) -> str:
        return str(token)

    made = fastmcp.dependencies.Depends(token) if fastmcps else Resolve(token)
    ready.__annotations__["token"] = Annotated[str, made]
    server.tool()(requires()(ready))

    @server.prompt()
    @requires()
    async def letter() -> str:
        return await token_for("orders")

    @server.resource("shop://orders")
    @requires()
    async def listed() -> str:
        return await token_for("orders")

    return server


async def ask_sdk(guarded_server: GuardedServer, mode: Any, tool: str) -> tuple[bool, str]:
    """Return whether the official client is told of an error, and the words."""
    async with (
        guarded_server.http("alice") as http,
        Client(
            streamable_http_client(guarded_server.resource, http_client=http), mode=mode
        ) as client,
    ):
        answer = await client.call_tool(tool, {})
    return bool(answer.is_error), answer.content[0].text  # type: ignore[union-attr]


async def ask_fastmcp(guarded_server: GuardedServer, tool: str) -> str:
    """Return the words of the error that FastMCP's client raises."""
    transport = StreamableHttpTransport(
        guarded_server.resource, headers=guarded_server.bearer("alice")
    )
    async with fastmcp.Client(transport) as client:
        with pytest.raises(fastmcp.exceptions.ToolError) as refused:
            await client.call_tool(tool, {})
    return str(refused.value)


@MODES
async def test_the_official_client_gets_only_the_public_message(
    library: Library, behind: NextServer, mode: Any
) -> None:
    app = library.protect(shop_of(library), behind.guarded_server.guard)
    with structlog.testing.capture_logs() as logged:
        async with behind.guarded_server.serving(app):
            told = [
                await ask_sdk(behind.guarded_server, mode, tool) for tool in ("orders", "ready")
            ]

    assert told == [(True, SignInNeeded.public)] * 2
    # The detail is where the operator looks, and there alone.
    own = [one for one in logged if one["event"] == "tool-without-token"]
    assert [(one["name"], one["error"]) for one in own] == [
        ("orders", "SignInNeeded"),
        ("ready", "SignInNeeded"),
    ]
    assert all(DETAIL in one["traceback"] for one in own)


async def test_the_fastmcp_client_gets_only_the_public_message(
    library: Library, behind: NextServer
) -> None:
    app = library.protect(shop_of(library), behind.guarded_server.guard)
    async with behind.guarded_server.serving(app):
        refused = await ask_fastmcp(behind.guarded_server, "orders")
        behind.answers(503)
        down = await ask_fastmcp(behind.guarded_server, "orders")

    assert refused == SignInNeeded.public
    assert down == DownstreamUnavailable.public


async def test_a_granted_token_is_returned_to_the_tool(
    library: Library, behind: NextServer
) -> None:
    behind.issuer.answer = granting
    app = library.protect(shop_of(library), behind.guarded_server.guard)
    async with behind.guarded_server.serving(app):
        told = [await ask_sdk(behind.guarded_server, "auto", tool) for tool in ("orders", "ready")]

    assert told == [(False, "token-orders-api-")] * 2


async def test_an_error_message_of_the_author_is_unchanged(
    library: Library, behind: NextServer
) -> None:
    app = library.protect(shop_of(library), behind.guarded_server.guard)
    async with behind.guarded_server.serving(app):
        failed, said = await ask_sdk(behind.guarded_server, "auto", "polite")

    assert failed
    assert said.endswith("Ask Carol to agree.")


async def test_a_configuration_error_is_logged_and_not_returned(
    library: Library, behind: NextServer
) -> None:
    app = library.protect(shop_of(library), behind.guarded_server.guard)
    with structlog.testing.capture_logs() as logged:
        async with behind.guarded_server.serving(app):
            failed, said = await ask_sdk(behind.guarded_server, "auto", "nowhere")

    (own,) = [one for one in logged if one["event"] == "tool-failed"]
    assert failed
    assert (
        said
        == f"It failed. The operator of this server finds the reason under {own['correlation_id']}."
    )
    assert "There is no grant" in own["traceback"]


async def test_prompt_and_resource_errors_contain_no_details(
    library: Library, behind: NextServer
) -> None:
    app = library.protect(shop_of(library), behind.guarded_server.guard)
    async with (
        behind.guarded_server.serving(app),
        behind.guarded_server.http("alice") as http,
        Client(streamable_http_client(behind.guarded_server.resource, http_client=http)) as client,
    ):
        with pytest.raises(MCPError) as prompt:
            await client.get_prompt("letter")
        with pytest.raises(MCPError) as resource:
            await client.read_resource("shop://orders")

    assert DETAIL not in f"{prompt.value.error} {resource.value.error}"


async def test_a_low_level_server_returns_only_the_public_message(behind: NextServer) -> None:
    async def call(ctx: Any, params: CallToolRequestParams) -> CallToolResult:
        raise AssertionError(await token_for("orders"))

    async def listing(ctx: Any, params: Any) -> ListToolsResult:
        return ListToolsResult(tools=[])

    server: Server[Any] = Server("shop", on_call_tool=call, on_list_tools=listing)
    guarded_server = GuardedServer(Policy(unknown="base"), options=behind.guarded_server.options)
    async with guarded_server.serving(official_sdk.protect(server, guarded_server.guard)):
        told = await ask_sdk(guarded_server, "auto", "orders")

    assert told == (True, SignInNeeded.public)
