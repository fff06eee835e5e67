"""The stock Inspector at the official TypeScript example server, behind ``doorward protect``."""

from collections.abc import Iterator

import pytest

from tests.e2e.backends import backend
from tests.e2e.processes import free_port
from tests.e2e.running_service import RunningService
from tests.inspector.session import Session

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.needs("chromium"),
    pytest.mark.needs("node-clients"),
]


PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
def protected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """Run the example server, and the command in front of it."""
    file, port = tmp_path_factory.mktemp("gateway") / "doorward.toml", free_port()
    public = ("--public-url", f"http://localhost:{port}", "--listen", f"127.0.0.1:{port}")
    with backend("typescript") as url:
        arguments = ["protect", url, *public, "--file", str(file)]
        with RunningService(file, passwords={"alice": PASSWORD}, arguments=arguments) as service:
            yield service


# The service first: no event loop can run beside the driver of the browser, and users need one.
def test_alice_signs_in_and_calls_a_server_that_nobody_changed(
    protected: RunningService, person: Session
) -> None:
    person.connect(protected.mcp, "alice", PASSWORD)

    assert person.visited == ["sign-in", "consent"]
    # Tools are shown by their titles.
    assert "Echo" in " ".join(person.tools())
    assert "Echo: hello" in person.call("Echo Tool", message="hello")
