"""FastMCP's client at a protected server: signing in is one argument.

Run ``doorward demo``, then ``python examples/call_with_fastmcp.py``.
"""

import asyncio
import os

from fastmcp import Client

from doorward.client import OAuth

SERVER = os.environ.get("SERVER", "http://localhost:9000/mcp")


async def main() -> object:
    """Call a tool as whoever signs in, and return what it gave."""
    async with Client(SERVER, auth=OAuth(SERVER)) as client:
        return (await client.call_tool("add", {"a": 2, "b": 3})).structured_content


if __name__ == "__main__":
    print(asyncio.run(main()))
