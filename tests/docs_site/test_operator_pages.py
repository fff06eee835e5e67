"""Every shell command on the pages for operators is run, here or by the test that is named here."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from docs.making.pages import ROOT

from tests.e2e.processes import free_port
from tests.e2e.running_service import RunningService
from tests.e2e.sign_in import sign_in
from tests.e2e.test_operations import PASSWORDS, configuration

DOCS, DEPLOY = ROOT / "docs", ROOT / "deploy"
PAGES = ("operations.md", "several-machines.md", "deployment.md", "sizing.md")
# A backup is restored, and a user signs in, with these commands: tests/authserver/store/test_backup.py.
BACKUP = {"sqlite3", "pg_dump", "rm", "createdb"}
# `make test-deploy` builds and runs the image: tests/operations/test_image.py.
HERE = {
    "operations.md": {"curl", "export", "doorward audit verify audit.jsonl", "doorward grants"}
    | {"doorward audit verify audit.jsonl --head copy.head"},
    "deployment.md": {"install", "podman", "cd", "docker", "kubectl"},
    "sizing.md": {"python"},
}


def blocks(page: str) -> list[str]:
    """Return the shell commands of a page, block by block."""
    text = (DOCS / page).read_text("utf-8")
    return re.findall(r"^```bash\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def block(page: str, begins: str) -> str:
    """Return the one block that begins with these words."""
    (found,) = (one for one in blocks(page) if re.match(rf"{re.escape(begins)}(\s|$)", one))
    return found


def run(script: str, folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """Run the commands of a block, and return what they say."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        | {"NO_COLOR": "1", **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_no_page_for_operators_has_commands_that_nobody_runs() -> None:
    for page in PAGES:
        known = [*BACKUP, *HERE.get(page, ())]
        for one in blocks(page):
            first = one.splitlines()[0]
            assert any(first == name or first.startswith(f"{name} ") for name in known), one
        # In a list it would be indented, and would not be found.
        assert "  ```bash" not in (DOCS / page).read_text("utf-8")


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_the_commands_of_the_operations_page_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported, serve = block("operations.md", "export").splitlines()
    name, _, endpoint = exported.removeprefix("export ").partition("=")
    monkeypatch.setenv(name, endpoint)
    port = free_port()
    file = configuration(tmp_path, port, f"http://127.0.0.1:{port}")
    file.write_text(file.read_text().replace("[operations]", "[operations]\ntraces = true"))
    assert serve == f"doorward serve {file.name}"
    with RunningService(file, passwords=PASSWORDS) as service:
        alice = sign_in(service, "alice", "mcp:tools")
        asks = block("operations.md", "curl").replace("127.0.0.1:9100", service.where["operations"])
        ready = json.loads(run(asks, tmp_path))
        listed, ended, disabled = block("operations.md", "doorward grants").splitlines()
        before = run(listed, tmp_path)
        run(f"{ended}\n{disabled}", tmp_path)
        after = run(listed, tmp_path)
    (tmp_path / "copy.head").write_bytes((tmp_path / "audit.jsonl.head").read_bytes())
    for begins in ("", " --head copy.head"):
        run(f"doorward audit verify audit.jsonl{begins}", tmp_path)

    page = (DOCS / "operations.md").read_text("utf-8")
    shown = json.loads(re.findall(r"```json\n(\{.status.*?)\n```", page)[0])
    assert ready.keys() == shown.keys()
    assert alice.client_id in before
    assert alice.client_id not in after


@pytest.mark.needs("systemd")
def test_systemd_enables_the_unit_that_the_page_installs(tmp_path: Path) -> None:
    (tmp_path / "doorward.toml").write_text("")
    (tmp_path / "deploy").symlink_to(DEPLOY)
    units = tmp_path / "etc" / "systemd" / "system"
    units.mkdir(parents=True)
    # Nothing of this machine is changed: the same commands, for the system in a folder.
    script = block("deployment.md", "install").replace(" /etc/", f" {tmp_path}/etc/")
    offline = f'systemctl() {{ command systemctl --root={tmp_path} "${{@/--now/--quiet}}"; }}\n'
    install, reload = script.rsplit("systemctl", 1)
    run(offline + install, tmp_path)

    assert reload.split()[:2] == ["reload", "doorward"]
    assert "ExecReload=" in (units / "doorward.service").read_text("utf-8")
    assert (units / "multi-user.target.wants" / "doorward.service").is_symlink()
    assert (tmp_path / "etc" / "doorward" / "doorward.toml").stat().st_mode & 0o777 == 0o644


def called(page: str, begins: str, folder: Path, *programs: str) -> list[list[str]]:
    """Run a block without the programs that need more than this machine; return their arguments."""
    calls = folder / "calls"
    calls.touch()
    noting = "".join(f'{one}() {{ echo "{one} $*" >> {calls}; }}\n' for one in programs)
    run(noting + block(page, begins), folder)
    return [line.split() for line in calls.read_text("utf-8").splitlines()]


def test_the_image_is_run_with_the_paths_of_its_container_file(tmp_path: Path) -> None:
    build, serve = called("deployment.md", "podman", tmp_path, "podman")
    container = (DEPLOY / "Containerfile").read_text("utf-8")
    mounts = [one.split(":")[1] for at, one in enumerate(serve) if serve[at - 1] == "-v"]

    assert (ROOT / build[build.index("-f") + 1]).is_file()
    assert build[build.index("-t") + 1] == serve[-1]
    assert f"VOLUME {mounts[0]}\n" in container
    assert f'CMD ["serve", "{mounts[1]}"]' in container


def test_compose_gets_the_secrets_and_files_that_the_page_makes(tmp_path: Path) -> None:
    (tmp_path / "deploy" / "compose").mkdir(parents=True)
    services: dict[str, Any] = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
    # Only root can give files to another account.
    calls = called("deployment.md", "cd", tmp_path, "docker", "chown")
    (tmp_path / "again").mkdir()
    calls += called("deployment.md", "docker", tmp_path / "again", "docker")
    secrets = sorted((tmp_path / "deploy" / "compose" / "secrets").iterdir())

    assert [one.name for one in secrets] == ["database.password", "doorward.secret"]
    assert all(re.fullmatch("[0-9a-f]{64}\n", one.read_text()) for one in secrets)
    assert {one.stat().st_mode & 0o777 for one in secrets} == {0o440}
    named = {one["file"] for one in services["secrets"].values()}
    assert named == {f"secrets/{one.name}" for one in secrets}
    (chown,) = (one for one in calls if one[0] == "chown")
    assert chown[1] == "0:10001"
    (run_inside,) = (one for one in calls if "exec" in one)
    assert run_inside[3] in services["services"]
    given = run_inside[run_inside.index("--config") + 1]
    assert any(given in str(one) for one in services["services"]["doorward"]["volumes"])
    assert "--config" in run("doorward users add --help", tmp_path)
    files = [one for call in calls for at, one in enumerate(call) if call[at - 1] == "-f"]
    assert files == ["compose.yaml", "keycloak.yaml"]
    assert all((DEPLOY / "compose" / one).is_file() for one in files)


def test_kubernetes_gets_the_secret_that_the_example_values_name(tmp_path: Path) -> None:
    secret, install = called("deployment.md", "kubectl", tmp_path, "kubectl", "helm")
    values = yaml.safe_load((DEPLOY / "helm" / "example-values.yaml").read_text("utf-8"))
    keys = {one.split("=")[1] for one in secret if one.startswith("--from-file=")}

    assert secret[1:5] == ["create", "secret", "generic", values["existingSecret"]]
    named = re.findall(r'_file = "/run/secrets/doorward/(.*?)"', values["config"])
    assert keys == set(named)
    assert (ROOT / install[3] / "Chart.yaml").is_file()


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_the_figures_of_the_sizing_page_are_measured_by_its_command(tmp_path: Path) -> None:
    command = block("sizing.md", "python").strip()

    said = run(f"{command} --count 100", tmp_path, {"PYTHONPATH": str(ROOT)})

    for figure in ("user: ", "sign-in, ", "refresh, ", "memory at the start: "):
        assert figure in said
