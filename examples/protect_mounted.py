"""An MCP server of the official SDK in a FastAPI application that has routes of its own.

Save it as ``protect_mounted.py`` and run ``uvicorn protect_mounted:web --port 8000``.
"""

import os

from fastapi import FastAPI
from mcp.server.mcpserver import MCPServer

from doorward import Guard, Policy, Rule
from doorward.integrations.mcp_sdk import CurrentUser, protect, requires

server = MCPServer("orders")


@server.tool()
@requires()
async def my_orders(user: CurrentUser) -> list[str]:
    """List the orders of whoever is asking."""
    return [f"an order of {user.subject}"]


@server.tool()
@requires(scopes={"orders:refund"}, roles={"manager"})
async def refund(order: str, amount: float) -> str:
    """Refund an order. Managers only."""
    return f"refunded {amount:.2f} on {order}"


guard = Guard(
    # What clients type, and what tokens must be for; then who signs people in, by its exact name.
    resource=os.environ.get("RESOURCE", "http://localhost:8000/mcp"),
    issuer=os.environ.get("ISSUER", "http://localhost:9000"),
    # Its provider, such as "keycloak", if it is one of those that ``doorward idp table`` lists.
    idp=os.environ.get("IDP"),
    policy=Policy(base=Rule(scopes={"orders:read"})),
)
web = FastAPI()


@web.get("/health")
async def health() -> str:
    """Say that the server runs, to anybody."""
    return "well"


# The last route, at "/": the application serves its own paths, and the guard every other one.
web.mount("/", protect(server, guard))
