"""The files in ``deploy/`` pass the checks of the programs that read them."""

import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "doorward.service"


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
