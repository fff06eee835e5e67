"""A server of the official SDK, protected by your identity provider.

Save it as ``protect_official_sdk.py`` and run ``uvicorn protect_official_sdk:app --port 8000``.
"""

import os

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
app = protect(server, guard)
