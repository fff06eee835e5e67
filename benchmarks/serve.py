"""Runs one contender: ``python -m benchmarks.serve NAME LOOP FILE-DESCRIPTOR KEYS-URL CORE``."""

import socket
import sys
from typing import cast

import uvicorn
from uvicorn.config import LoopFactoryType

from benchmarks.machine import pin
from benchmarks.servers import BY_NAME
from doorward.serving import Connection


def main(name: str, loop: str, descriptor: str, keys_url: str, core: str) -> None:
    """Serve until told to stop, in uvicorn's usual setting or as doorward's own servers are."""
    pin(int(core) if core else None)
    usual = not BY_NAME[name].bare
    config = uvicorn.Config(
        BY_NAME[name].build(keys_url),
        loop=cast("LoopFactoryType", loop),
        http="httptools" if usual else Connection,
        log_level="warning",
        access_log=False,
        ws="auto" if usual else "none",
        server_header=usual,
        proxy_headers=usual,
    )
    listening = socket.socket(fileno=int(descriptor))
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main(*sys.argv[1:])
