"""The demo's guard refuses what the demo's authorization server revokes."""

import httpx2

from doorward.demo.app import Demo, DemoSettings
from tests.authserver.conftest import StoppedClock
from tests.demo.sign_in import URL, Blank, get_code, http_to, register
from tests.ledger import proves


async def called(http: httpx2.AsyncClient, token: str) -> int:
    """List the tools and return the status."""
    answer = await http.post(
        "/mcp",
        json={"jsonrpc": "2.0", "id": 1, "method": "ping"},
        headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
    )
    return answer.status_code


@proves("S196", "accepts", "replayed code at the guard")
@proves("S196", "refuses", "replayed code at the guard")
async def test_the_access_token_of_a_replayed_code_stops_in_the_demo() -> None:
    clock = StoppedClock()
    demo = Demo(URL, DemoSettings(sign_in_as="alice"), Blank(), clock)
    await demo.start()
    async with http_to(demo) as http:
        fields = await get_code(http, await register(http), demo.addresses.mcp)
        token = (await http.post("/token", data=fields)).json()["access_token"]
        assert [await called(http, token) for _ in range(3)] == [200] * 3

        assert (await http.post("/token", data=fields)).status_code == 400
        clock.advance(2)

        assert await called(http, token) == 401
    await demo.aclose()
