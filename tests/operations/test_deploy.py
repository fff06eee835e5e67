"""The files in ``deploy/`` pass the checks of the programs that read them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from release.installation import find_uv

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy" / "systemd" / "doorward.service"
CONTAINER = ROOT / "deploy" / "Containerfile"


@pytest.mark.needs("systemd")
def test_systemd_accepts_the_unit_and_finds_little_exposed() -> None:
    verified = subprocess.run(
        ["systemd-analyze", "verify", str(UNIT)], capture_output=True, text=True, check=False
    )
    exposed = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=20", str(UNIT)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (verified.returncode, verified.stderr) == (0, "")
    # The threshold is in tenths: 2.0 of 10.
    assert exposed.returncode == 0, exposed.stdout


def test_the_unit_has_an_account_of_its_own_and_reloads_as_the_command_expects() -> None:
    settings = UNIT.read_text("utf-8").splitlines()

    for line in (
        "DynamicUser=yes",
        "NoNewPrivileges=yes",
        "StateDirectoryMode=0700",
        "CapabilityBoundingSet=",
        "ExecReload=/bin/kill -HUP $MAINPID",
    ):
        assert line in settings


def test_the_linter_finds_nothing_in_the_container_file() -> None:
    linted = subprocess.run(
        [Path(sys.executable).parent / "hadolint", str(CONTAINER)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (linted.returncode, linted.stdout) == (0, "")


def test_a_container_runs_without_root() -> None:
    lines = CONTAINER.read_text("utf-8").splitlines()
    (user,) = (line for line in lines if line.startswith("USER "))

    assert user == "USER 10001:10001"
    # What follows runs as that account.
    assert not [line for line in lines[lines.index(user) :] if line.startswith(("RUN", "COPY"))]


@pytest.mark.slow
@pytest.mark.needs("uv")
def test_the_steps_of_the_image_install_the_command_from_the_lock(tmp_path: Path) -> None:
    """No registry of images is asked: the same files and the same command, in a folder."""
    lines = CONTAINER.read_text("utf-8").splitlines()
    for line in lines:
        if line.startswith("COPY ") and "--from" not in line:
            *sources, target = line.split()[1:]
            for source in sources:
                _copy(ROOT / source, tmp_path / target)
    (install,) = (line for line in lines if " sync " in line)
    environment = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(tmp_path / "venv")}
    words = install.removeprefix("RUN /opt/uv/bin/uv ").split()
    subprocess.run([str(find_uv()), *words, "--quiet"], cwd=tmp_path, env=environment, check=True)
    said = subprocess.run(
        [tmp_path / "venv" / "bin" / "doorward", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout.startswith("doorward ")


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        return
    folder = target if target.name != source.name else target.parent
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, folder / source.name)
