"""The same tools on each kind of server: ``hello`` is public, ``refund`` is not."""

import json
from collections.abc import Callable
from typing import Any

from fastmcp import FastMCP
from mcp.server.mcpserver import MCPServer

from doorward import Guard, Identity, McpServer, Policy, Rule, current_identity
from doorward.integrations import fastmcp as with_fastmcp
from doorward.integrations import mcp_sdk as with_sdk
from doorward.testing import TokenMint
from doorward.tokens import LocalKeys, TrustedIssuer

# mypy: disable-error-code="untyped-decorator"

RESOURCE = "http://localhost:8000/mcp"
BASE = Rule(scopes={"shop:read"})
RULES = {
    ("tools/call", "hello"): Rule(public=True),
    ("tools/call", "refund"): Rule(scopes={"shop:refund"}),
}
NewGuard = Callable[..., Guard]


def guards(mint: TokenMint, **settings: Any) -> NewGuard:
    """Return what makes a guard with a policy."""

    def new_guard(policy: Policy) -> Guard:
        trusted = TrustedIssuer(issuer=mint.issuer, audience=RESOURCE, keys=LocalKeys(mint.jwks))
        return Guard(resource=RESOURCE, issuers=[trusted], policy=policy, **settings)

    return new_guard


def name_of(user: Identity | None) -> str:
    """Return what the public tool says to its caller."""
    return "nobody" if user is None else user.subject


def own(new_guard: NewGuard) -> Any:
    """Our own server, whose tools declare their rules."""
    server = McpServer("shop", version="1")

    @server.tool(public=True)
    async def hello(user: Identity | None) -> dict[str, str]:
        return {"to": name_of(user)}

    @server.tool(scopes={"shop:refund"})
    async def refund(user: Identity) -> dict[str, str]:
        return {"to": name_of(user)}

    return new_guard(Policy(base=BASE, rules=server.rules)).protect(server.asgi)


def sdk(new_guard: NewGuard) -> Any:
    """A server of the official SDK, with the operator's rules."""
    server = MCPServer("shop")

    @server.tool()
    async def hello(user: with_sdk.OptionalUser) -> dict[str, str]:
        assert user == current_identity()
        return {"to": name_of(user)}

    @server.tool()
    async def refund(user: with_sdk.CurrentUser) -> dict[str, str]:
        return {"to": name_of(user)}

    return with_sdk.protect(server, new_guard(Policy(base=BASE, rules=RULES)))


def declared_sdk(new_guard: NewGuard) -> Any:
    """A server of the official SDK, whose tools declare their rules."""
    server = MCPServer("shop")

    @server.tool()
    @with_sdk.requires(public=True)
    async def hello(user: with_sdk.OptionalUser) -> dict[str, str]:
        return {"to": name_of(user)}

    @server.tool()
    @with_sdk.requires(scopes={"shop:refund"})
    async def refund(user: with_sdk.CurrentUser) -> dict[str, str]:
        return {"to": name_of(user)}

    return with_sdk.protect(server, new_guard(Policy(base=BASE)))


def _fastmcp(**settings: Any) -> FastMCP[Any]:
    server: FastMCP[Any] = FastMCP("shop", **settings)

    @server.tool
    async def hello(user: with_fastmcp.OptionalUser) -> dict[str, str]:
        return {"to": name_of(user)}

    @server.tool
    async def refund(user: with_fastmcp.CurrentUser) -> dict[str, str]:
        return {"to": name_of(user)}

    return server


def fastmcp(new_guard: NewGuard) -> Any:
    """A FastMCP server behind ``protect``."""
    return with_fastmcp.protect(_fastmcp(), new_guard(Policy(base=BASE, rules=RULES)))


def fastmcp_auth(new_guard: NewGuard) -> Any:
    """A FastMCP server with a guard as its auth provider."""
    guard = new_guard(Policy(base=BASE, rules=RULES))
    return _fastmcp(auth=with_fastmcp.GuardAuth(guard)).http_app()


def declared_fastmcp(new_guard: NewGuard) -> Any:
    """A FastMCP server whose tools declare their rules, one as an auth check."""
    server: FastMCP[Any] = FastMCP("shop")

    @server.tool(auth=with_fastmcp.requires(public=True))
    async def hello(user: with_fastmcp.OptionalUser) -> dict[str, str]:
        return {"to": name_of(user)}

    @server.tool
    @with_fastmcp.requires(scopes={"shop:refund"})
    async def refund(user: with_fastmcp.CurrentUser) -> dict[str, str]:
        return {"to": name_of(user)}

    return with_fastmcp.protect(server, new_guard(Policy(base=BASE)))


class AnyServer:
    """An application that knows nothing of a guard; ``ran`` is what it was asked for."""

    def __init__(self, *names: str, stream: bool = False) -> None:
        self.names = names
        self.stream = stream
        self.ran: list[tuple[str, str | None]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        message = json.loads((await receive())["body"] or b"{}")
        params = message.get("params") or {}
        self.ran.append((message.get("method"), params.get("name") or params.get("uri")))
        tools = [{"name": name, "inputSchema": {"type": "object"}} for name in self.names]
        found: dict[str, Any] = {
            "tools/list": {"tools": tools},
            "prompts/list": {"prompts": [{"name": name} for name in self.names]},
            "resources/list": {"resources": [{"uri": f"shop://{name}"} for name in self.names]},
        }
        identity: Identity | None = scope["doorward.identity"]
        result = found.get(message.get("method"), {"structuredContent": {"to": name_of(identity)}})
        body = json.dumps({"jsonrpc": "2.0", "id": message.get("id"), "result": result}).encode()
        kind = b"application/json"
        if self.stream:
            kind, body = b"text/event-stream", b": ping\n\nid: 1\ndata: " + body + b"\n\n"
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]}
        )
        await send({"type": "http.response.body", "body": body})


def any_server(new_guard: NewGuard) -> Any:
    """An application that answers as JSON."""
    return new_guard(Policy(base=BASE, rules=RULES)).protect(AnyServer("hello", "refund"))


def any_stream(new_guard: NewGuard) -> Any:
    """An application that answers with streams."""
    app = AnyServer("hello", "refund", stream=True)
    return new_guard(Policy(base=BASE, rules=RULES)).protect(app)


BUILDS: dict[str, Callable[[NewGuard], Any]] = {
    "own": own,
    "sdk": sdk,
    "declared sdk": declared_sdk,
    "fastmcp": fastmcp,
    "fastmcp auth": fastmcp_auth,
    "declared fastmcp": declared_fastmcp,
    "any server": any_server,
    "any stream": any_stream,
}
