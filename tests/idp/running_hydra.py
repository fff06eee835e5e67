"""A real Ory Hydra: built once from its Go module, started with a database in memory."""

import hashlib
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.e2e.processes import free_port, started

MODULE = Path(__file__).parent / "hydra"
OLDEST_GO = (1, 24)
_SOURCES = ("go.mod", "go.sum", "main.go")
# Turned on, it works; this is what makes its metadata say so.
_ADVERTISED = "webfinger: {{oidc_discovery: {{client_registration_url: {issuer}/oauth2/register}}}}"
_LONGEST_BUILD = 1500.0
_COMES_UP_WITHIN = 60.0


def found() -> str | None:
    """Return the built Hydra, or the Go that can build it; ``None`` without a fitting Go."""
    if _binary().exists():
        return str(_binary())
    go = shutil.which("go")
    if go is None or shutil.which("cc") is None:
        return None
    said = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False)
    match = re.match(r"go(\d+)\.(\d+)", said.stdout)
    fits = match is not None and (int(match[1]), int(match[2])) >= OLDEST_GO
    return go if fits else None


def _binary() -> Path:
    mark = hashlib.sha256(b"".join((MODULE / name).read_bytes() for name in _SOURCES)).hexdigest()
    return MODULE / ".cache" / f"hydra-{mark[:16]}"


def built() -> Path:
    """Return the built Hydra, building it when that was not done yet: minutes, once."""
    binary = _binary()
    if not binary.exists():
        aside = binary.with_suffix(".new")
        subprocess.run(
            ["go", "build", "-mod=readonly", "-trimpath", "-tags", "sqlite", "-o", str(aside), "."],
            cwd=MODULE, check=True, timeout=_LONGEST_BUILD,
        )  # fmt: skip
        aside.rename(binary)
    return binary


@dataclass(frozen=True)
class RunningHydra:
    """One Hydra: what the world sees at ``issuer``, and what its operator does at ``admin``."""

    issuer: str
    admin: str

    def make_client(self, **members: Any) -> None:
        """Register a client as the operator."""
        made = httpx2.post(f"{self.admin}/admin/clients", json=members, timeout=30)
        assert made.status_code == 201, made.text

    def end_consents(self, subject: str) -> None:
        """Take back what a person allowed, with the tokens that came of it."""
        ended = httpx2.delete(
            f"{self.admin}/admin/oauth2/auth/sessions/consent?subject={subject}&all=true",
            timeout=30,
        )
        assert ended.status_code == 204, ended.text

    def end_session(self, session_id: str) -> None:
        """Sign somebody out; Hydra tells its clients."""
        ended = httpx2.delete(
            f"{self.admin}/admin/oauth2/auth/sessions/login?sid={session_id}", timeout=30
        )
        assert ended.status_code == 204, ended.text

    def client_ids(self) -> set[str]:
        """Return the client_id of every client there is."""
        answer = httpx2.get(f"{self.admin}/admin/clients?page_size=500", timeout=30)
        return {one["client_id"] for one in answer.json()}

    def token(self, **form: str) -> str:
        """Return the access token for that form."""
        answer = httpx2.post(f"{self.issuer}/oauth2/token", data=form, timeout=30)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])


@contextmanager
def running(
    folder: Path,
    *,
    registration: bool,
    pages: str = "http://localhost:1",
    refresh_grace: str = "0s",
) -> Iterator[RunningHydra]:
    """
    Run Hydra on free ports of this machine; it signs access tokens as JWTs.

    ``pages`` is where the operator's pages ``/login`` and ``/consent`` are. For ``refresh_grace``, a
    refresh token that was used once works again.
    """
    public, admin = free_port(), free_port()
    hydra = RunningHydra(f"http://localhost:{public}", f"http://localhost:{admin}")
    config = folder / "hydra.yml"
    config.write_text(
        f"""\
dsn: memory
serve:
  public: {{host: 127.0.0.1, port: {public}}}
  admin: {{host: 127.0.0.1, port: {admin}}}
urls:
  self: {{issuer: "{hydra.issuer}"}}
  login: {pages}/login
  consent: {pages}/consent
secrets: {{system: [only-on-this-machine]}}
strategies: {{access_token: jwt}}
oauth2: {{grant: {{refresh_token: {{rotation_grace_period: {refresh_grace}}}}}}}
oidc: {{dynamic_client_registration: {{enabled: {str(registration).lower()}}}}}
{_ADVERTISED.format(issuer=hydra.issuer) if registration else ""}
log: {{level: error}}
sqa: {{opt_out: true}}
""",
        "utf-8",
    )
    command = [str(built()), "serve", "all", "--dev", "--config", str(config)]
    with started(command, cwd=folder, longest=300) as process:
        deadline = time.monotonic() + _COMES_UP_WITHIN
        while not _answers(hydra.issuer):
            assert process.poll() is None, process.said_wrong
            assert time.monotonic() < deadline, process.said_wrong
            time.sleep(0.1)
        yield hydra


def _answers(issuer: str) -> bool:
    try:
        place = f"{issuer}/.well-known/openid-configuration"
        return httpx2.get(place, timeout=5).status_code == 200
    except httpx2.TransportError:
        return False
