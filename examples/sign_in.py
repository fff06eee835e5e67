"""A server of the official SDK that signs people in at their identity provider, in one process.

Keep it as ``sign_in.py``. Register ``http://localhost:8000/callback/google`` as redirect URI at
Google, then run it with what Google gives you:
``CLIENT_ID=… CLIENT_SECRET=… ALLOWED_DOMAIN=example.com uvicorn sign_in:app --port 8000``.
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
    # Or the issuer of any OpenID provider; the callback is then /callback/sso.
    os.environ.get("PROVIDER", "google"),
    client_id=os.environ["CLIENT_ID"],
    client_secret=os.environ["CLIENT_SECRET"],
    public_url=os.environ.get("PUBLIC_URL", "http://localhost:8000/mcp"),
    allow=Allow(domains={os.environ["ALLOWED_DOMAIN"]}),
    policy=Policy(base=Rule(scopes={"orders:read"})),
    scopes={"orders:read": "See your orders"},
    data=os.environ.get("DATA", "doorward-data"),
)
app = protect(server, guard)
