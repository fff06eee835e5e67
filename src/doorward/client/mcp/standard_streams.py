"""Stdin and stdout of a stdio MCP server."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio.to_thread

from doorward.client.mcp.messages import MAX_RESPONSE

Send = Callable[[bytes], Awaitable[None]]

TOO_LONG = b"too long"
"""Replaces a line that is too long; it is not a valid message."""


@asynccontextmanager
async def standard_streams() -> AsyncIterator[tuple[AsyncIterator[bytes], Send]]:
    """
    Yield the lines of stdin, and a function that writes a line to stdout.

    Replaces a line of more than ``MAX_RESPONSE`` bytes by ``TOO_LONG``.

    Spec: MCP 2026-07-28 stdio
    """
    turn = asyncio.Lock()

    def write(line: bytes) -> None:
        sys.stdout.buffer.write(line.replace(b"\n", b"") + b"\n")
        sys.stdout.buffer.flush()

    async def send(line: bytes) -> None:
        async with turn:
            await anyio.to_thread.run_sync(write, line)

    async def read() -> bytes:
        return await anyio.to_thread.run_sync(
            sys.stdin.buffer.readline, MAX_RESPONSE, abandon_on_cancel=True
        )

    async def lines() -> AsyncIterator[bytes]:
        while line := await read():
            if len(line) < MAX_RESPONSE or line.endswith(b"\n"):
                yield line
                continue
            # The rest is not a line of its own: an argument of one call could otherwise contain
            # another call, which the user did not approve.
            while (rest := await read()) and not rest.endswith(b"\n"):
                pass
            yield TOO_LONG

    yield lines(), send
