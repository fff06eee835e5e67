"""A FastMCP server, protected by your identity provider.

Save it as ``protect_fastmcp.py`` and run ``python protect_fastmcp.py``.
"""

import os
from typing import Any

from fastmcp import FastMCP

from doorward import Guard, Policy, Rule
from doorward.integrations.fastmcp import CurrentUser, GuardAuth, requires

guard = Guard(
    # What clients type, and what tokens must be for; then who signs people in, by its exact name.
    resource=os.environ.get("RESOURCE", "http://localhost:8000/mcp"),
    issuer=os.environ.get("ISSUER", "http://localhost:9000"),
    # Its provider, such as "keycloak", if it is one of those that ``doorward idp table`` lists.
    idp=os.environ.get("IDP"),
    policy=Policy(base=Rule(scopes={"orders:read"})),
)
mcp: FastMCP[Any] = FastMCP("orders", auth=GuardAuth(guard))


@mcp.tool(auth=requires())
async def my_orders(user: CurrentUser) -> list[str]:
    """List the orders of whoever is asking."""
    return [f"an order of {user.subject}"]


@mcp.tool(auth=requires(scopes={"orders:refund"}, roles={"manager"}))
async def refund(order: str, amount: float) -> str:
    """Refund an order. Managers only."""
    return f"refunded {amount:.2f} on {order}"


app = mcp.http_app()

if __name__ == "__main__":
    mcp.run(transport="http", port=8000)
