"""The workflows of the repository, judged by the linters for them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from release.installation import ROOT

ZIZMOR = Path(sys.executable).parent / "zizmor"
ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
# Anybody who opens a pull request chooses its title, which runs as a command here.
INJECTED = """\
on: pull_request_target
jobs:
  greet:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v7
      - run: echo ${{ github.event.pull_request.title }}
"""


def zizmor(*paths: Path) -> subprocess.CompletedProcess[str]:
    """Audit workflows for what an attacker could use."""
    command = [
        str(ZIZMOR),
        "--offline",
        "--quiet",
        "--persona",
        "pedantic",
        "--format",
        "json",
        *map(str, paths),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def actionlint(*paths: Path) -> subprocess.CompletedProcess[str]:
    """Check workflows for what the forge would refuse or misread."""
    command = ["go", "run", ACTIONLINT, "-no-color", *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_an_audit_finds_nothing_in_the_workflows() -> None:
    audited = zizmor(ROOT / ".github")

    assert (audited.returncode, json.loads(audited.stdout)) == (0, [])


def test_an_audit_finds_a_title_that_runs_as_a_command(tmp_path: Path) -> None:
    workflow = tmp_path / ".github" / "workflows" / "greet.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text(INJECTED)

    found = {one["ident"] for one in json.loads(zizmor(workflow).stdout)}

    assert {"template-injection", "unpinned-uses"} <= found


@pytest.mark.e2e
@pytest.mark.needs("go")
def test_the_forge_can_read_the_workflows(tmp_path: Path) -> None:
    misspelt = tmp_path / "misspelt.yml"
    misspelt.write_text(INJECTED.replace("github.event", "githb.event"))

    linted, refused = actionlint(*WORKFLOWS), actionlint(misspelt)

    assert (linted.returncode, linted.stdout) == (0, "")
    assert 'undefined variable "githb"' in refused.stdout


def test_every_check_of_a_change_is_one_that_make_runs() -> None:
    """What the forge runs, a developer can run: no check lives in a workflow alone."""
    runs = {
        line.partition("run: ")[2]
        for path in WORKFLOWS
        for line in path.read_text("utf-8").splitlines()
        if "run: " in line and not line.lstrip().startswith("#")
    }
    others = {command for command in runs if not command.startswith("make ")}

    assert others == {
        'sudo -E env "PATH=$PATH" .ci/run',
        "git diff --exit-code",
        "python -m pip install --quiet uv==0.13.9",
        "uv publish --trusted-publishing always dist/*.whl dist/*.tar.gz",
    }
