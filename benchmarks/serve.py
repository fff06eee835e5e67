"""Runs one contender: ``python -m benchmarks.serve NAME FILE-DESCRIPTOR KEYS-URL CORE``."""

import socket
import sys

import uvicorn

from benchmarks.machine import pin
from benchmarks.servers import BY_NAME


def main(name: str, descriptor: str, keys_url: str, core: str) -> None:
    """Serve until told to stop, in the same uvicorn setting for every contender."""
    pin(int(core) if core else None)
    config = uvicorn.Config(
        BY_NAME[name].build(keys_url),
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
    )
    listening = socket.socket(fileno=int(descriptor))
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main(*sys.argv[1:])
