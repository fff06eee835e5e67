"""Test with the oldest release of each direct dependency that the project allows.

Run by ``make test-oldest``; the lock has the newest releases. FastMCP's tasks are a package of
their own, which is released later than FastMCP or not at all: their tests run here.
"""

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

from release.installation import ROOT, find_uv

PLACE = ROOT / ".tools" / "oldest-versions"
PYTHON = PLACE / "bin" / "python"
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
# Packages whose release follows from that of a direct dependency, so the locked one may not fit.
FOLLOW = (
    "certifi",
    "fastmcp-",
    "mcp-types",
    "opentelemetry-",
    "pydantic-core",
    "pydantic-settings",
)


def requirements() -> Iterator[str]:
    """Yield the direct dependencies of the project and of its extras, as it names them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    yield from project["dependencies"]
    for extra in project["optional-dependencies"].values():
        yield from extra


def name_of(requirement: str) -> str:
    """Return the name of the package that a line requires, without extras and version."""
    found = _NAME.match(requirement)
    return found[0].lower() if found else ""


def _run(*command: str | Path, **more: str) -> str:
    hidden = ("VIRTUAL_ENV", "PYTHONPATH")
    environment = {name: value for name, value in os.environ.items() if name not in hidden} | more
    said = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return said.stdout


def install(uv: str) -> None:
    """Install the project with the oldest direct dependencies, and everything else as locked."""
    direct = {name_of(one) for one in requirements()}
    locked = _run(uv, "export", "--quiet", "--frozen", "--no-hashes", "--no-emit-project")
    kept = [
        line
        for line in locked.splitlines()
        if name_of(line) not in direct and not line.startswith(FOLLOW)
    ]
    # With FastMCP's tasks, at the release that the extra allows at least.
    oldest = [re.sub(r"^fastmcp>=", "fastmcp[tasks]>=", one) for one in requirements()]
    _run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, PLACE)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write("\n".join(kept))
        constraints.flush()
        options = ("--quiet", "--python", PYTHON, "--resolution", "lowest-direct")
        limits = ("--constraints", constraints.name, "--group", "dev")
        _run(uv, "pip", "install", *options, *limits, "--editable", ".", *oldest)


def main() -> int:
    """Install and test; return what pytest returned."""
    uv = find_uv()
    if uv is None:
        sys.exit("uv is not installed. Run: make setup")
    print("installing the oldest release of each direct dependency …", flush=True)
    install(uv)
    print(_run(uv, "pip", "freeze", "--quiet", "--python", PYTHON, "--exclude-editable"))
    rooms = ("integrations", "rules", "guard", "tokens", "mcp_server", "authserver", "client")
    quick = ("-n", "2", "--fast", *(f"tests/{room}" for room in rooms))
    # The second are FastMCP's own scenarios, of which those about tasks can be met here alone.
    scenarios = ("-k", "fastmcp", "-m", "e2e", "tests/integrations/test_conformance.py")
    return max(_tested(quick), _tested(scenarios))


def _tested(chosen: tuple[str, ...]) -> int:
    command = [str(PYTHON), "-m", "pytest", "-q", *chosen]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
