"""One Keycloak process with a database of its own."""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from keycloak import distribution, realm
from keycloak.instance import Instance
from keycloak.trouble import CannotStart

ADMIN = "admin"
HOST = "127.0.0.1"
_COMES_UP_WITHIN = 240.0
_GOES_DOWN_WITHIN = 30.0


class KeycloakServer:
    """
    A Keycloak on ``port`` of this machine and of no other, whose files are in ``folder``.

    The database stays in ``folder`` when it stops. It begins anew when the realm's file or
    ``mcp_server`` has changed since, or when ``fresh`` says so.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 8080,
        mcp_server: realm.McpServer | None = None,
        admin_password: str | None = None,
        fresh: bool = False,
    ) -> None:
        self.folder = folder
        self.port = port
        self.mcp_server = mcp_server or realm.McpServer()
        self.began_anew = False
        self._instance = Instance(folder, self.mcp_server)
        self._wanted_password = admin_password
        self._fresh = fresh
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://localhost:{self.port}"

    @property
    def issuer(self) -> str:
        """The realm's issuer."""
        return f"{self.url}/realms/{realm.NAME}"

    @property
    def log(self) -> Path:
        """The file that holds all it said."""
        return self.folder / "keycloak.log"

    @property
    def password_file(self) -> Path:
        """The file with the administrator's password, readable by its owner alone."""
        return self._instance.password_file

    @property
    def admin_password(self) -> str:
        """The password of the administrator."""
        return self._instance.password

    @property
    def is_running(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def prepare(self) -> None:
        """
        Do what a first start needs once: bring Keycloak, make its database, import the realm.

        Raises:
            CannotStart: as ``start`` does.
        """
        self._prepare(distribution.bring())

    def start(self) -> None:
        """
        Start it, and return when the realm answers.

        Raises:
            CannotStart: the port is taken, Java or Keycloak is missing, or it did not come up.
        """
        self._require_free_port()
        home = distribution.bring()
        self._furnish(home)
        environment = {
            **distribution.java_environment(distribution.java()),
            # Not as arguments, which every user of this machine can read.
            "KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN,
            "KC_BOOTSTRAP_ADMIN_PASSWORD": self.admin_password,
        }
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603
                self._command(home),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for us alone: we stop it in order.
                start_new_session=True,
            )
        self._wait_until_up()

    def _command(self, home: Path) -> list[str]:
        return [
            "/bin/sh", str(home / "bin" / "kc.sh"), "start", "--optimized", f"-Dkc.home.dir={self.folder}",
            "--import-realm", "--http-enabled=true", f"--http-host={HOST}", f"--http-port={self.port}",
            # Not one fixed name: callers through a proxy on this machine get tokens of its address.
            "--hostname-strict=false", "--proxy-headers=xforwarded",
            "--proxy-trusted-addresses=127.0.0.1,::1", "--cache=local",
        ]  # fmt: skip

    def stop(self) -> None:
        """Stop it, and return when it has."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(_GOES_DOWN_WITHIN)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def wait(self) -> int:
        """Return its exit code when it ends by itself."""
        assert self._process is not None
        return self._process.wait()

    def _require_free_port(self) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, self.port))
            except OSError as taken:
                raise CannotStart(
                    f"Port {self.port} of {HOST} cannot be used: {taken.strerror}.",
                    "Stop what listens there, or give another port with --port.",
                ) from taken

    def _furnish(self, home: Path) -> None:
        if self._fresh or not self._instance.is_current():
            self.began_anew = self.folder.exists()
            if self._wanted_password is not None:
                self._instance.lay_out(home, self._wanted_password)
            else:
                self._prepare(home)
                self._instance.copy_prepared()
        # Also one from before, which may have been left open.
        self._instance.shut()
        self._fresh = False
        self._instance.require_password(self._wanted_password)

    def _prepare(self, home: Path) -> None:
        """Start a Keycloak once for all who start with this realm and an empty database."""
        if self._instance.prepared.exists():
            return
        folder = self._instance.prepared.with_name(f"making-{os.getpid()}")
        making = KeycloakServer(folder, port=_free_port(), mcp_server=self.mcp_server)
        making._instance.lay_out(home)
        try:
            making.start()
        finally:
            making.stop()
        making._instance.become_prepared()

    def _wait_until_up(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _COMES_UP_WITHIN
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise CannotStart(
                    f"Keycloak stopped while it started: {self._last_error()}", f"See {self.log}."
                )
            if self._answers():
                return
            time.sleep(0.2)
        self.stop()
        raise CannotStart(
            f"Keycloak did not come up within {_COMES_UP_WITHIN:.0f} seconds.", f"See {self.log}."
        )

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.issuer, timeout=2) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _last_error(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return next((line for line in lines if "ERROR" in line), "it did not say why")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
