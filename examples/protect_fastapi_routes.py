"""Plain routes of a FastAPI application beside its MCP endpoint, with the same guard for both.

Save it as ``protect_fastapi_routes.py`` and run ``uvicorn protect_fastapi_routes:app --port 8000``.
"""

import os
from typing import Annotated

from fastapi import Depends, FastAPI

from doorward import Guard, Identity, McpServer, Policy, Rule
from doorward.integrations.fastapi import signed_in

server = McpServer("orders", version="1.0")


@server.tool(scopes={"orders:read"})
async def my_orders(user: Identity) -> list[str]:
    """List the orders of whoever is asking."""
    return [f"an order of {user.subject}"]


guard = Guard(
    resource=os.environ.get("RESOURCE", "http://localhost:8000/mcp"),
    issuer=os.environ.get("ISSUER", "http://localhost:9000"),
    # Its provider, such as "keycloak", if it is one of those that ``doorward idp table`` lists.
    idp=os.environ.get("IDP"),
    policy=Policy(base=Rule(scopes={"orders:read"}), rules=server.rules),
    # Every other path goes to the application, which judges each of its routes itself.
    serve_other_paths=True,
)
web = FastAPI()
Manager = Annotated[
    Identity, Depends(signed_in(guard, scopes={"orders:refund"}, roles={"manager"}))
]


@web.post("/refunds/{order}")
async def refund(order: str, manager: Manager) -> dict[str, str]:
    """Refund an order. Managers only."""
    return {"refunded": order, "by": manager.subject}


@web.get("/health")
async def health() -> str:
    """Say that the server runs, to anybody."""
    return "well"


app = guard.protect(server.in_front_of(web))
