"""The operator's rule for a FastMCP component holds under every name that runs it."""

# mypy: disable-error-code="untyped-decorator"

from typing import Any

import httpx2
import pytest

from doorward.integrations.fastmcp import protect
from tests.integrations.fastmcp_shop import AS_TOOLS, POLICY, WAYS, Made, Shop, Way, inside
from tests.integrations.guarded_server import GuardedServer
from tests.integrations.test_tools_and_lists import REVISIONS
from tests.ledger import proves


async def call(
    guarded_server: GuardedServer,
    http: httpx2.AsyncClient,
    what: tuple[str, dict[str, Any]],
    revision: str = "modern",
) -> Any:
    """Call a tool."""
    name, arguments = what
    return await getattr(guarded_server, revision)(
        http, "tools/call", name=name, arguments=arguments
    )


@pytest.mark.slow
@proves("S185", "accepts", "every name of a tool")
@proves("S185", "refuses", "every name of a tool")
@pytest.mark.parametrize("way", [pytest.param(way, id=name) for name, way in WAYS.items()])
@REVISIONS
async def test_only_permitted_components_run_under_any_name(way: Way, revision: str) -> None:
    shop, guarded_server = Shop(), GuardedServer(POLICY)
    async with (
        guarded_server.serving(protect(way.made(shop), guarded_server.guard)),
        guarded_server.http("alice") as alice,
        guarded_server.http("mia", "shop:admin") as mia,
    ):
        refused = await call(guarded_server, alice, way.closed, revision)
        by_alice = list(shop.ran)
        await call(guarded_server, alice, way.open, revision)
        openly = list(shop.ran)
        await call(guarded_server, mia, way.closed, revision)

    assert by_alice == []
    assert refused.status_code == 403 or "rror" in refused.text
    assert openly == [way.openly]
    assert shop.ran == [way.openly, way.runs]


@pytest.mark.slow
@proves("S184", "accepts", "every spelling of a URI")
@proves("S184", "refuses", "every spelling of a URI")
@pytest.mark.parametrize("made", [AS_TOOLS, inside(AS_TOOLS)], ids=["own", "mounted"])
@pytest.mark.parametrize(
    "uri",
    [
        "notes://p%61yroll",
        "notes://payroll?x=1",
        "notes://payroll?",
        "notes://payroll#x",
        "notes://payroll#",
        "notes://./payroll",
        "NOTES://payroll",
        "files://s%61laries.txt",
        "files://salaries.txt?x=1",
        "files://salaries.txt#x",
    ],
)
async def test_no_uri_spelling_in_an_argument_bypasses_its_rule(made: Made, uri: str) -> None:
    shop, guarded_server = Shop(), GuardedServer(POLICY)
    server = made(shop)
    tool = "read_resource" if server is shop.server else "child_read_resource"
    async with (
        guarded_server.serving(protect(server, guarded_server.guard)),
        guarded_server.http("alice") as alice,
    ):
        await call(guarded_server, alice, (tool, {"uri": uri}))
        by_that = list(shop.ran)
        await call(guarded_server, alice, (tool, {"uri": "notes://menu"}))

    assert by_that == []
    assert shop.ran == ["notes://menu"]
