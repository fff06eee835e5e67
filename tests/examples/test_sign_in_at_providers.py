"""The three examples that sign people in, each as a process, at a simulator of each provider."""

import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from doorward import idp
from doorward.client import FileStore, TokenStore, open_connection
from tests.authserver.upstream.openid_provider import CLIENT_ID, CLIENT_SECRET
from tests.e2e.drivers import ROOT
from tests.e2e.form_browser import BrowserStuck, FormBrowser
from tests.e2e.processes import free_port, started, wait_for
from tests.e2e.sign_in import authorize
from tests.idp.listening import listening
from tests.simulators.providers import SIMULATED
from tests.simulators.simulator import Simulator
from tests.simulators.web import PASSWORD, SimulatedInternet

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

EXAMPLES = ("sign_in_official_sdk", "sign_in_fastmcp", "sign_in_fastapi")
# Whom the line of the provider in the examples admits: Jane has this there.
ALLOWED = {
    "google": "example.com",
    "github": "acme",
    "entra": "9a95fd9e-005d-487a-9a01-d08c1eab2757",
    "okta": "staff",
    "auth0": "org_acme",
    "keycloak": "example.com",
}


class RunningExample:
    """An example, and the simulator of the provider that its settings name."""

    def __init__(self, simulator: Simulator, port: int) -> None:
        self.simulator = simulator
        self.issuer = f"http://localhost:{port}"
        self.mcp = f"{self.issuer}/mcp"
        self.secrets: set[str] = set()

    def password(self, _username: str) -> str:
        """Return what everybody types at the provider."""
        return PASSWORD


@contextmanager
def running(example: str, provider: str, allowed: str, data: Path) -> Iterator[tuple[Any, str]]:
    """Start an example as its docstring says; give it, and where the simulated hosts are."""
    simulator = Simulator(time.time, facts=SIMULATED[provider])
    port = free_port()
    one = RunningExample(simulator, port)
    simulator.redirect_uris = frozenset({f"{one.issuer}/callback/{provider}"})

    @asynccontextmanager
    async def build(_base: str) -> AsyncIterator[Any]:
        yield SimulatedInternet([simulator]).app

    settings = {
        "PROVIDER": provider,
        "CLIENT_ID": CLIENT_ID,
        "CLIENT_SECRET": CLIENT_SECRET,
        "ALLOWED": allowed,
        "PUBLIC_URL": one.mcp,
        "DATA": str(data),
    }
    if "{" in idp.find(provider).issuer:
        settings["PROVIDER_ISSUER"] = simulator.facts.issuer
    with listening(build) as internet:
        command = [sys.executable, "-m", "tests.examples.serve_at_simulators"]
        command += [f"examples.{example}", str(port), internet]
        with started(command, cwd=ROOT, longest=110, env={**os.environ, **settings}) as process:
            wait_for(port, process)
            yield one, internet


@pytest.mark.parametrize("provider", sorted(ALLOWED))
@pytest.mark.parametrize("example", EXAMPLES)
async def test_jane_signs_in_and_sees_her_orders(
    example: str, provider: str, tmp_path: Path
) -> None:
    with running(example, provider, ALLOWED[provider], tmp_path / "data") as (one, internet):
        jane = FormBrowser("jane", PASSWORD, internet=internet)
        token_store = TokenStore(FileStore(tmp_path / "client"))
        async with open_connection(
            one.mcp, token_store=token_store, browser=jane.walk, timeout=30.0
        ) as connection:
            orders = await connection.client.call_tool("my_orders", {})
        jane.close()

    assert "an order of Jane Doe" in orders.text


@pytest.mark.parametrize("provider", sorted(ALLOWED))
def test_the_line_of_a_provider_admits_nobody_else(provider: str, tmp_path: Path) -> None:
    with running("sign_in_fastapi", provider, "somebody-else", tmp_path) as (one, internet):
        browser = FormBrowser("jane", PASSWORD, delivers=False, internet=internet)

        with pytest.raises(BrowserStuck, match="HTTP 403"):
            authorize(one, "jane", browser=browser)
