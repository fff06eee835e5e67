"""Every server scenario of the official conformance suite, through the guard with a real token."""

import asyncio
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from doorward.guard import Guard
from doorward.policy import Policy, Rule
from doorward.testing.mint import TokenMint
from doorward.tokens import LocalKeys, TrustedIssuer
from tests.conftest import ROOT
from tests.e2e.bearer_proxy import BearerProxy
from tests.e2e.conformance import run_server
from tests.e2e.processes import free_port
from tests.mcp_server.everything import everything
from tests.mcp_server.loopback_server import serving

REQUIREMENTS = ROOT / "tests/clients/node_modules/@modelcontextprotocol/conformance/requirements"
REVISIONS = ("2025-11-25", "2026-07-28")

# What is not judged, and why. An entry whose scenario no longer ends like this fails.
SKIPPED = {
    ("2026-07-28", "tasks-status-notifications"): "the suite's own check is a skip: it waits for "
    "a harness that listens to subscriptions",
}
SCENARIO = re.compile(r"^  - (?:scenario: )?([a-z0-9-]+)$", re.MULTILINE)
NOT_SCORED = re.compile(r"^  - scenario: ([a-z0-9-]+)\n    leg: server$", re.MULTILINE)


def scenarios() -> Iterator[tuple[str, str]]:
    """Yield every server scenario with the revision it belongs to, required or not."""
    for revision in REVISIONS:
        path = REQUIREMENTS / f"{revision}.yaml"
        # Where the npm packages are missing there is one test to say so.
        text = path.read_text() if path.exists() else "\nserver:\n  - ping\nclient:\n"
        required = text.partition("\nserver:\n")[2].partition("\nclient:\n")[0]
        for name in [*SCENARIO.findall(required), *NOT_SCORED.findall(text)]:
            yield revision, name


def guarded(resource: str) -> tuple[Any, str]:
    """Return the server of all scenarios behind a guard, and a token for it."""
    server = everything()
    policy = Policy(base=Rule(frozenset({"mcp:read"})), rules=server.rules, unknown="base")
    server.decide = lambda who, what: who is not None and policy.decide(who, what).allowed
    mint = TokenMint(issuer="https://issuer.example", audience=resource, clock=time.time)
    keys = LocalKeys(mint.jwks, clock=time.time)
    issuer = TrustedIssuer(issuer=mint.issuer, audience=resource, algorithms=("ES256",), keys=keys)
    guard = Guard(resource=resource, policy=policy, issuers=[issuer], audit=lambda event: None)
    return guard.protect(server.asgi), mint.mint("alice", scopes={"mcp:read"})


@pytest.mark.e2e
@pytest.mark.timeout(90)
@pytest.mark.needs("node-clients")
@pytest.mark.parametrize(("revision", "scenario"), [*scenarios()])
async def test_every_check_of_the_scenario_passes(
    revision: str, scenario: str, tmp_path: Path
) -> None:
    port = free_port()
    app, token = guarded(f"http://localhost:{port}/mcp")
    async with serving(app, port):
        with BearerProxy(port, token) as proxy:
            outcome = await asyncio.to_thread(
                run_server,
                url=f"http://localhost:{proxy.port}/mcp",
                scenario=scenario,
                spec_version=revision,
                results=tmp_path,
                force=scenario.startswith("tasks-"),
            )

    if (revision, scenario) in SKIPPED:
        assert [one.status for one in outcome.verdicts if one.check == scenario] == ["SKIPPED"]
        return
    assert outcome.not_passed() == []
    assert outcome.exit_code == 0
    # A scenario in which nothing was checked is green as well.
    assert outcome.passed()
