"""An MCP server in a FastAPI application, protected by your identity provider.

Save it as ``protect_fastapi.py`` and run ``uvicorn protect_fastapi:app --port 8000``.
"""

import os

from fastapi import FastAPI

from doorward import Guard, Identity, McpServer, Policy, Rule

server = McpServer("orders", version="1.0")


@server.tool(scopes={"orders:read"})
async def my_orders(user: Identity) -> list[str]:
    """List the orders of whoever is asking."""
    return [f"an order of {user.subject}"]


@server.tool(scopes={"orders:refund"}, roles={"manager"})
async def refund(order: str, amount: float) -> str:
    """Refund an order. Managers only."""
    return f"refunded {amount:.2f} on {order}"


web = FastAPI()

guard = Guard(
    # What clients type, and what tokens must be for; then who signs people in, by its exact name.
    resource=os.environ.get("RESOURCE", "http://localhost:8000/mcp"),
    issuer=os.environ.get("ISSUER", "http://localhost:9000"),
    # Its provider, such as "keycloak", if it is one of those that ``doorward idp table`` lists.
    idp=os.environ.get("IDP"),
    policy=Policy(base=Rule(scopes={"orders:read"}), rules=server.rules),
)
app = guard.protect(server.in_front_of(web))
