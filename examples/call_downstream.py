"""A tool that calls another API in its user's name, with a token of its own for that API.

The names are those of the realm that ``keycloak/start.sh`` brings.
Run it with ``uvicorn examples.call_downstream:app --port 9000``.
"""

import os

import httpx2
from fastapi import FastAPI

from doorward import Guard, Identity, McpServer, Policy, Rule
from doorward.downstream import TokenExchange

server = McpServer("orders", version="1.0")
API = os.environ.get("ORDERS_API", "https://orders.example.com")
ISSUER = os.environ.get("ISSUER", "http://localhost:8080/realms/mcp-realm")


@server.tool(scopes={"mcp:tools"})
async def my_orders(user: Identity) -> str:
    """List the orders of whoever is asking, as the orders API knows them."""
    token = await user.token_for("orders")
    async with httpx2.AsyncClient(base_url=API) as api:
        answer = await api.get("/orders", headers={"Authorization": f"Bearer {token}"})
    return answer.raise_for_status().text


guard = Guard(
    resource=os.environ.get("RESOURCE", "http://localhost:9000/mcp"),
    idp="keycloak",
    issuer=ISSUER,
    policy=Policy(base=Rule(scopes={"mcp:read"}), rules=server.rules),
    # What this server has arranged with the issuer, for each API behind it.
    downstream={
        "orders": TokenExchange(
            issuer=ISSUER,
            client_id="mcp-server",
            client_secret=os.environ.get("MCP_SERVER_SECRET", "mcp-server-secret"),
            audience="downstream-api",
        )
    },
)
app = guard.protect(server.in_front_of(FastAPI()))
