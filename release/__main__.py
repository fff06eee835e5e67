"""Build a release, and try it as its users will: ``python -m release``.

Everything is built in ``dist``, installed in empty folders, and used. Nothing is published. The
variable ``TAG``, where there is one, must name the version.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import doorward
from release import artifacts, changelog, installation, types_outside
from release.installation import ROOT, InstallFailed
from release.trial import ADAPTERS, EXTRAS

T = TypeVar("T")


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 when everything was built and works, 1 otherwise."""
    options = _parser().parse_args(arguments)
    tag = os.environ.get("TAG")
    if tag and tag != f"v{doorward.__version__}":
        print(f"the tag is {tag}, and the version is {doorward.__version__}", file=sys.stderr)
        return 1
    try:
        changelog.require_cut(changelog.CHANGELOG.read_text("utf-8"), doorward.__version__)
    except changelog.NotCut as problem:
        print(problem, file=sys.stderr)
        return 1
    pythons = installation.pythons_here()
    if missing := [version for version in installation.PYTHONS if version not in pythons]:
        print(f"not on this machine, and not tried: Python {', '.join(missing)}", file=sys.stderr)
    try:
        built = _step("two builds of the last commit", lambda: artifacts.build(options.out))
        wheel, sdist = built[0], built[1]
        for version, python in pythons.items():
            _step(f"wheel on Python {version}", partial(_try, wheel, python))
        # A source distribution is built into the same wheel: one Python is enough.
        newest = list(pythons.values())[-1]
        _step("source distribution", lambda: _try(sdist, newest))
        for extra in (*ADAPTERS, *EXTRAS):
            if extra != "fastapi":
                _step(f"extra {extra}, alone", partial(_try, wheel, newest, extra))
        _step("types, from outside", lambda: _check_types(wheel, newest))
    except (InstallFailed, artifacts.NotReproducible) as problem:
        print(problem, file=sys.stderr)
        return 1
    for path in built:
        print(f"{artifacts.digest(path)}  {path}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m release", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="where the files go")
    return parser


def _step(name: str, work: Callable[[], T]) -> T:
    started = time.monotonic()
    print(f"{name} … ", end="", flush=True, file=sys.stderr)
    result = work()
    print(f"{time.monotonic() - started:.0f} s", file=sys.stderr)
    return result


def _try(archive: Path, python: str, extra: str = "fastapi") -> None:
    with TemporaryDirectory() as name:
        trial(archive, Path(name), python=python, extra=extra)


def _check_types(wheel: Path, python: str) -> None:
    with TemporaryDirectory() as name:
        types_outside.check(wheel, Path(name), python)


def trial(archive: Path, room: Path, *, python: str, extra: str = "fastapi") -> None:
    """
    Install an archive in an empty folder, with one extra or none, and use it.

    Raises:
        InstallFailed: it cannot be installed, or does not do what it should.
    """
    extras = [] if extra == "fastapi" else [extra]
    binaries = installation.install(archive, room, extras=extras, python=python)
    folder = room / "work"
    folder.mkdir()
    for source in (ROOT / "release" / "trial.py", *(ROOT / "examples").glob("protect_*.py")):
        (folder / source.name).write_bytes(source.read_bytes())
    installation.run_outside(binaries / "doorward", "--version", cwd=folder)
    installation.run_outside(binaries / "python", "trial.py", extra, cwd=folder)


if __name__ == "__main__":
    sys.exit(main())
