"""One authority for all tests of this room."""

import ssl
from pathlib import Path

import pytest

from tests.net.tls_server import NAME, authority


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts for a server called ``idp.test``, and for a client that trusts it."""
    return authority(Path(tmp_path_factory.mktemp("tls")), NAME)
