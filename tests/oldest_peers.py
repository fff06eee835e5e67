"""Test the adapters with the oldest releases of ``mcp`` and ``fastmcp`` that the extras allow.

Run by ``make adapters-oldest``; the lock has the newest releases. FastMCP's tasks are a package of
their own, which is released later than FastMCP or not at all: their tests run here.
"""

import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from release.installation import ROOT, find_uv

PLACE = ROOT / ".tools" / "oldest-peers"
PYTHON = PLACE / "bin" / "python"
# What follows from the two: the lock has what the newest releases need.
PEERS = ("fastmcp", "mcp", "certifi")


def oldest() -> list[str]:
    """Return the two as the extras name them, each at its lower bound, with FastMCP's tasks."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    fastmcp, mcp = (extras[name][0].partition(">=")[2] for name in ("fastmcp", "mcp"))
    return [f"fastmcp[tasks]=={fastmcp}", f"mcp=={mcp}"]


def _run(*command: str | Path, **more: str) -> str:
    hidden = ("VIRTUAL_ENV", "PYTHONPATH")
    environment = {name: value for name, value in os.environ.items() if name not in hidden} | more
    said = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return said.stdout


def install(uv: str) -> None:
    """Install the project, its development tools as locked, and the oldest peers."""
    locked = _run(uv, "export", "--quiet", "--frozen", "--no-hashes", "--no-emit-project")
    kept = [line for line in locked.splitlines() if not line.startswith(PEERS)]
    _run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, PLACE)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write("\n".join(kept))
        constraints.flush()
        options = ("--quiet", "--python", PYTHON, "--constraints", constraints.name)
        _run(uv, "pip", "install", *options, "--group", "dev", "--editable", ".", *oldest())


def main() -> int:
    """Install and test; return what pytest returned."""
    uv = find_uv()
    if uv is None:
        sys.exit("uv is not installed. Run: make setup")
    install(uv)
    print(f"Testing the adapters with {' and '.join(oldest())}.", flush=True)
    # The second are FastMCP's own scenarios, of which those about tasks can be met here alone.
    quick = ("-n", "2", "-m", "not e2e", "tests/integrations", "tests/rules")
    scenarios = ("-k", "fastmcp", "-m", "e2e", "tests/integrations/test_conformance.py")
    return max(_tested(quick), _tested(scenarios))


def _tested(chosen: tuple[str, ...]) -> int:
    command = [str(PYTHON), "-m", "pytest", "-q", *chosen]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
