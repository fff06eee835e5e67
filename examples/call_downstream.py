"""A tool that calls another API in its user's name, with a token of its own for that API.

Run it with ``uvicorn examples.call_downstream:app --port 8000``.
"""

import os

import httpx2
from fastapi import FastAPI

from doorward import Guard, Identity, McpServer, Policy, Rule
from doorward.downstream import TokenExchange

server = McpServer("orders", version="1.0")
API = os.environ.get("ORDERS_API", "https://orders.example.com")
ISSUER = os.environ.get("ISSUER", "https://login.example.com/realms/mcp")


@server.tool(scopes={"orders:read"})
async def my_orders(user: Identity) -> str:
    """List the orders of whoever is asking, as the orders API knows them."""
    token = await user.token_for("orders")
    async with httpx2.AsyncClient(base_url=API) as api:
        answer = await api.get("/orders", headers={"Authorization": f"Bearer {token}"})
    return answer.raise_for_status().text


guard = Guard(
    resource=os.environ.get("RESOURCE", "http://localhost:8000/mcp"),
    issuer=ISSUER,
    policy=Policy(base=Rule(scopes={"orders:read"}), rules=server.rules),
    # What this server has arranged with the issuer, for each API behind it.
    downstream={
        "orders": TokenExchange(
            issuer=ISSUER,
            client_id="mcp-server",
            client_secret=os.environ.get("MCP_SERVER_SECRET", "not-a-secret-yet"),
            audience="orders-api",
        )
    },
)
app = guard.protect(server.in_front_of(FastAPI()))
