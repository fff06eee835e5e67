"""What the attacks need: a server in front of a provider, and a client in front of a server."""

from pathlib import Path

import pytest

from tests.authserver.conftest import clock, harness, start_authserver
from tests.authserver.databases import Databases, SqliteDatabases
from tests.authserver.provider_tokens.conftest import start_vault, vault
from tests.authserver.upstream.conftest import bridge, start_bridge
from tests.client.conftest import cheap_passphrases, fake_issuer, open_client, token_store
from tests.net.conftest import tls

__all__ = [
    "bridge",
    "cheap_passphrases",
    "clock",
    "fake_issuer",
    "harness",
    "open_client",
    "start_authserver",
    "start_bridge",
    "start_vault",
    "tls",
    "token_store",
    "vault",
]


@pytest.fixture
def databases(tmp_path: Path) -> Databases:
    """On SQLite alone: what removes a defence is written for one engine, and is the same on both."""
    return SqliteDatabases(tmp_path)
