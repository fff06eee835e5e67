"""What the figures were taken on, and which core does what."""

import os
import platform
import sys
import time
from functools import cache
from importlib.metadata import version
from pathlib import Path

import psutil

MEASURED = (
    "doorward",
    "mcp",
    "fastmcp",
    "pyjwt",
    "joserfc",
    "cryptography",
    "msgspec",
    "uvicorn",
    "uvloop",
    "httptools",
)


@cache
def cores() -> tuple[int | None, int | None]:
    """
    Return the core for servers and the core for the load, or no cores where one is all.

    Found once: whoever is pinned already would see one core alone, and put everything on it.
    """
    if not hasattr(os, "sched_getaffinity"):
        return (None, None)
    mine = sorted(os.sched_getaffinity(0))
    return (mine[0], mine[1]) if len(mine) > 1 else (None, None)


def pin(core: int | None) -> None:
    """Keep this process on ``core``."""
    if core is not None:
        os.sched_setaffinity(0, {core})


def cpu_seconds(process: psutil.Process) -> float:
    """Return the user and system seconds that a process has used."""
    if sys.platform == "linux":
        # clock_getcpuclockid(3), which Python has for threads alone: precise to the nanosecond, where
        # /proc has ticks of 10 ms.
        return time.clock_gettime(~process.pid << 3 | 2)
    times = process.cpu_times()
    return float(times.user + times.system)


def processor() -> str:
    """Return the processor's own name for itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def description() -> str:
    """Return one sentence about the machine."""
    return (
        f"{processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"{platform.python_implementation()} {platform.python_version()}"
    )


def versions() -> str:
    """Return one line with the version of everything that was measured."""
    return ", ".join(f"{name} {version(name)}" for name in MEASURED)
