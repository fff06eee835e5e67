"""Running the tutorial's own test scripts, against the steps or against a broken copy of one."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.processes import free_port
from tests.tutorial.places import STEPS_FOLDER


def run_script(
    step: int,
    *,
    source: Path | None = None,
    uv: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """
    Run ``test_stepN.sh`` on a free port and return what became of it.

    ``source`` is a folder with another ``mcp_http`` in it. With ``uv``, the steps are started as the
    tutorial says, and else by this interpreter. ``environment`` adds to what the script sees.
    """
    env = {**os.environ, "PORT": str(free_port()), "SOURCE": str(source or "")}
    env |= environment or {}
    if uv is None:
        env["PYTHON"] = sys.executable
    else:
        # What is installed is what is tested; nothing is to be installed while tests run.
        env |= {"PATH": f"{uv.parent}:{env['PATH']}", "UV_NO_SYNC": "1", "UV_FROZEN": "1"}
        env.pop("PYTHON", None)
    with subprocess.Popen(
        ["bash", STEPS_FOLDER / f"test_step{step}.sh"],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Its own group, so that nothing it started outlives a script that hangs.
        start_new_session=True,
    ) as script:
        try:
            out, err = script.communicate(timeout=100)
        except subprocess.TimeoutExpired:
            os.killpg(script.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(script.args, script.returncode, out, err)
