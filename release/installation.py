"""What users install: an archive, in an environment that nothing of the development set-up reaches."""

import os
import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Those of the classifiers in pyproject.toml; a machine need not have all.
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


class InstallFailed(Exception):
    """A command failed; the text is what it said."""


def find_uv() -> str | None:
    """Return where uv is: the one that make brings, or one on the path."""
    brought = ROOT / ".tools" / "uv" / "bin" / "uv"
    return str(brought) if brought.exists() else shutil.which("uv")


def clean_environment() -> dict[str, str]:
    """Return the variables of this process without those that lead to the development set-up."""
    hidden = ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return kept | {"UV_PYTHON_DOWNLOADS": "never"}


def run_outside(*command: str | Path, cwd: Path, **variables: str) -> str:
    """
    Return what a command prints.

    Raises:
        InstallFailed: it ended with another status than 0.
    """
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=clean_environment() | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode != 0:
        raise InstallFailed(
            f"{command[0]} failed with {done.returncode}:\n{done.stdout}{done.stderr}"
        )
    return done.stdout


def uv(*arguments: str | Path, cwd: Path = ROOT, **variables: str) -> str:
    """
    Return what uv prints.

    Raises:
        InstallFailed: uv is missing, or ended with another status than 0.
    """
    found = find_uv()
    if found is None:
        raise InstallFailed("uv is not installed. Run: make setup")
    return run_outside(found, *arguments, cwd=cwd, **variables)


def install_wheel(room: Path, extras: Collection[str] = ()) -> Path:
    """
    Build the wheel, install it in ``room`` with ``extras``, and return the folder of its commands.

    Raises:
        InstallFailed: the wheel cannot be built or installed.
    """
    uv("build", "--wheel", "--out-dir", room / "dist", ROOT)
    (wheel,) = (room / "dist").glob("doorward-*.whl")
    return install(wheel, room, extras=extras)


def install(
    archive: Path, room: Path, *, extras: Collection[str] = (), python: str = sys.executable
) -> Path:
    """
    Install a wheel or a source distribution in ``room``, and return the folder of its commands.

    Dependencies have the versions of the lock file.

    Raises:
        InstallFailed: it cannot be installed.
    """
    room.mkdir(parents=True, exist_ok=True)
    uv("venv", "--quiet", "--python", python, room / "venv", cwd=room)
    locked = uv(
        "export", "--frozen", "--quiet", "--no-dev", "--all-extras", "--no-emit-project",
        "--no-hashes", "--package", "doorward",
    )  # fmt: skip
    (room / "locked.txt").write_text(locked)
    wanted = f"{archive}[{','.join(extras)}]" if extras else str(archive)
    binaries = room / "venv" / "bin"
    uv(
        "pip", "install", "--quiet", "--python", binaries / "python",
        "--constraint", room / "locked.txt", wanted, cwd=room,
    )  # fmt: skip
    return binaries


def pythons_here() -> dict[str, str]:
    """Return the supported Pythons of this machine: where each is, by version."""
    found = {}
    for version in PYTHONS:
        for wanted in (version, *map(str, _of_pyenv(version))):
            try:
                found[version] = uv("python", "find", "--no-project", wanted).strip()
            except InstallFailed:
                continue
            break
    return found


def _of_pyenv(version: str) -> list[Path]:
    """Return the interpreters that pyenv has: those on the path may refuse to start."""
    folder = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    return sorted(folder.glob(f"{version}.*/bin/python"), reverse=True)
