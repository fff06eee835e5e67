"""One process of a stdio server: its lines, its log, its limits and its end."""

import asyncio
import contextlib
import os
import secrets
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from doorward.audit import escape_for_log
from doorward.gateway.stdio.refusals import StdioServerNotStarted
from doorward.gateway.stdio.settings import INHERITED, MARK, StdioCommand

_KEPT_LINES = 20
_SECONDS_TO_END = 2.0

Log = Callable[[str, str], None]


class StdioProcess:
    """
    A running process. ``log`` gets ``correlation_id``, and each line that it writes to stderr.

    The process has a group of its own and inherits no file but its three streams.
    """

    def __init__(self, process: asyncio.subprocess.Process, mark: str, log: Log) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._mark = mark
        self._stdin, self._stdout = process.stdin, process.stdout
        self.last_lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self.correlation_id = ""
        self._logging = asyncio.create_task(self._log_stderr(log))
        self._ending: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls, command: StdioCommand, log: Log, user: Mapping[str, str]
    ) -> "StdioProcess":
        """
        Start the command; ``user`` has the variables that name its user.

        Raises:
            StdioServerNotStarted: the program does not exist, or must not be run.
        """
        mark = secrets.token_hex(16)
        environment = {
            name: os.environ[name] for name in (*INHERITED, *command.inherit) if name in os.environ
        }
        environment |= {**command.environment, **user, MARK: mark}
        try:
            process = await asyncio.create_subprocess_exec(
                *command.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=environment,
                cwd=command.directory,
                limit=command.limits.message,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise StdioServerNotStarted(f"{command.name}: {reason}") from None
        _limit_memory(process.pid, command.limits.memory)
        return cls(process, mark, log)

    async def read_line(self) -> bytes | None:
        """
        Return the next line of stdout; ``None`` at the end.

        Raises:
            ValueError: the line is longer than a message may be.
        """
        return await self._stdout.readline() or None

    async def write_line(self, line: bytes) -> None:
        """Write a line to stdin. Raises: ConnectionError, the process does not read any more."""
        self._stdin.write(line + b"\n")
        await self._stdin.drain()

    @property
    def exit_status(self) -> int | None:
        """The exit status, negative for a signal; ``None`` while it runs."""
        return self._process.returncode

    async def end(self) -> None:
        """
        Return when the process and all that it started have ended.

        Closes stdin first, as MCP asks; what still runs is killed.

        Spec: MCP 2026-07-28, basic/transports/stdio, "Shutdown"
        """
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())
        await asyncio.shield(self._ending)

    async def _end(self) -> None:
        self._stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SECONDS_TO_END):
                await self._process.wait()
        if self._process.returncode is None:
            _signal_group(self._process.pid, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SECONDS_TO_END):
                    await self._process.wait()
        self.kill()
        await self._process.wait()
        self._logging.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._logging

    def kill(self) -> None:
        """Kill the process and all that it started, at once."""
        _signal_group(self._process.pid, signal.SIGKILL)
        for pid in _marked(self._mark):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)

    async def _log_stderr(self, log: Log) -> None:
        stderr = self._process.stderr
        assert stderr is not None
        while chunk := await stderr.read(65536):
            for line in chunk.decode("utf-8", "replace").splitlines():
                text = escape_for_log(line)
                self.last_lines.append(text)
                log(self.correlation_id, text)


def _signal_group(group: int, number: signal.Signals) -> None:
    # The group outlives its leader while anything is left in it.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _marked(mark: str) -> list[int]:
    """Return the processes with this mark: those that left the group to outlive it."""
    if sys.platform != "linux":
        return []
    wanted, found = f"{MARK}={mark}".encode(), []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if wanted in (folder / "environ").read_bytes():
                found.append(int(folder.name))
    return found


def _limit_memory(pid: int, memory: int | None) -> None:
    if memory is None or sys.platform != "linux":
        return
    import resource

    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_AS, (memory, memory))
