"""What users install: the wheel, in an environment that nothing of the development set-up reaches."""

import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

ROOT = Path(__file__).parent.parent
_UV = ROOT / ".tools" / "uv" / "bin" / "uv"


class InstallFailed(Exception):
    """A command failed; the text is what it said."""


def clean_environment() -> dict[str, str]:
    """Return the variables of this process without those that lead to the development set-up."""
    hidden = ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")
    return {name: value for name, value in os.environ.items() if name not in hidden}


def run_outside(*command: str | Path, cwd: Path) -> str:
    """
    Return what a command prints.

    Raises:
        InstallFailed: it ended with another status than 0.
    """
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=clean_environment(),
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


def install_wheel(room: Path, extras: Collection[str] = ()) -> Path:
    """
    Build the wheel, install it in ``room`` with ``extras``, and return the folder of its commands.

    Dependencies have the versions of the lock file.

    Raises:
        InstallFailed: the wheel cannot be built or installed.
    """
    uv = _UV if _UV.exists() else ROOT / ".tools" / "uv" / "uv"
    run_outside(uv, "build", "--wheel", "--out-dir", room / "dist", ROOT, cwd=ROOT)
    (wheel,) = (room / "dist").glob("doorward-*.whl")
    run_outside(uv, "venv", "--quiet", "--python", sys.executable, room / "venv", cwd=room)
    locked = run_outside(
        uv, "export", "--frozen", "--quiet", "--no-dev", "--all-extras", "--no-emit-project",
        "--no-hashes", "--package", "doorward", cwd=ROOT,
    )  # fmt: skip
    (room / "locked.txt").write_text(locked)
    wanted = f"{wheel}[{','.join(extras)}]" if extras else str(wheel)
    binaries = room / "venv" / "bin"
    run_outside(
        uv, "pip", "install", "--quiet", "--python", binaries / "python",
        "--constraint", room / "locked.txt", wanted, cwd=room,
    )  # fmt: skip
    return binaries
