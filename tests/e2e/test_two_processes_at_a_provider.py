"""Two processes on one database redeem a code once, and refresh once at the provider."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from tests.e2e.faulty_provider import FaultyProvider
from tests.e2e.processes import free_port
from tests.e2e.served_bridge import ServedBridge
from tests.e2e.sign_in import REDIRECT_URI, authorize
from tests.ledger import proves
from tests.postgresql.cluster import Cluster

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

EACH = 25


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))]
)
def bridge(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServedBridge]:
    """A file to serve, on each engine, and a provider that rotates strictly."""
    with ExitStack() as stack:
        cluster = None
        if request.param == "postgresql":
            cluster = Cluster()
            stack.callback(cluster.close)
        provider = FaultyProvider()
        provider.start()
        stack.callback(provider.stop)
        yield ServedBridge(tmp_path, provider, cluster)


async def fifty(ports: tuple[int, int], form: dict[str, str]) -> list[httpx2.Response]:
    """Send the form fifty times at once, in turn to the processes on these ports."""
    async with httpx2.AsyncClient(timeout=60) as client:
        posts = [
            client.post(f"http://localhost:{port}/token", data=form)
            for port in ports
            for _ in range(EACH)
        ]
        return list(await asyncio.gather(*posts))


@proves("S84", "accepts", "concurrent redemptions")
@proves("S84", "refuses", "concurrent redemptions")
@proves("S199", "accepts", "one provider refresh")
@proves("S199", "refuses", "one provider refresh")
def test_fifty_redemptions_and_fifty_refreshes_over_two_processes_are_one(
    bridge: ServedBridge,
) -> None:
    second = free_port()
    with bridge.serve() as first, bridge.serve(second) as other:
        pending = authorize(first, "jane", "mcp:tools")
        redemptions = asyncio.run(
            fifty(
                (bridge.port, second),
                {
                    "grant_type": "authorization_code", "client_id": pending.client_id,
                    "code": pending.code, "code_verifier": pending.verifier,
                    "redirect_uri": REDIRECT_URI, "resource": first.mcp,
                },
            )
        )  # fmt: skip
        jane = bridge.sign_in(first)
        bridge.make_checks_due()
        before = len(bridge.provider.openid.refreshes())
        refreshes = asyncio.run(fifty((bridge.port, second), bridge.refresh_form(jane)))
        # The client has one answer, in whichever process: its next refresh works.
        token = refreshes[0].json()["refresh_token"]
        next_one = bridge.refresh(jane, port=second, token=token)

    statuses = sorted(one.status_code for one in redemptions)
    assert statuses == [200] + [400] * 49
    refused = {one.json()["error"] for one in redemptions if one.status_code == 400}
    assert refused == {"invalid_grant"}
    assert {one.status_code for one in refreshes} == {200}
    assert len({one.text for one in refreshes}) == 1
    assert len(bridge.provider.openid.refreshes()) == before + 1
    assert next_one.status_code == 200
    assert first.leaks() == other.leaks() == []
