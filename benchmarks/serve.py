"""Runs one contender: ``python -m benchmarks.serve NAME LOOP FILE-DESCRIPTOR KEYS-URL CORE``."""

import asyncio
import socket
import sys
from collections.abc import Callable
from typing import cast

import uvicorn
import uvloop
from uvicorn.config import LoopFactoryType

from benchmarks.machine import pin
from benchmarks.servers import BY_NAME
from doorward.serving import new_event_loop, serve

_OUR_LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


def main(name: str, loop: str, descriptor: str, keys_url: str, core: str) -> None:
    """Serve until told to stop, in uvicorn's usual setting or as doorward's own servers are."""
    pin(int(core) if core else None)
    app = BY_NAME[name].build(keys_url)
    listening = socket.socket(fileno=int(descriptor))
    if BY_NAME[name].bare:
        with asyncio.Runner(loop_factory=_OUR_LOOPS[loop]) as runner:
            runner.run(serve(app, [listening]))
        return
    config = uvicorn.Config(
        app,
        loop=cast("LoopFactoryType", loop),
        http="httptools",
        log_level="warning",
        access_log=False,
    )
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main(*sys.argv[1:])
