"""A tool that calls GitHub with its caller's own token. People sign in with Google.

Keep it as ``provider_tokens.py``. Register ``http://localhost:8000/callback/google`` at Google and
``http://localhost:8000/callback/github`` at GitHub, then run it with what they give you:
``CLIENT_ID=… CLIENT_SECRET=… GITHUB_ID=… GITHUB_SECRET=… ALLOWED_DOMAIN=example.com
uvicorn provider_tokens:app --port 8000``.
"""

import os

import httpx2
from mcp.server.mcpserver import MCPServer

from doorward import Allow, GuardWithSignIn, Policy, Rule
from doorward.authserver import IdentityProvider
from doorward.integrations.mcp_sdk import CurrentUser, protect, requires

server = MCPServer("repositories")
API = os.environ.get("GITHUB_API", "https://api.github.com")


@server.tool()
@requires(scopes={"repositories:read"})
async def my_repositories(user: CurrentUser) -> list[str]:
    """List the repositories of whoever is asking."""
    token = await user.token_for("github", scopes={"repo"})
    async with httpx2.AsyncClient(base_url=API) as github:
        answer = await github.get("/user/repos", headers={"Authorization": f"Bearer {token}"})
    return [repository["full_name"] for repository in answer.raise_for_status().json()]


guard = GuardWithSignIn(
    [
        IdentityProvider(
            kind="google",
            client_id=os.environ["CLIENT_ID"],
            client_secret=os.environ["CLIENT_SECRET"],
            allow=Allow(domains={os.environ["ALLOWED_DOMAIN"]}),
        ),
        # Nobody signs in here: users connect their account when a tool needs it.
        IdentityProvider(
            kind="github",
            client_id=os.environ["GITHUB_ID"],
            client_secret=os.environ["GITHUB_SECRET"],
            connect_only=True,
            provider_scopes=("repo",),
        ),
    ],
    public_url=os.environ.get("PUBLIC_URL", "http://localhost:8000/mcp"),
    policy=Policy(base=Rule(scopes={"repositories:read"})),
    scopes={"repositories:read": "See your repositories"},
    data=os.environ.get("DATA", "doorward-data"),
)
app = protect(server, guard)
