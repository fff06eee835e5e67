"""An authorization server and the MCP server that trusts it, in one process.

Run it with ``ALICE_PASSWORD=… uvicorn examples.authorization_server:app --port 9000``.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from doorward import AuthorizationServer, Guard, Identity, McpServer, Policy, Rule
from doorward.authserver import AuthServerSettings, Resource

PUBLIC = os.environ.get("PUBLIC", "http://localhost:9000")
MCP = f"{PUBLIC}/mcp"

server = McpServer("whoami", version="1.0")


@server.tool(scopes={"mcp:tools"})
async def whoami(user: Identity) -> str:
    """Say who is calling."""
    return f"You are {user.subject}."


authserver = AuthorizationServer(
    AuthServerSettings(
        issuer=PUBLIC,
        resources=(Resource(uri=MCP, scopes={"mcp:tools": "Run tools in your name"}),),
    )
)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Open the store, and make sure that alice is in it."""
    await authserver.start()
    await authserver.users.add("alice", os.environ["ALICE_PASSWORD"], scopes={"mcp:tools"})
    yield
    await authserver.aclose()


web = FastAPI(lifespan=lifespan)
web.mount("/", authserver.app)

guard = Guard(
    resource=MCP,
    # Its keys are read in this process. Revoked tokens stop here within two seconds.
    issuers=[authserver.trusted_issuer(MCP)],
    policy=Policy(base=Rule(scopes={"mcp:tools"}), rules=server.rules),
    # The authorization server's pages and endpoints are beside /mcp.
    serve_other_paths=True,
)
app = guard.protect(server.in_front_of(web))
