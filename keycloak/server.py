"""One Keycloak process with a database of its own."""

import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from keycloak import distribution, realm
from keycloak.trouble import CannotStart

ADMIN = "admin"
HOST = "127.0.0.1"
_COMES_UP_WITHIN = 240.0
_GOES_DOWN_WITHIN = 30.0
_LINKED = ("conf", "lib", "providers", "themes")


class KeycloakServer:
    """
    A Keycloak on ``port`` of this machine and of no other, whose files are in ``folder``.

    The database stays in ``folder`` when it stops. It begins anew when the realm's file or the
    resource has changed since, or when ``fresh`` says so.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 8080,
        resource: str = realm.RESOURCE,
        admin_password: str | None = None,
        fresh: bool = False,
    ) -> None:
        self.folder = folder
        self.port = port
        self.resource = resource
        self.began_anew = False
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
        return self.folder / "admin-password"

    @property
    def admin_password(self) -> str:
        """The password of the administrator."""
        return self.password_file.read_text(encoding="utf-8").strip()

    def start(self) -> None:
        """
        Start it, and return when the realm answers.

        Raises:
            CannotStart: the port is taken, Java or Keycloak is missing, or it did not come up.
        """
        self._require_free_port()
        home = distribution.bring()
        self._lay_out(home)
        environment = {
            **os.environ,
            "JAVA": distribution.java(),
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
            f"--hostname={self.url}", "--cache=local",
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

    def _lay_out(self, home: Path) -> None:
        rendered = realm.render(self.resource)
        mark = f"{distribution.VERSION} {hashlib.sha256(rendered.encode()).hexdigest()}"
        kept = self.folder / "realm-mark"
        same = kept.exists() and kept.read_text(encoding="utf-8") == mark
        if self._fresh or not same:
            self.began_anew = self.folder.exists()
            shutil.rmtree(self.folder, ignore_errors=True)
            self._furnish(home, rendered)
            kept.write_text(mark, encoding="utf-8")
        self._fresh = False
        self._require_same_password()

    def _furnish(self, home: Path, rendered: str) -> None:
        imports = self.folder / "data" / "import"
        imports.mkdir(parents=True)
        (imports / f"{realm.NAME}-realm.json").write_text(rendered, encoding="utf-8")
        for name in _LINKED:
            (self.folder / name).symlink_to(home / name, target_is_directory=True)
        password = self._wanted_password or secrets.token_urlsafe(18)
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(password + "\n", encoding="utf-8")

    def _require_same_password(self) -> None:
        if self._wanted_password not in (None, self.admin_password):
            raise CannotStart(
                "The administrator was made with another password than the one that is set now.",
                "Start once with --fresh, which begins with an empty database.",
            )

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
