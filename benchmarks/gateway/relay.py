"""The least proxy that a Python programmer writes: ``python -m benchmarks.gateway.relay URL FD CORE``."""

import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from benchmarks.machine import pin


def build(url: str) -> Starlette:
    """Return an application that sends each message to ``url`` and streams the answer back."""
    limits = httpx2.Limits(max_connections=200, max_keepalive_connections=200)
    client = httpx2.AsyncClient(limits=limits, timeout=60, trust_env=False)

    async def forward(request: Request) -> StreamingResponse:
        kept = [(n, v) for n, v in request.headers.raw if n not in (b"host", b"authorization")]
        body = await request.body()
        sent = client.build_request(request.method, url, headers=kept, content=body)
        answer = await client.send(sent, stream=True)
        return StreamingResponse(
            answer.aiter_raw(), answer.status_code, dict(answer.headers), background=None
        )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await client.aclose()

    return Starlette(routes=[Route("/mcp", forward, methods=["POST"])], lifespan=lifespan)


if __name__ == "__main__":
    _, target, descriptor, core = sys.argv
    pin(int(core) if core else None)
    config = uvicorn.Config(
        build(target), loop="uvloop", http="httptools", log_level="warning", access_log=False
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(descriptor))])
