"""Serves a configuration file: from its start, over reloads, to the signal that ends it."""

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import Any

from doorward.config.load import load
from doorward.config.service.events import EventLog
from doorward.config.service.operations import ServiceOperations
from doorward.config.service.running import RunningConfiguration, Service
from doorward.config.settings import Configuration
from doorward.errors import DoorwardError
from doorward.operations.json_logs import json_logs
from doorward.serving import listen, serve, serving_beside

Note = Callable[[str], None]
AfterStart = Callable[[Service], Coroutine[Any, Any, None]]


async def serve_file(path: Path, note: Note, after_start: AfterStart | None = None) -> None:
    """
    Serve the configuration file at ``path`` until SIGINT or SIGTERM.

    On SIGHUP, the file is read again and checked. Then it answers new requests; a file with an error
    changes nothing. ``note`` gets a sentence for the operator, standard output one line of JSON for
    each event. ``after_start`` runs beside the requests if the file sets ``check_public``.

    Raises:
        ConfigurationError: nothing is listening then.
        StoreUnavailable: the database cannot be reached.
        StartFailed: the same with JSON logs, where the error is logged.
    """
    with _hangups() as hangups:
        configuration = load(path)
        with ExitStack() as stack:
            operations = ServiceOperations(configuration)
            if operations.events.is_json:
                stack.enter_context(json_logs(operations.events.log))
                stack.enter_context(_logged(operations.events))
                note = _silent
            sockets = _Sockets.opened(configuration, stack)
            running = RunningConfiguration(configuration, operations=operations)
            await running.start()
            service = Service(running)
            watched = operations.running(service.samples, service.readiness)
            stack.enter_context(watched)
            await _serve(service, sockets, hangups, path, note, after_start)


class StartFailed(Exception):
    """The command cannot serve, and the log says why: ``error`` is for its exit status."""

    def __init__(self, error: DoorwardError) -> None:
        super().__init__(str(error))
        self.error = error


@contextmanager
def _logged(log: EventLog) -> Iterator[None]:
    """Log the error that ends the command: printed, it would be a line that does not parse."""
    try:
        yield
    except DoorwardError as error:
        reason = getattr(error, "reason", error.code)
        log.line("start.failed", time.time(), reason=reason, problem=str(error))
        raise StartFailed(error) from None


@dataclass(frozen=True)
class _Sockets:
    """The listening sockets: of the service, and of what operators watch."""

    service: list[socket]
    operations: list[socket]

    @classmethod
    def opened(cls, configuration: Configuration, stack: ExitStack) -> "_Sockets":
        """Return the sockets, which ``stack`` closes."""
        host, port = configuration.listen
        service = listen(port, host, setting="listen")
        stack.callback(_close, service)
        operations: list[socket] = []
        if configuration.operations.listen is not None:
            host, port = configuration.operations.listen
            operations = listen(port, host, setting="operations.listen")
            stack.callback(_close, operations)
        return cls(service, operations)


def _close(sockets: list[socket]) -> None:
    for one in sockets:
        one.close()


def _silent(_text: str) -> None:
    """Print nothing: with JSON logs, sentences for people would be lines that do not parse."""


async def _serve(
    service: Service,
    sockets: _Sockets,
    hangups: asyncio.Event,
    path: Path,
    note: Note,
    after_start: AfterStart | None,
) -> None:
    configuration = service.current.configuration
    beside_requests = [asyncio.create_task(_reload_whenever(hangups, service, path, note))]
    try:
        async with AsyncExitStack() as stack:
            if sockets.operations:
                beside = serving_beside(service.endpoints, sockets.operations)
                await stack.enter_async_context(beside)
            _announce(service, sockets, note)
            if after_start is not None and configuration.operations.check_public:
                beside_requests.append(asyncio.create_task(after_start(service)))
            await serve(service, sockets.service, stop_timeout=configuration.stop_timeout)
    finally:
        for task in beside_requests:
            task.cancel()
        await asyncio.gather(*beside_requests, return_exceptions=True)
        await service.aclose()


def _address(host: str, sockets: list[socket]) -> str:
    port = sockets[0].getsockname()[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _announce(service: Service, sockets: _Sockets, note: Note) -> None:
    configuration = service.current.configuration
    own = configuration.authorization_server
    servers = configuration.mcp_servers
    facts: dict[str, Any] = {}
    if (listened := configuration.operations.listen) is not None:
        facts["operations"] = _address(listened[0], sockets.operations)
    service.operations.events.line(
        "serving",
        time.time(),
        listen=_address(configuration.listen[0], sockets.service),
        issuer=None if own is None else own.issuer,
        mcp_servers=[one.resource for one in servers],
        **facts,
    )
    if facts:
        note(f"Health, readiness and metrics are at http://{facts['operations']}.")
    if own is not None:
        note(f"The authorization server is {own.issuer}.")
        if own.database_url is None:
            note("No database_url is set: users, clients and grants are lost when this stops.")
    for one in servers:
        where = f"forwarded to {one.upstream}"
        if one.stdio is not None:
            where = f"answered by {one.stdio.name}, with a process for each user"
        note(f"{one.resource} is protected, and {where}.")
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
        service.operations.events.line(
            "reload.refused", time.time(), reason=reason, problem=str(error)
        )
        note(f"Not reloaded; the earlier configuration stays. {error}")
        return
    service.operations.events.line("reloaded", time.time(), file=str(path))
    note(f"Reloaded {path}.")
