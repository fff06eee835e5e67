"""Stdin and stdout as a stdio MCP server uses them."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio.to_thread

from doorward.client.mcp.messages import MAX_RESPONSE

Send = Callable[[bytes], Awaitable[None]]

TOO_LONG = b"too long"
"""What is yielded in place of a line that is too long; it is no message."""


@asynccontextmanager
async def standard_streams() -> AsyncIterator[tuple[AsyncIterator[bytes], Send]]:
    """
    Yield the lines of stdin, and what writes a line to stdout.

    In place of a line of more than ``MAX_RESPONSE`` octets comes ``TOO_LONG``.

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
            # The rest is no line of its own: whoever writes an argument of one call could place
            # another call there, which nobody agreed to.
            while (rest := await read()) and not rest.endswith(b"\n"):
                pass
            yield TOO_LONG

    yield lines(), send
