"""A server of the official SDK that signs people in at their identity provider, in one process.

Run it with ``PROVIDER=google CLIENT_ID=… CLIENT_SECRET=… ALLOWED_DOMAIN=example.com
uvicorn examples.sign_in:app --port 8000``. Register ``http://localhost:8000/callback/google`` as
redirect URI at the provider. For a provider of your own, set ``PROVIDER`` to its issuer, and register
``http://localhost:8000/callback/sso``.
"""

import os

from mcp.server.mcpserver import MCPServer

from doorward import Allow, GuardWithSignIn, Policy, Rule
from doorward.integrations.mcp_sdk import CurrentUser, protect, requires

server = MCPServer("orders")


@server.tool()
@requires(scopes={"orders:read"})
async def my_orders(user: CurrentUser) -> list[str]:
    """List the orders of whoever is asking."""
    return [f"an order of {user.name}"]


guard = GuardWithSignIn(
    os.environ.get("PROVIDER", "google"),
    client_id=os.environ.get("CLIENT_ID", "your-client-id"),
    client_secret=os.environ.get("CLIENT_SECRET"),
    public_url=os.environ.get("PUBLIC_URL", "http://localhost:8000/mcp"),
    allow=Allow(domains={os.environ.get("ALLOWED_DOMAIN", "example.com")}),
    policy=Policy(base=Rule(scopes={"orders:read"})),
    scopes={"orders:read": "See your orders"},
    data=os.environ.get("DATA", "doorward-data"),
)
app = protect(server, guard)
