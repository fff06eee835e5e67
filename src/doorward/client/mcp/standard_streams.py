"""Stdin and stdout as a stdio MCP server uses them."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio.to_thread

from doorward.client.mcp.messages import LARGEST_ANSWER

Send = Callable[[bytes], Awaitable[None]]


@asynccontextmanager
async def standard_streams() -> AsyncIterator[tuple[AsyncIterator[bytes], Send]]:
    """
    Yield the lines of stdin, and what writes a line to stdout.

    Spec: MCP 2026-07-28 stdio
    """
    turn = asyncio.Lock()

    def write(line: bytes) -> None:
        sys.stdout.buffer.write(line.replace(b"\n", b"") + b"\n")
        sys.stdout.buffer.flush()

    async def send(line: bytes) -> None:
        async with turn:
            await anyio.to_thread.run_sync(write, line)

    async def lines() -> AsyncIterator[bytes]:
        while line := await anyio.to_thread.run_sync(
            sys.stdin.buffer.readline, LARGEST_ANSWER, abandon_on_cancel=True
        ):
            yield line

    yield lines(), send
