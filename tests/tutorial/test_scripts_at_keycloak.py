"""The scripts of steps 10 and 11 against a real Keycloak: they pass, and notice what is broken."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx2
import pytest

from tests.e2e.home import environment_of
from tests.e2e.processes import free_port
from tests.keycloak.running import PASSWORDS, RunningKeycloak
from tests.tutorial.places import SOURCES, STEPS_FOLDER
from tests.tutorial.running import Running, proxy, write_env
from tests.tutorial.scripts import run_script
from tests.tutorial.test_broken_steps import Break

pytestmark = [pytest.mark.e2e, pytest.mark.needs("keycloak"), pytest.mark.timeout(240)]


NO_BROWSER = dict.fromkeys(("BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "TERM"), "")
README = (STEPS_FOLDER / "README.md").read_text("utf-8")


def run_at(
    keycloak: RunningKeycloak,
    step: int,
    home: Path,
    *,
    url: str = "",
    source: Path | None = None,
    more: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a step's script for a server on a free port, whose provider is at ``url``."""
    port = free_port()
    keycloak.accept_audience(f"http://localhost:{port}/mcp")
    person = environment_of(home, "mcp-admin", PASSWORDS["mcp-admin"])
    environment = {
        **{name: person[name] for name in person if "BROWSER" in name},
        "PYTHONPATH": person["PYTHONPATH"],
        "PORT": str(port),
        "KEYCLOAK_URL": url or keycloak.url,
        "JWT_ISSUER": f"{url or keycloak.url}/realms/mcp-realm",
        "ENV_FILE": "keycloak_proxy.env" if url else "keycloak_direct.env",
        **(more or {}),
    }
    return run_script(step, source=source, environment=environment)


@pytest.mark.parametrize("step", [10, 11])
def test_a_step_passes_its_own_script(
    running_keycloak: RunningKeycloak, tmp_path: Path, step: int
) -> None:
    done = run_at(running_keycloak, step, tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    checks = ("\n" + done.stdout).count("\nok: ")
    assert done.stdout.splitlines()[-1] == f"step {step}: {checks} checks passed"
    assert checks >= 10


def test_both_steps_pass_their_scripts_through_the_proxy(
    running_keycloak: RunningKeycloak, tmp_path: Path
) -> None:
    with proxy(running_keycloak, tmp_path) as url:
        for step in (10, 11):
            done = run_at(running_keycloak, step, tmp_path, url=url)
            assert done.returncode == 0, done.stdout + done.stderr


BREAKS = (
    Break(
        10,
        "server.tool(scopes=TOOL, roles=MEMBERS)(tool)",
        "server.tool()(tool)",
        "who lacks a scope is told which",
    ),
    Break(10, "audience=provider.audience", 'audience="account"', "mcp-admin is known"),
    Break(
        11,
        'and challenge.get("error") != "insufficient_scope"',
        "",
        "the client comes to its prompt",
    ),
    Break(
        11,
        "keep_client(provider.issuer,",
        'keep_client("",',
        "the client is kept under its issuer's name",
    ),
)


@pytest.mark.parametrize("broken", BREAKS, ids=lambda one: f"{one.step}-{one.notices[:40]}")
def test_a_script_notices_that_its_step_is_broken(
    running_keycloak: RunningKeycloak, broken: Break, tmp_path: Path
) -> None:
    shutil.copytree(SOURCES, tmp_path / "mcp_http", ignore=shutil.ignore_patterns("__pycache__"))
    file = tmp_path / "mcp_http" / f"step{broken.step}.py"
    text = file.read_text("utf-8")
    assert text.count(broken.old) == 1
    file.write_text(text.replace(broken.old, broken.new), "utf-8")

    done = run_at(running_keycloak, broken.step, tmp_path, source=tmp_path)

    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.partition("FAILED: ")[2].startswith(broken.notices), done.stderr


def test_without_a_browser_the_script_of_step_11_fails_with_a_sentence(
    running_keycloak: RunningKeycloak, tmp_path: Path
) -> None:
    done = run_at(running_keycloak, 11, tmp_path, more=NO_BROWSER)

    assert done.returncode == 1
    assert done.stderr.startswith("FAILED: a browser opens (set BROWSER to a program")


def test_step_9_takes_the_token_of_the_line_in_the_readme(
    running_keycloak: RunningKeycloak, tmp_path: Path
) -> None:
    port = free_port()
    running_keycloak.accept_audience(f"http://localhost:{port}/mcp")
    env = write_env(
        tmp_path / "step9.env",
        KEYCLOAK_URL=running_keycloak.url,
        MCP_SERVER_URL=f"http://localhost:{port}",
    )
    line = re.search(r"^curl -X POST .*?jq -r '.access_token'$", README, re.MULTILINE | re.DOTALL)
    assert line is not None
    python = f"{shlex.quote(sys.executable)} -c"
    read = f"{python} 'import json, sys; print(json.load(sys.stdin)[\"access_token\"])'"
    command = line[0].replace("http://localhost:8080", running_keycloak.url)
    token = subprocess.check_output(
        ["bash", "-c", command.replace("jq -r '.access_token'", read)], text=True, timeout=60
    )
    (tmp_path / "keys").mkdir()
    keys = {"MCP_KEYS": str(tmp_path / "keys")}
    generate = [sys.executable, str(STEPS_FOLDER / "generate_token.py")]
    subprocess.run([*generate, "--generate-keys"], env={**os.environ, **keys}, check=True)

    with Running(
        *("step9", "--port", str(port), "--env", str(env)), cwd=tmp_path, environment=keys
    ):
        answer = httpx2.post(
            f"http://localhost:{port}/mcp",
            json={
                "jsonrpc": "2.0",
                "id": 1,
                "method": "tools/call",
                "params": {"name": "whoami", "arguments": {}},
            },
            headers={
                "accept": "application/json, text/event-stream",
                "authorization": f"Bearer {token.strip()}",
            },
            timeout=30,
        )

    assert answer.status_code == 200, answer.text
    said = json.loads(answer.json()["result"]["content"][0]["text"])
    assert "admin" in said["roles"]


def test_a_script_without_a_provider_says_what_to_start() -> None:
    done = run_script(10, environment={"JWT_ISSUER": f"http://localhost:{free_port()}/realms/x"})

    assert done.returncode == 1
    assert "start Keycloak with keycloak/start.sh" in done.stderr
