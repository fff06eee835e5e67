"""A FastAPI application with an MCP server in it, protected by your identity provider.

Run it with ``uvicorn examples.protect_fastapi:app --port 8000 --lifespan on``.
"""

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
web.include_router(server.router("/mcp"))

guard = Guard(
    resource="http://localhost:8000/mcp",  # what clients type, and what tokens must be for
    issuer="http://localhost:9000",  # who signs people in, as it names itself
    policy=Policy(base=Rule(scopes={"mcp:read"}), rules=server.rules),
)
app = guard.protect(web)
