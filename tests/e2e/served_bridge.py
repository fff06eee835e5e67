"""``doorward serve`` behind a provider that can be broken, with what a client and a browser do there."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx2

from tests.authserver.upstream.openid_provider import CLIENT_ID, CLIENT_SECRET
from tests.e2e.faulty_provider import SENTENCE, FaultyProvider
from tests.e2e.processes import free_port
from tests.e2e.running_service import RunningService
from tests.e2e.sign_in import SignedIn, sign_in
from tests.postgresql.cluster import Cluster

_FILE = """\
listen = "127.0.0.1:{listen}"

[authorization_server]
issuer = "http://localhost:{port}"
database_url = "{database}"
secret_file = "doorward.secret"
allowed_hosts = ["localhost:{listen}"]
limits = {{ registrations_per_address = "900/minute", registrations = "900/minute", authorizations_per_address = "900/minute" }}

[[identity_providers]]
issuer = "{issuer}"
client_id = "{client_id}"
client_secret_file = "sso.secret"
allow = {{ everyone = true }}

[[mcp_servers]]
resource = "http://localhost:{port}/mcp"
upstream = "http://localhost:1/mcp"
scopes = {{ "mcp:tools" = "Use the tools in your name" }}
policy = {{ base = {{ scopes = ["mcp:tools"] }} }}
"""


class ServedBridge:
    """
    The file of one authorization server, which any number of processes can serve.

    With a ``cluster``, its database is there.
    """

    def __init__(
        self, folder: Path, provider: FaultyProvider, cluster: Cluster | None = None
    ) -> None:
        self.folder = folder
        self._cluster = cluster
        self.provider = provider
        self.port = free_port()
        secret = folder / "sso.secret"
        secret.touch(0o600)
        secret.write_text(CLIENT_SECRET)

    def serve(self, listen: int | None = None) -> RunningService:
        """Start a process on the public port, or on another one."""
        file = self.folder / f"doorward-{listen or self.port}.toml"
        file.write_text(
            _FILE.format(
                port=self.port,
                listen=listen or self.port,
                database="sqlite:///doorward.db" if self._cluster is None else self._cluster.url(),
                issuer=self.provider.openid.issuer,
                client_id=CLIENT_ID,
            )
        )
        service = RunningService(file)
        # Neither tokens of the provider nor its sentences may be in a log.
        service.secrets |= {CLIENT_SECRET, SENTENCE, "provider-refresh", "provider-access"}
        return service

    def sign_in(self, service: RunningService) -> SignedIn:
        """Sign somebody in at the provider."""
        return sign_in(service, "jane", "mcp:tools")

    def refresh(
        self, jane: SignedIn, port: int | None = None, token: str | None = None
    ) -> httpx2.Response:
        """Refresh as the client."""
        return httpx2.post(
            f"http://localhost:{port or self.port}/token",
            data=self.refresh_form(jane, token),
            timeout=60,
        )

    def refresh_form(self, jane: SignedIn, token: str | None = None) -> dict[str, str]:
        """Return what the client sends."""
        return {
            "grant_type": "refresh_token",
            "refresh_token": token or jane.refresh_token,
            "client_id": jane.client_id,
        }

    def make_checks_due(self) -> None:
        """Let the next refresh of every session ask the provider."""
        self._execute("UPDATE provider_sessions SET check_due_at = 0")

    def let_claims_end(self) -> None:
        """Let the time pass after which a claim of a dead process ends."""
        self._execute("UPDATE provider_sessions SET refreshing_until = 0")

    def count(self, where: str) -> int:
        """Return how many rows there are."""
        with closing(self._open()) as database:
            (found,) = database.execute(f"SELECT count(*) FROM {where}").fetchone()
        return int(found)

    def _execute(self, statement: str) -> None:
        if self._cluster is not None:
            asyncio.run(self._cluster.execute(statement))
            return
        with closing(self._open()) as database:
            database.execute(statement)
            database.commit()

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.folder / "doorward.db", timeout=30)


OpenBridge = Callable[[], ServedBridge]
