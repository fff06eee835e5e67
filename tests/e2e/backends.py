"""Example servers that others publish, unmodified, as processes that speak HTTP."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.drivers import CLIENTS, NODE, ROOT
from tests.e2e.processes import free_port, started, wait_for

EVERYTHING = CLIENTS / "node_modules/@modelcontextprotocol/server-everything/dist/index.js"
GO_EVERYTHING = CLIENTS / "go" / ".cache" / "everything-server"
LONGEST = 280.0

BACKENDS = ("typescript", "go-sessions", "go-stateless", "mcp", "fastmcp")
"""The TypeScript and Go SDKs' servers, and those of the Python SDK and FastMCP."""


def _command(name: str, port: int) -> tuple[str, ...]:
    if name == "typescript":
        return (str(NODE), str(EVERYTHING), "streamableHttp")
    if name.startswith("go-"):
        stateless = str(name == "go-stateless").lower()
        return (str(GO_EVERYTHING), "-http", f"127.0.0.1:{port}", f"-stateless={stateless}")
    return (sys.executable, "-m", "tests.integrations.peer_server", name, str(port))


@contextmanager
def backend(name: str, port: int | None = None) -> Iterator[str]:
    """Run one of ``BACKENDS``, on a port of its own, until it is killed; give its URL."""
    port = port or free_port()
    environment = {**os.environ, "PORT": str(port)}
    with started(_command(name, port), cwd=ROOT, longest=LONGEST, env=environment) as process:
        wait_for(port, process)
        yield f"http://127.0.0.1:{port}/mcp"
