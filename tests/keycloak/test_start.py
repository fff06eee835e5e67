"""``keycloak/start.sh``: what it says, what it refuses and how it ends."""

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import psutil
import pytest

from keycloak import __main__ as command
from keycloak import distribution, instance, realm, trouble
from tests.e2e.processes import free_port
from tests.keycloak.running import PASSWORDS, RunningKeycloak

ROOT = Path(__file__).parents[2]
START = ROOT / "keycloak" / "start.sh"
SEED_LINE = (
    'curl -X POST "http://localhost:8080/realms/mcp-realm/protocol/openid-connect/token" '
    '-H "Content-Type: application/x-www-form-urlencoded" -d "grant_type=password" '
    '-d "client_id=mcp-test-client" -d "username=mcp-admin" -d "password=admin123" '
    "-d \"scope=openid profile email mcp:read mcp:tools mcp:prompts\" | jq -r '.access_token'"
)


def start(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script, which is expected to end by itself."""
    told = {**os.environ, "PYTHON": sys.executable, **environment}
    return subprocess.run([START, *words], capture_output=True, text=True, timeout=60, env=told)


def fake(folder: Path, name: str, script: str) -> str:
    """Put a program of that name into ``folder``, and return a path that finds nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return f"{folder}:/bin"


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "80 80"])
def test_what_is_no_port_is_refused_in_words(port: str) -> None:
    ended = start("--port", port)

    assert ended.returncode == 2
    assert (
        "give a number from 1 to 65535" in ended.stderr or "expected one argument" in ended.stderr
    )


def test_a_port_in_use_is_said_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = start("--port", str(port))

    assert ended.returncode == 1
    assert f"Port {port} of 127.0.0.1 cannot be used" in ended.stderr
    assert "--port" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("version", "problem"),
    [
        ('openjdk version "11.0.22" 2024-01-16', "Java 11; Keycloak needs 17"),
        ('java version "1.8.0_452"', "Java 8; Keycloak needs 17"),
        ("what?", "does not say its version"),
    ],
)
def test_a_java_that_is_too_old_is_named(tmp_path: Path, version: str, problem: str) -> None:
    fake(tmp_path / "bin", "java", f"echo '{version}' >&2")
    ended = start("--port", str(free_port()), JAVA_HOME=str(tmp_path))

    assert ended.returncode == 1
    assert problem in ended.stderr
    assert "Install JDK 17 or newer" in ended.stderr
    assert "docker run" in ended.stderr


def test_a_missing_java_is_said_with_what_to_do(tmp_path: Path) -> None:
    ended = start("--port", str(free_port()), JAVA_HOME=str(tmp_path))

    assert ended.returncode == 1
    assert "Java is not installed" in ended.stderr


@pytest.fixture
def nothing_brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Begin with an empty cache, and a Java that is new enough."""
    fake(tmp_path / "jdk" / "bin", "java", "echo 'openjdk version \"21.0.1\"' >&2")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    monkeypatch.setattr(distribution, "CACHE", tmp_path / "cache")
    monkeypatch.delenv("KEYCLOAK_ZIP", raising=False)
    return tmp_path


def problem_of(monkeypatch: pytest.MonkeyPatch, path: str) -> trouble.CannotStart:
    monkeypatch.setenv("PATH", path)
    with pytest.raises(trouble.CannotStart) as refusal:
        distribution.bring()
    return refusal.value


def test_a_missing_maven_is_said_with_the_other_way(
    nothing_brought: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = problem_of(monkeypatch, str(nothing_brought / "nowhere"))

    assert "Maven is not installed" in problem.problem
    assert "KEYCLOAK_ZIP" in problem.hint


def test_a_download_that_fails_says_why(
    nothing_brought: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = fake(nothing_brought / "mvn", "mvn", "echo '[ERROR] no such host'; exit 1")
    problem = problem_of(monkeypatch, path)

    assert "no such host" in problem.problem
    assert "network" in problem.hint


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", None])
def test_a_broken_or_missing_archive_is_never_taken_for_keycloak(
    nothing_brought: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    archive = nothing_brought / "keycloak.zip"
    if content is not None:
        archive.write_bytes(content)
    monkeypatch.setenv("KEYCLOAK_ZIP", str(archive))
    problem = problem_of(monkeypatch, "/bin")

    assert str(archive) in problem.problem
    assert not distribution.home().exists()


def test_an_archive_of_something_else_is_refused(
    nothing_brought: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = nothing_brought / "other.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("other-1.0/README", "not Keycloak")
    monkeypatch.setenv("KEYCLOAK_ZIP", str(archive))
    problem = problem_of(monkeypatch, "/bin")

    assert f"keycloak-{distribution.VERSION}" in problem.problem


def test_a_change_of_the_resource_begins_with_an_empty_database(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = instance.Instance(tmp_path / "one", realm.McpServer(realm.RESOURCE))
    first.lay_out(home)
    other = instance.Instance(tmp_path / "one", realm.McpServer("http://localhost:9100/mcp"))

    assert first.is_current()
    assert not other.is_current()
    assert stat.S_IMODE(first.password_file.stat().st_mode) == 0o600
    assert len(first.password) >= 20


def test_nobody_else_on_the_machine_reads_the_keys_in_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distribution, "CACHE", tmp_path / "cache")
    made = instance.Instance(tmp_path / "one", realm.McpServer(realm.RESOURCE))
    made.lay_out(tmp_path)
    laid_out = stat.S_IMODE(made.folder.stat().st_mode)
    left_open = instance.Instance(made.prepared, realm.McpServer(realm.RESOURCE))
    left_open.lay_out(tmp_path)
    left_open.folder.chmod(0o755)
    made.copy_prepared()

    assert (laid_out, stat.S_IMODE(made.folder.stat().st_mode)) == (0o700, 0o700)


def test_a_prepared_database_is_kept_for_each_resource_and_not_for_older_realms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distribution, "CACHE", tmp_path)
    (tmp_path / "prepared" / "26.0.0-of-before").mkdir(parents=True)
    resources = (realm.RESOURCE, "http://localhost:9100/mcp")
    for resource in resources:
        made = instance.Instance(tmp_path / "prepared" / "making-1", realm.McpServer(resource))
        made.lay_out(tmp_path)
        made.become_prepared()

    kept = {
        instance.Instance(tmp_path / "x", realm.McpServer(resource)).prepared
        for resource in resources
    }
    assert set((tmp_path / "prepared").iterdir()) == kept
    assert len(kept) == 2


def test_another_password_than_the_one_it_was_made_with_is_refused(tmp_path: Path) -> None:
    made = instance.Instance(tmp_path / "one", realm.McpServer(realm.RESOURCE))
    made.lay_out(tmp_path, "first-password")

    made.require_password(None)
    made.require_password("first-password")
    with pytest.raises(trouble.CannotStart) as refusal:
        made.require_password("second-password")
    assert "--fresh" in refusal.value.hint
    assert "second-password" not in str(refusal.value)


@pytest.mark.e2e
@pytest.mark.needs("keycloak")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_starts_says_what_it_did_and_ends_with_the_signal(how: signal.Signals) -> None:
    port = free_port()
    process = subprocess.Popen(
        [START, "--port", str(port)], env={**os.environ, "PYTHON": sys.executable},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if "Ctrl-C stops it." in line:
            break
    folder = distribution.CACHE / "instances" / str(port)
    try:
        assert f"http://localhost:{port}/realms/mcp-realm" in said
        password = (folder / "admin-password").read_text("utf-8").strip()
        assert password not in said + (folder / "keycloak.log").read_text("utf-8")
        # This machine alone: not on every address.
        assert listeners(port) <= {"127.0.0.1", "::ffff:127.0.0.1"}
    finally:
        process.send_signal(how)
        process.wait(60)
        process.stdout.close()
        shutil.rmtree(folder, ignore_errors=True)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert process.returncode == 130


def listeners(port: int) -> set[str]:
    """Return the addresses on which somebody listens at that port."""
    found = (
        tuple(one.laddr)
        for one in psutil.net_connections("tcp")
        if one.status == psutil.CONN_LISTEN
    )
    return {str(address[0]) for address in found if address[1:2] == (port,)}


def seed_line(text: str) -> str:
    """Return the line that a document shows, as one line."""
    joined = re.sub(r"\s*\\\n\s*", " ", text)
    (line,) = re.findall(r"curl[^\n]*grant_type=password[^\n]*jq -r '\.access_token'", joined)
    return str(line)


@pytest.mark.e2e
@pytest.mark.needs("keycloak")
@pytest.mark.parametrize("where", ["seed", "docs"])
def test_the_line_that_gets_a_token_works_as_it_is_written(
    running_keycloak: RunningKeycloak, where: str
) -> None:
    page = (ROOT / "docs" / "keycloak.md").read_text("utf-8")
    line = SEED_LINE if where == "seed" else seed_line(page)
    here = line.replace("localhost:8080", f"localhost:{running_keycloak.port}")
    assert here != line
    token = read_with_jq_or_python(here)

    assert token.count(".") == 2
    userinfo = running_keycloak.http.get(
        f"{running_keycloak.issuer}/protocol/openid-connect/userinfo",
        headers={"authorization": f"Bearer {token}"},
    )
    assert userinfo.json()["preferred_username"] == "mcp-admin"


def read_with_jq_or_python(line: str) -> str:
    """Run a line that ends in jq; where there is no jq, read its input here."""
    if shutil.which("jq"):
        done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, timeout=60)
        return done.stdout.strip()
    asked = line.rpartition("|")[0]
    done = subprocess.run(["/bin/sh", "-c", asked], capture_output=True, text=True, timeout=60)
    return str(json.loads(done.stdout)["access_token"])


def test_the_users_that_are_announced_are_those_of_the_realm() -> None:
    told: dict[str, Any] = {name: password for name, password, _, _ in command.USERS}
    assert told == PASSWORDS
    data = realm.render(realm.McpServer("http://localhost:9100/mcp"))
    assert all(f'"{password}"' in data for password in told.values())
    assert "http://localhost:9000/mcp" not in data


def test_a_server_of_ones_own_gets_its_scopes_and_roles() -> None:
    own = realm.McpServer(
        "http://localhost:8000/mcp", ("orders:read", "orders:refund"), ("manager",)
    )
    made = json.loads(realm.render(own))
    may = {one["clientScope"]: set(one["roles"]) for one in made["scopeMappings"]}
    has = {one["username"]: set(one["realmRoles"]) for one in made["users"]}

    assert may["orders:read"] - may["orders:refund"] == {"guest"}
    # A role gets into tokens only through a scope that names it.
    assert "manager" in may["orders:read"] & may["orders:refund"] & has["mcp-admin"]
    assert "manager" not in has["mcp-user"] | has["mcp-readonly"]
    for client in made["clients"]:
        listed = client.get("optionalClientScopes", [])
        assert ("orders:read" in listed) == ("mcp:read" in listed)
    assert set(own.scopes) < set(made["defaultOptionalClientScopes"])
    assert own.scopes[1] in json.dumps(made["components"])


def test_without_a_server_of_ones_own_the_realm_is_the_file() -> None:
    assert json.loads(realm.render(realm.McpServer())) == json.loads(realm.FILE.read_text("utf-8"))
