"""One demo for the whole session: a real process on a real port, judged again when it stops."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from release.installation import install_wheel
from tests.e2e.client_documents import ClientDocuments
from tests.e2e.drivers import FASTMCP, PYTHON_SDK, TYPESCRIPT
from tests.e2e.running_demo import RunningDemo
from tests.e2e.sign_in import SignedIn, sign_in


@pytest.fixture(scope="session")
def client_documents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClientDocuments]:
    """Serve a client ID metadata document for every driver, over https."""
    folder: Path = tmp_path_factory.mktemp("authority")
    names = (one.name for one in (PYTHON_SDK, FASTMCP, TYPESCRIPT))
    with ClientDocuments(folder, names) as documents:
        yield documents


@pytest.fixture(scope="session")
def demo(client_documents: ClientDocuments) -> Iterator[RunningDemo]:
    """Run the demo; when it is stopped it must end well and have kept every secret to itself."""
    with RunningDemo(
        "--insecure-allow-client-documents-from",
        client_documents.host,
        environment={"SSL_CERT_FILE": str(client_documents.authority)},
    ) as running:
        yield running
        code = running.stop()
        assert (code, running.leaks()) == (0, [])
        assert "Traceback" not in running.log()


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel, with both libraries that have adapters; return the folder of commands."""
    return install_wheel(tmp_path_factory.mktemp("installed"), ["fastmcp", "mcp"])


@pytest.fixture(scope="session")
def alice(demo: RunningDemo) -> SignedIn:
    """Sign alice in by hand."""
    return sign_in(demo, "alice", "mcp:read mcp:tools")


@pytest.fixture(scope="session")
def admin(demo: RunningDemo) -> SignedIn:
    """Sign the administrator in by hand."""
    return sign_in(demo, "admin", "mcp:read mcp:tools mcp:prompts mcp:admin")
