"""The operator's rule for a FastMCP component holds under every name that runs it."""

# mypy: disable-error-code="untyped-decorator"

from typing import Any

import httpx2
import pytest

from doorward.guard.fastmcp import protect
from tests.adapters.fastmcp_shop import POLICY, WAYS, Shop, Way
from tests.adapters.stage import Stage
from tests.ledger import proves


async def call(stage: Stage, http: httpx2.AsyncClient, what: tuple[str, dict[str, Any]]) -> Any:
    """Call a tool."""
    name, arguments = what
    return await stage.modern(http, "tools/call", name=name, arguments=arguments)


@proves("S185", "accepts")
@proves("S185", "refuses")
@pytest.mark.parametrize("way", [pytest.param(way, id=name) for name, way in WAYS.items()])
async def test_what_runs_is_what_its_caller_may_use(way: Way) -> None:
    shop, stage = Shop(), Stage(POLICY)
    async with (
        stage.serving(protect(way.made(shop), stage.guard)),
        stage.http("alice") as alice,
        stage.http("mia", "shop:admin") as mia,
    ):
        refused = await call(stage, alice, way.closed)
        by_alice = list(shop.ran)
        await call(stage, alice, way.open)
        openly = list(shop.ran)
        await call(stage, mia, way.closed)

    assert by_alice == []
    assert refused.status_code == 403 or "rror" in refused.text
    assert openly == [way.openly]
    assert shop.ran == [way.openly, way.runs]
