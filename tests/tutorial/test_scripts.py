"""Every ``test_stepN.sh`` says that its step is as it should be."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from release.installation import find_uv
from tests.tutorial.places import STEPS_FOLDER
from tests.tutorial.scripts import run_script

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("step", range(1, 10))
def test_a_step_passes_its_own_script(step: int) -> None:
    done = run_script(step)

    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    checks = done.stdout.count("\nok: ") + done.stdout.startswith("ok: ")
    assert last == f"step {step}: {checks} checks passed"
    assert checks >= 5


@pytest.mark.needs("uv")
def test_a_step_runs_with_uv_as_the_tutorial_says() -> None:
    uv = find_uv()
    assert uv is not None

    done = run_script(5, uv=Path(uv))

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_script_whose_port_is_taken_says_so_and_does_not_test_somebody_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = subprocess.run(
            ["bash", STEPS_FOLDER / "test_step2.sh"],
            env={
                "PATH": "/usr/bin:/bin",
                "PORT": str(taken.getsockname()[1]),
                "PYTHON": sys.executable,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert done.returncode == 1
    assert "is free (stop what runs there" in done.stderr
