"""Step 1: a FastAPI application with one page, for this machine only.

Adds: `/health`, and one public address, which all later addresses are made from. The server listens
only on loopback: it does not check who is calling, so nobody else must be able to call.

Still suffers: a foreign web page. A page in your browser runs on this machine. It can point its own
host name at 127.0.0.1; your browser then calls this server and gives the response to the page.
Step 2 prevents this: it checks `Host` and `Origin`.
"""

import argparse
import os
import socket

import uvicorn
from fastapi import FastAPI


# The idea of this step: a list of the names that always mean this machine.
def is_this_machine(host: str) -> bool:
    """Say whether `host` can be nothing but this machine."""
    # A list of what is allowed. "127.1", "0x7f.1" and "localhost.example" are read as loopback by
    # some programs and as something else by others, and 0.0.0.0 means every network there is.
    return host.lower() in {"localhost", "127.0.0.1", "::1"}


def create_app(address: str = "http://localhost:9000") -> FastAPI:
    """Return the application; `address` is what clients type, and never read from a request."""
    web = FastAPI(title="MCP step by step: 1")

    @web.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "healthy", "step": "1", "address": address}

    return web


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on this machine, or end the process with one sentence."""
    if not is_this_machine(host):
        raise SystemExit(f"{host} lets other machines in. Leave --host out, or use 127.0.0.1.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as problem:
        raise SystemExit(
            f"Port {port} cannot be had: {os.strerror(problem.errno or 0)}. "
            "Stop the program that has it, or choose another with --port."
        ) from None


def main() -> None:
    """Serve this step: `uv run step1`."""
    parser = argparse.ArgumentParser(description="Step 1: /health, on this machine only.")
    parser.add_argument("--host", default="127.0.0.1", help="a name of this machine")
    parser.add_argument("--port", type=int, default=9000, help="the port to listen on")
    chosen = parser.parse_args()
    listening = listen(chosen.host, chosen.port)
    app = create_app(f"http://localhost:{chosen.port}")
    uvicorn.Server(uvicorn.Config(app)).run(sockets=[listening])
