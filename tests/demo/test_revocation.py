"""The demo's guard goes by what the demo's authorization server revokes, as its pages say."""

from urllib.parse import parse_qs, urlsplit

import httpx2

from doorward.demo.app import Demo, DemoSettings
from doorward.guard import AuditEvent
from tests.authserver.conftest import StoppedClock
from tests.authserver.harness import VERIFIER, challenge_of
from tests.ledger import proves

URL = "http://localhost:9000"
CALLBACK = "http://127.0.0.1:41000/callback"


class Blank:
    """A screen that shows nothing."""

    def show_addresses(self, where: object) -> None:
        """Show nothing."""

    def show_event(self, event: object, who: str | None) -> None:
        """Show nothing."""

    def show_decision(self, event: AuditEvent, who: str | None) -> None:
        """Show nothing."""


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
    transport = httpx2.ASGITransport(app=demo.app, client=("127.0.0.1", 40000))
    async with httpx2.AsyncClient(transport=transport, base_url=URL) as http:
        said = {"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"}
        registered = await http.post("/register", json=said)
        client = registered.json()["client_id"]
        led = await http.get(
            "/authorize",
            params={
                "response_type": "code",
                "client_id": client,
                "redirect_uri": CALLBACK,
                "code_challenge": challenge_of(VERIFIER),
                "code_challenge_method": "S256",
                "resource": demo.addresses.mcp,
            },
        )
        fields = {
            "grant_type": "authorization_code",
            "code": parse_qs(urlsplit(led.headers["location"]).query)["code"][0],
            "client_id": client,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
        }
        token = (await http.post("/token", data=fields)).json()["access_token"]
        assert [await called(http, token) for _ in range(3)] == [200] * 3

        assert (await http.post("/token", data=fields)).status_code == 400
        clock.advance(2)

        assert await called(http, token) == 401
    await demo.aclose()
