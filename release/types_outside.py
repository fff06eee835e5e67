"""Type-check programs of users against the installed package, with mypy and pyright."""

import json
import sys
from pathlib import Path

from release.installation import ROOT, InstallFailed, install, run_outside

# Two libraries, two styles of server, and the authorization server.
PROGRAMS = (
    "protect_fastapi.py",
    "authorization_server.py",
    "sign_in_fastapi.py",
    "call_downstream.py",
)
_CLIENTS = ROOT / "tests" / "clients" / "node_modules"


def check(wheel: Path, room: Path, python: str) -> None:
    """
    Check examples in strict mode, and that every public name has a complete type.

    Raises:
        InstallFailed: a type checker found something; the text is what it said.
    """
    binaries = install(wheel, room, python=python)
    folder = room / "work"
    folder.mkdir()
    for name in PROGRAMS:
        (folder / name).write_bytes((ROOT / "examples" / name).read_bytes())
    run_outside(
        sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--python-executable",
        binaries / "python", *PROGRAMS, cwd=folder,
    )  # fmt: skip
    settings = {
        "venvPath": str(room),
        "venv": "venv",
        "typeCheckingMode": "strict",
        "reportDeprecated": "none",
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    pyright(folder, "--project", "pyrightconfig.json")


def pyright(folder: Path, *arguments: str | Path) -> str:
    """Return what pyright says."""
    program = _CLIENTS / "pyright" / "index.js"
    if not program.exists():
        raise InstallFailed(
            "pyright is not installed. Run: make tests/clients/node_modules/.installed"
        )
    return run_outside(Path(sys.executable).parent / "node", program, *arguments, cwd=folder)
