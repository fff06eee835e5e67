"""The image is built from its container file and signs a user in, as Compose and Kubernetes run it."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from tests.e2e.processes import free_port
from tests.e2e.sign_in import sign_in
from tests.postgresql.cluster import Cluster

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.soak,
    pytest.mark.needs("podman"),
    pytest.mark.needs("postgresql"),
    pytest.mark.timeout(1800),
]
ROOT = Path(__file__).parents[2]
BASE, IMAGE = "localhost/python-of-debian", "localhost/doorward"
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
ACCOUNT = 10001
PASSWORD = "correct horse battery staple"
# What Compose and Kubernetes set, too.
HARDENED = ("--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--tmpfs=/tmp")
# Podman's own limits are higher than an account in a container may set.
LIMITS = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096")


class Podman:
    """Podman with images and containers in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._command = ["podman", f"--root={folder / 'store'}", f"--runroot={folder / 'run'}"]
        # The default, crun, refuses machines whose control groups are of both versions.
        if shutil.which("runc"):
            self._command.append("--runtime=runc")

    def run(self, *arguments: str, said: str = "") -> str:
        """Run a command of podman, and return what it printed."""
        command = [*self._command, *arguments]
        done = subprocess.run(
            command, cwd=ROOT, input=said, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{arguments}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout.strip()

    def fails(self, *arguments: str) -> str:
        """Run a command that must fail, and return what it said about that."""
        done = subprocess.run(
            [*self._command, *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode != 0
        return done.stderr

    def build(self) -> None:
        """Build the image; in place of the base from a registry, with Debian's own Python."""
        archive = str(self._folder / "base.tar")
        packages = "--include=python3,python3-venv,ca-certificates"
        hook = f"--customize-hook=copy-in {AUTHORITIES} {Path(AUTHORITIES).parent}"
        subprocess.run(
            ["mmdebstrap", "--quiet", "--variant=minbase", packages, hook, "bookworm", archive],
            check=True,
        )
        changes = (f"--change=ENV {name}={AUTHORITIES}" for name in ("SSL_CERT_FILE", "PIP_CERT"))
        self.run("import", *changes, archive, BASE)
        containerfile = str(ROOT / "deploy" / "Containerfile")
        told = ("--isolation=chroot", "--network=host", f"--build-arg=BASE={BASE}")
        self.run("build", *told, f"--file={containerfile}", f"--tag={IMAGE}", str(ROOT))

    def close(self) -> None:
        """Remove the containers and the images."""
        subprocess.run([*self._command, "rm", "--all", "--force", "--time=5"], check=False)
        subprocess.run([*self._command, "rmi", "--all", "--force"], check=False)


@dataclass
class Served:
    """A container that serves; ``id`` is its own."""

    podman: Podman
    id: str
    issuer: str
    operations: str
    secrets: set[str] = field(default_factory=set)

    @property
    def mcp(self) -> str:
        return f"{self.issuer}/mcp"

    def password(self, username: str) -> str:
        return PASSWORD


def _configuration(folder: Path, port: int, operations: int, database: str) -> Path:
    """Write the configuration of Compose, at addresses of this machine."""
    text = (ROOT / "deploy" / "compose" / "doorward.toml").read_text("utf-8")
    for old, new in {
        "0.0.0.0:8000": f"127.0.0.1:{port}",
        "0.0.0.0:9100": f"127.0.0.1:{operations}",
        "https://mcp.example.com": f"http://localhost:{port}",
        "database/doorward": database,
    }.items():
        assert old in text
        text = text.replace(old, new)
    file = folder / "doorward.toml"
    file.write_text(text, "utf-8")
    return file


def _secret(folder: Path, name: str, value: str) -> Path:
    """Write a secret as Kubernetes gives one: root's, and readable by the group of the pod."""
    file = folder / name
    file.write_text(value, "utf-8")
    os.chown(file, 0, ACCOUNT)
    file.chmod(0o440)
    return file


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Build the image, and run it on a PostgreSQL."""
    folder = tmp_path_factory.mktemp("image")
    podman = Podman(folder)
    password, port, operations = "kV7w-Qm2zTT6-nnR41x", free_port(), free_port()
    cluster = Cluster(password=password)
    try:
        podman.build()
        files = {
            "/etc/doorward/doorward.toml": _configuration(
                folder, port, operations, f"127.0.0.1:{cluster.port}/postgres"
            ),
            "/run/secrets/doorward_secret": _secret(folder, "secret", "b3N-" * 12),
            "/run/secrets/database_password": _secret(folder, "password", password),
        }
        mounts = (f"--volume={source}:{target}:ro" for target, source in files.items())
        name = podman.run("run", "--detach", "--network=host", *HARDENED, *LIMITS, *mounts, IMAGE)
        running = Served(podman, name, f"http://localhost:{port}", f"http://127.0.0.1:{operations}")
        _until_ready(running)
        yield running
    finally:
        podman.close()
        cluster.close()


def _until_ready(running: Served) -> None:
    ends = time.monotonic() + 120
    report = ""
    while time.monotonic() < ends:
        try:
            answer = httpx2.get(f"{running.operations}/readyz", timeout=5)
        except httpx2.TransportError:
            time.sleep(0.2)
            continue
        report = answer.text
        if answer.status_code == 200:
            return
        time.sleep(0.2)
    pytest.fail(f"{report}\n{running.podman.run('logs', running.id)}")


def test_a_user_signs_in_at_a_container_that_is_hardened(served: Served) -> None:
    file = "/etc/doorward/doorward.toml"
    add = ("doorward", "users", "add", "alice", "--scopes=mcp:read", "--config", file)
    served.podman.run("exec", "-i", served.id, *add, said=PASSWORD)

    signed_in = sign_in(served, "alice", "mcp:read")

    assert signed_in.scope == {"mcp:read"}


def test_it_runs_without_root_and_cannot_change_its_files(served: Served) -> None:
    def in_container(*command: str) -> str:
        return served.podman.run("exec", served.id, *command)

    assert in_container("id", "-u") == str(ACCOUNT)
    assert "CapEff:\t0000000000000000" in in_container("cat", "/proc/self/status")
    refused = served.podman.fails("exec", served.id, "touch", "/opt/doorward/changed")
    assert "Read-only file system" in refused
    in_container("touch", "/var/lib/doorward/state")


def test_it_ends_cleanly_when_it_is_stopped(served: Served) -> None:
    served.podman.run("stop", "--time=60", served.id)

    assert served.podman.run("inspect", "--format={{.State.ExitCode}}", served.id) == "0"
