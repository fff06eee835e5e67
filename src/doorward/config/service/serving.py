"""Serves a configuration file: from its start, over reloads, to the signal that ends it."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import socket

from doorward.config.load import load
from doorward.config.service import events
from doorward.config.service.running import RunningConfiguration, Service
from doorward.config.settings import Configuration
from doorward.errors import DoorwardError
from doorward.serving import listen, serve

Note = Callable[[str], None]


async def serve_file(path: Path, note: Note) -> None:
    """
    Serve the configuration file at ``path`` until SIGINT or SIGTERM.

    On SIGHUP, the file is read again and checked. Then it answers new requests; a file with an error
    changes nothing. ``note`` gets a sentence for the operator, standard output one line of JSON for
    each event.

    Raises:
        ConfigurationError: nothing is listening then.
        StoreUnavailable: the database cannot be reached.
    """
    with _hangups() as hangups:
        configuration = load(path)
        host, port = configuration.listen
        sockets = listen(port, host, setting="listen")
        try:
            running = RunningConfiguration(configuration)
            await running.start()
            await _serve(Service(running), sockets, hangups, path, note)
        finally:
            for one in sockets:
                one.close()


async def _serve(
    service: Service, sockets: list[socket], hangups: asyncio.Event, path: Path, note: Note
) -> None:
    configuration = service.current.configuration
    reloading = asyncio.create_task(_reload_whenever(hangups, service, path, note))
    try:
        _announce(configuration, sockets[0].getsockname()[1], note)
        await serve(service, sockets, stop_timeout=configuration.stop_timeout)
    finally:
        reloading.cancel()
        await asyncio.gather(reloading, return_exceptions=True)
        await service.aclose()


def _announce(configuration: Configuration, port: int, note: Note) -> None:
    host = configuration.listen[0]
    own = configuration.authorization_server
    servers = configuration.mcp_servers
    events.write_line(
        "serving",
        time.time(),
        listen=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        issuer=None if own is None else own.issuer,
        mcp_servers=[one.resource for one in servers],
    )
    if own is not None:
        note(f"The authorization server is {own.issuer}.")
        if own.database_url is None:
            note("No database_url is set: users, clients and grants are lost when this stops.")
    for one in servers:
        note(f"{one.resource} is protected, and forwarded to {one.upstream}.")
    note("Ctrl-C stops it; SIGHUP reads the file again.")


@contextmanager
def _hangups() -> Iterator[asyncio.Event]:
    """Give an event that is set by each SIGHUP, from before the start: it would end the process."""
    asked = asyncio.Event()
    if not hasattr(signal, "SIGHUP"):
        yield asked
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, asked.set)
    try:
        yield asked
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


async def _reload_whenever(asked: asyncio.Event, service: Service, path: Path, note: Note) -> None:
    while True:
        await asked.wait()
        asked.clear()
        await reload(service, path, note)


async def reload(service: Service, path: Path, note: Note) -> None:
    """Serve what the file says now; if it has an error, tell the operator and change nothing."""
    try:
        # In a thread, because reading and checking it would keep requests waiting.
        configuration = await asyncio.to_thread(load, path)
        await service.replace(configuration)
    except DoorwardError as error:
        reason = getattr(error, "reason", error.code)
        events.write_line("reload.refused", time.time(), reason=reason, problem=str(error))
        note(f"Not reloaded; the earlier configuration stays. {error}")
        return
    events.write_line("reloaded", time.time(), file=str(path))
    note(f"Reloaded {path}.")
