"""The official SDK's client at a protected server: signing in is one argument.

Run ``doorward demo``, then ``python examples/call_with_mcp_sdk.py``.
"""

import asyncio
import os

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from doorward.client import OAuth

SERVER = os.environ.get("SERVER", "http://localhost:9000/mcp")


async def main() -> object:
    """Call a tool as whoever signs in, and return what it gave."""
    async with (
        httpx2.AsyncClient(auth=OAuth(SERVER)) as http,
        Client(streamable_http_client(SERVER, http_client=http)) as client,
    ):
        return (await client.call_tool("add", {"a": 2, "b": 3})).structured_content


if __name__ == "__main__":
    print(asyncio.run(main()))
