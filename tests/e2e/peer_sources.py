"""The sources that our peers publish: their examples and test servers are in no wheel."""

import fcntl
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".cache" / "peers"


def source_of(name: str) -> Path:
    """
    Return the folder with the source distribution of ``name``, in the version that is locked.

    It is fetched once, from wherever packages are fetched on this machine, and only the archive
    with the hash in the lock is unpacked.
    """
    package = _locked(name)
    folder = KEPT / f"{name}-{package['version']}"
    KEPT.mkdir(parents=True, exist_ok=True)
    # Two test processes may want it at the same time.
    with (KEPT / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _fetch(name, package["version"], package["sdist"]["hash"])
    return folder


def _locked(name: str) -> dict[str, Any]:
    packages: list[dict[str, Any]] = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    return next(package for package in packages if package["name"] == name)


def _fetch(name: str, version: str, digest: str) -> None:
    wanted = KEPT / f"{name}.txt"
    wanted.write_text(f"{name}=={version} --hash={digest}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-binary", name, "--dest", str(KEPT), "--requirement", str(wanted)]
    subprocess.run([*pip, *options], check=True, timeout=110)
    (archive,) = KEPT.glob(f"{name}-{version}.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(KEPT, filter="data")
    archive.unlink()
