"""A server for people and for programs: tokens of your provider, and API keys of your own.

Make a key with ``doorward api-key create --file keys.json --name nightly --scopes orders:read``,
run this with ``uvicorn examples.api_keys:app --port 8000``, and send the key as
``Authorization: Bearer dw_…``.
"""

import os

from fastapi import FastAPI

from doorward import Guard, Identity, McpServer, Policy, Rule

server = McpServer("orders", version="1.0")


@server.tool(scopes={"orders:read"})
async def who_am_i(caller: Identity) -> str:
    """Say who is asking."""
    return f"{caller.kind} {caller.name}"


@server.tool(scopes={"orders:read"}, kinds={"person"})
async def approve(order: str, caller: Identity) -> str:
    """Approve an order, as somebody who can be asked about it later."""
    return f"{order} approved by {caller.subject}"


@server.tool(kinds={"service", "key"})
async def import_orders(caller: Identity) -> str:
    """Take in the orders of the night. Programs only."""
    return f"imported by {caller.name}"


guard = Guard(
    resource=os.environ.get("RESOURCE", "http://localhost:8000/mcp"),
    issuer=os.environ.get("ISSUER", "https://login.example.com"),
    # The file holds hashes alone. A key that is revoked in it is refused within a second.
    api_keys=os.environ.get("API_KEYS", "keys.json"),
    policy=Policy(base=Rule(scopes={"orders:read"}), rules=server.rules),
)
app = guard.protect(server.in_front_of(FastAPI()))
