"""A guard for tokens that only their issuer can read, and for API keys and services beside them.

Run it with ``uvicorn examples.opaque_tokens:app --port 8000``.
"""

import os
from pathlib import Path

from fastapi import FastAPI

from doorward import Guard, Identity, McpServer, Policy, Rule
from doorward.tokens import Introspection

server = McpServer("orders", version="1.0")


@server.tool(scopes={"orders:read"})
async def orders_of_today(caller: Identity) -> list[str]:
    """List the orders of today, for people, services and API keys alike."""
    return [f"an order, shown to {caller.kind} {caller.subject}"]


@server.tool(scopes={"orders:refund"}, kinds={"person"})
async def refund(order: str, amount: float) -> str:
    """Refund an order. A person must answer for it."""
    return f"refunded {amount:.2f} on {order}"


guard = Guard(
    resource=os.environ.get("RESOURCE", "http://localhost:8000/mcp"),
    issuer=os.environ.get("ISSUER", "https://login.example.com"),
    # This server is a client of the issuer, and looks up each new token there.
    introspection=Introspection(
        client_id=os.environ.get("CLIENT_ID", "orders-server"),
        client_secret=os.environ.get("CLIENT_SECRET", "not-a-secret-yet"),
        # Answers are cached for so many seconds. A revoked token is accepted until then.
        cache_ttl=30.0,
    ),
    # Written by `doorward api-key create`. Only hashes are in it.
    api_keys=Path(os.environ.get("API_KEYS", "keys.json")),
    policy=Policy(base=Rule(), rules=server.rules),
)
app = guard.protect(server.in_front_of(FastAPI()))
