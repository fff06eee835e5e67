"""A server of the official SDK that signs people in at Google, GitHub, Entra, Okta, Auth0 or Keycloak.

Register ``http://localhost:8000/callback/PROVIDER`` as redirect URI at the provider. Then run it with
what the provider gives you:
``PROVIDER=google CLIENT_ID=… CLIENT_SECRET=… ALLOWED=example.com uvicorn sign_in_official_sdk:app --port 8000``.
Set ``PROVIDER_ISSUER`` as well for Entra, Okta, Auth0 and Keycloak, where each customer has an issuer.
"""

import os

from mcp.server.mcpserver import MCPServer

from doorward import Allow, GuardWithSignIn, Policy, Rule
from doorward.integrations.mcp_sdk import CurrentUser, protect, requires

PROVIDER = os.environ.get("PROVIDER", "google")
ALLOWED = os.environ["ALLOWED"]
# What each of them can vouch for. Keep the line of your provider.
ALLOW = {
    "google": Allow(domains={ALLOWED}),  # a Workspace domain
    "github": Allow(organizations={ALLOWED}),  # an organization
    "entra": Allow(organizations={ALLOWED}),  # a tenant id
    "okta": Allow(groups={ALLOWED}),  # a group
    "auth0": Allow(organizations={ALLOWED}),  # an organization id, org_…
    "keycloak": Allow(domains={ALLOWED}),  # the domain of a verified e-mail address
}

server = MCPServer("orders")


@server.tool()
@requires(scopes={"orders:read"})
async def my_orders(user: CurrentUser) -> list[str]:
    """List the orders of whoever is asking."""
    return [f"an order of {user.name}"]


guard = GuardWithSignIn(
    PROVIDER,
    provider_issuer=os.environ.get("PROVIDER_ISSUER"),
    client_id=os.environ["CLIENT_ID"],
    client_secret=os.environ["CLIENT_SECRET"],
    public_url=os.environ.get("PUBLIC_URL", "http://localhost:8000/mcp"),
    allow=ALLOW[PROVIDER],
    policy=Policy(base=Rule(scopes={"orders:read"})),
    scopes={"orders:read": "See your orders"},
    data=os.environ.get("DATA", "doorward-data"),
)
app = protect(server, guard)
