"""Example servers do behind ``doorward serve`` exactly what they do without, by the official suite."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.backends import backend
from tests.e2e.bearer_proxy import BearerProxy
from tests.e2e.conformance import run_server_set
from tests.e2e.served import Served, serving
from tests.integrations.test_conformance import counted

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(120),
    pytest.mark.needs("node-clients"),
    pytest.mark.needs("go-servers"),
]

# The servers that can answer at all, and how many checks each passes at least.
RUNS = {
    ("go-sessions", "2025-11-25"): 80,
    ("go-stateless", "2026-07-28"): 160,
    ("typescript", "2025-11-25"): 20,
    ("mcp", "2025-11-25"): 80,
    ("mcp", "2026-07-28"): 160,
    ("fastmcp", "2025-11-25"): 80,
}
# What a server fails by itself, and not behind the gateway.
MENDED = {"typescript": {"localhost-host-rebinding-rejected"}}
# The suite asks for tasks and methods of its own, which no rule can name.
POLICY = """
[mcp_servers.policy]
base = { scopes = ["mcp:tools"] }
unknown = "base"
"""


@pytest.fixture(scope="module")
def origins() -> Iterator[dict[str, str]]:
    """Run the servers, and give the URL of each."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(backend(name)) for name in {name for name, _ in RUNS}}


@pytest.fixture(scope="module")
def served(origins: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Run one process in front of all of them."""
    tables = {name: f'upstream = "{url}"\n{POLICY}' for name, url in origins.items()}
    with serving(tmp_path_factory.mktemp("conformance"), tables, host="localhost") as running:
        yield running


@pytest.mark.parametrize(("name", "revision"), RUNS)
def test_every_conformance_check_has_the_same_outcome_behind_the_gateway(
    origins: dict[str, str], served: Served, name: str, revision: str, tmp_path: Path
) -> None:
    # One after the other: a server tells both what one of them has changed in it.
    without = run_server_set(url=origins[name], revision=revision, results=tmp_path / "without")
    with BearerProxy(served.port, served.key) as proxy:
        behind = run_server_set(
            url=f"http://localhost:{proxy.port}/{name}",
            revision=revision,
            results=tmp_path / "behind",
        )

    changed = counted(behind) - counted(without)
    assert {check for _, check, _ in changed} == MENDED.get(name, set())
    assert {status for _, _, status in changed} <= {"SUCCESS"}
    assert counted(without).total() == counted(behind).total()
    # A run in which nothing was checked is green as well.
    assert len(behind.passed()) >= RUNS[name, revision]
