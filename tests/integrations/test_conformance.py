"""The SDK's and FastMCP's own conformance servers do behind the guard exactly what they do without."""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from doorward.testing import TokenMint
from tests.conftest import ROOT
from tests.e2e.bearer_proxy import BearerProxy
from tests.e2e.conformance import Outcome, run_server_set
from tests.e2e.processes import free_port, started, wait_for
from tests.integrations.peer_server import ISSUER

pytestmark = [pytest.mark.e2e, pytest.mark.needs("node-clients")]

REVISIONS = ("2025-11-25", "2026-07-28")
# What the peers' servers do not pass by themselves; their own lists say why.
KNOWN = {
    ("mcp", "2025-11-25"): set[str](),
    ("mcp", "2026-07-28"): set[str](),
    ("fastmcp", "2025-11-25"): {"resources-subscribe", "resources-unsubscribe"},
    ("fastmcp", "2026-07-28"): set[str](),
}


@contextmanager
def running(name: str, port: int, *key_set: str) -> Iterator[None]:
    """Run a peer's server on ``port``."""
    command = (sys.executable, "-m", "tests.integrations.peer_server", name, str(port), *key_set)
    with started(command, cwd=ROOT, longest=280) as process:
        wait_for(port, process)
        yield


def counted(outcome: Outcome) -> Counter[tuple[str, str, str]]:
    """Return how often each check of each scenario ended how."""
    return Counter((one.scenario, one.check, one.status) for one in outcome.verdicts)


@pytest.fixture(scope="module", params=["mcp", "fastmcp"])
def peer(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, int, int]]:
    """Run one peer's server as it is and behind the guard; yield its name and both ports."""
    name: str = request.param
    free, guarded = free_port(), free_port()
    mint = TokenMint(issuer=ISSUER, audience=f"http://localhost:{guarded}/mcp", clock=time.time)
    keys = tmp_path_factory.mktemp("keys") / "keys.json"
    keys.write_text(json.dumps(mint.jwks()))
    with (
        running(name, free),
        running(name, guarded, str(keys)),
        BearerProxy(guarded, mint.mint("alice", scopes={"mcp:read"})) as proxy,
    ):
        yield name, free, proxy.port


@pytest.mark.parametrize("revision", REVISIONS)
async def test_every_conformance_check_has_the_same_outcome_behind_the_guard(
    peer: tuple[str, int, int], revision: str, tmp_path: Path
) -> None:
    name, *ports = peer
    without, behind = await asyncio.gather(
        *(
            asyncio.to_thread(
                run_server_set,
                url=f"http://localhost:{port}/mcp",
                revision=revision,
                results=tmp_path / str(port),
            )
            for port in ports
        )
    )

    assert counted(behind) == counted(without)
    assert behind.exit_code == without.exit_code
    failed = {one.scenario for one in behind.verdicts if one.status == "FAILURE"}
    assert {one for one in failed if not one.startswith("tasks-")} == KNOWN[name, revision]
    # A run in which nothing was checked is green as well.
    assert len(behind.passed()) > 80
