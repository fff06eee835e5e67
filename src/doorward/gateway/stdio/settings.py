"""How a stdio server is started, and what it may use."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from doorward.errors import ConfigurationError

MEBIBYTE = 1024 * 1024
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What programs need to start and to find their caches. Everything else could be a secret.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SYSTEMROOT")
# The gateway finds a process by this variable, even if it has left its process group.
MARK = "DOORWARD_STDIO_PROCESS"
SUBJECT, ISSUER = "DOORWARD_SUBJECT", "DOORWARD_ISSUER"


@dataclass(frozen=True, kw_only=True)
class StdioLimits:
    """
    What the processes of one stdio server may use.

    ``processes`` and ``processes_per_user`` count processes that run. A process without a request
    for ``idle`` seconds is stopped. ``start`` is how many seconds it has to answer ``initialize``,
    and ``request`` how many for any other request without a sign of progress. ``message`` is in
    bytes. ``memory`` is the address space of each process in bytes, ``None`` for no limit.

    Raises:
        ConfigurationError: ``stdio-limit``.
    """

    processes: int = 50
    processes_per_user: int = 4
    idle: float = 300.0
    start: float = 30.0
    request: float = 300.0
    message: int = 16 * MEBIBYTE
    memory: int | None = None

    def __post_init__(self) -> None:
        for name in ("processes", "processes_per_user", "idle", "start", "request", "message"):
            if getattr(self, name) <= 0:
                raise _limit(name, "is not above 0", "Set it to a number above 0.")
        if self.memory is not None and sys.platform != "linux":
            raise _limit("memory", "works on Linux only", "Remove it on this system.")


@dataclass(frozen=True, kw_only=True)
class StdioCommand:
    """
    The command of a stdio server: a program and its arguments, without a shell.

    Each user has a process of their own. With ``shared``, one process serves all users: declare it
    only for a server that does not depend on its caller and keeps nothing of one call for another.
    The process gets the variables of ``environment``, those that ``inherit`` names, and of this
    process's others only ``PATH``, ``HOME``, the language, the time zone and ``TMPDIR``. A process
    of one user finds the user in ``DOORWARD_SUBJECT`` and ``DOORWARD_ISSUER``.

    Raises:
        ConfigurationError: ``stdio-command``, ``stdio-environment``.
    """

    command: tuple[str, ...]
    directory: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    inherit: tuple[str, ...] = ()
    shared: bool = False
    limits: StdioLimits = field(default_factory=StdioLimits)

    def __post_init__(self) -> None:
        if not self.command or not self.command[0] or any("\0" in one for one in self.command):
            raise ConfigurationError(
                "stdio-command",
                "The command of a stdio server is empty, or has a NUL character.",
                'Write it as a list of the program and its arguments: ["uvx", "mcp-server-git"].',
            )
        for name in (*self.environment, *self.inherit):
            if not _VARIABLE.fullmatch(name) or name in (MARK, SUBJECT, ISSUER):
                raise ConfigurationError(
                    "stdio-environment",
                    f"{name[:64]!r} cannot be an environment variable of a stdio server.",
                    "Use letters, digits and underscores. DOORWARD_ names are the gateway's.",
                )

    @property
    def name(self) -> str:
        """The program's name without its folder, for logs and messages."""
        return Path(self.command[0]).name


def _limit(name: str, problem: str, hint: str) -> ConfigurationError:
    return ConfigurationError("stdio-limit", f"The limit {name} {problem}.", hint)
