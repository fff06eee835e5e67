"""One complete flow: sign-in, tool, token exchange, next server."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from doorward import Guard, Identity, McpServer, Policy, Rule
from doorward.authserver import ConfiguredClient, ExchangePolicy, Resource
from doorward.downstream import GrantRefused, NotGranted, TokenExchange
from doorward.serving import listen
from doorward.tokens import LocalKeys, TrustedIssuer
from tests.authserver.harness import AuthServerHarness
from tests.quickstart.calling import call, result, serving

FRONT, ORDERS = "http://localhost:8000/mcp", "http://localhost:8001/mcp"
SECRET = "front-server-" + "s" * 40


@asynccontextmanager
async def issuing() -> AsyncIterator[AuthServerHarness]:
    """Serve an authorization server, at which the front server may read orders in users' names."""
    sockets = listen(0)
    issuer = f"http://localhost:{sockets[0].getsockname()[1]}"
    settings: dict[str, Any] = {
        "issuer": issuer,
        "resources": (
            Resource(uri=FRONT, scopes={"mcp:tools": "Run tools"}),
            Resource(uri=ORDERS, scopes={"orders:read": "See orders", "orders:write": "Order"}),
        ),
        "clients": (
            ConfiguredClient(client_id="front", secret=SECRET, auth_method="client_secret_basic"),
        ),
        "exchanges": (
            ExchangePolicy(
                client_id="front",
                resource=FRONT,
                target=ORDERS,
                scopes={"mcp:tools": frozenset({"orders:read"})},
            ),
        ),
    }
    async with AuthServerHarness.opened(time.time, **settings) as harness:
        await harness.add_user("alice", scopes=("mcp:tools", "orders:read", "orders:write"))
        server = uvicorn.Server(
            uvicorn.Config(harness.app, log_config=None, loop="asyncio", lifespan="off")
        )
        task = asyncio.create_task(server.serve(sockets=sockets))
        try:
            yield harness
        finally:
            server.should_exit = True
            await task


def guard_of(harness: AuthServerHarness, resource: str, server: McpServer, **more: Any) -> Guard:
    """Return a guard that trusts the authorization server."""
    issuer = TrustedIssuer(
        issuer=harness.issuer, audience=resource, keys=LocalKeys(harness.server.jwks)
    )
    policy = Policy(base=Rule(), rules=server.rules)
    return Guard(resource=resource, issuers=[issuer], policy=policy, **more)


def orders_server() -> McpServer:
    """Return the next server: it says who asks, and who asks for whom."""
    server = McpServer("orders", version="1")

    @server.tool(scopes={"orders:read"})
    async def my_orders(user: Identity) -> dict[str, Any]:
        return {"of": user.subject, "client": user.client_id, "act": user.claims.get("act")}

    @server.tool(scopes={"orders:write"})
    async def order() -> str:
        return "ordered"

    return server


async def test_a_tool_calls_the_next_server_with_an_exchanged_token() -> None:
    async with issuing() as harness:
        orders = orders_server()
        behind = guard_of(harness, ORDERS, orders).protect(orders.asgi)
        async with serving(behind, "http://localhost:8001") as next_server:
            front = McpServer("front", version="1")

            @front.tool(scopes={"mcp:tools"})
            async def my_orders(user: Identity) -> dict[str, Any]:
                token = await user.token_for("orders")
                answer: dict[str, Any] = result(await call(next_server, token, "my_orders"))
                refused = await call(next_server, token, "order")
                return {**answer, "may_order": refused.status_code == 200}

            @front.tool(scopes={"mcp:tools"})
            async def order(user: Identity) -> str:
                with pytest.raises(NotGranted) as refusal:
                    await user.token_for("orders", scopes={"orders:write"})
                return refusal.value.error

            arranged = TokenExchange(
                issuer=harness.issuer, client_id="front", client_secret=SECRET, resource=ORDERS
            )
            door = guard_of(harness, FRONT, front, downstream={"orders": arranged}).protect(
                front.asgi
            )
            client_id = (await harness.register())["client_id"]
            tokens = await harness.tokens(client_id, scope="mcp:tools")
            async with serving(door) as client:
                acted = result(await call(client, tokens.access, "my_orders"))
                refused = result(await call(client, tokens.access, "order"))
                passed_on = await call(next_server, tokens.access, "my_orders")

    alice = acted["of"]
    assert acted == {"of": alice, "client": "front", "act": {"sub": "front"}, "may_order": False}
    assert refused == {"result": "invalid_scope"}
    # The caller's own token opens nothing there: without an exchange, nobody acts.
    assert passed_on.status_code == 401


async def test_a_revoked_grant_allows_no_token_exchange() -> None:
    async with issuing() as harness:
        front = McpServer("front", version="1")

        @front.tool(scopes={"mcp:tools"})
        async def my_orders(user: Identity) -> str:
            with pytest.raises(GrantRefused) as refusal:
                await user.token_for("orders")
            return refusal.value.code

        arranged = TokenExchange(
            issuer=harness.issuer, client_id="front", client_secret=SECRET, audience=ORDERS
        )
        door = guard_of(harness, FRONT, front, downstream={"orders": arranged}).protect(front.asgi)
        client_id = (await harness.register())["client_id"]
        tokens = await harness.tokens(client_id, scope="mcp:tools")
        await harness.http.post(
            harness.url("/revoke"), data={"client_id": client_id, "token": tokens.refresh}
        )
        async with serving(door) as client:
            answer = await call(client, tokens.access, "my_orders")

    assert result(answer) == {"result": "downstream-grant-refused"}
