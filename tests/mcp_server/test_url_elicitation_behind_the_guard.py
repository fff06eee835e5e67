"""URL elicitation from end to end: guard, our client, a user, and an attacker."""

from collections.abc import Generator, Mapping
from typing import Any

import httpx2
import pytest

from doorward.client import CallFailed, McpClient, read_elicitation_url
from doorward.guard import AuditEvent, Guard
from doorward.identity import Identity
from doorward.mcp_server import Context, McpServer, NotAsked
from doorward.policy import Policy
from doorward.tokens import LocalKeys, TrustedIssuer
from tests.mcp_server.test_behind_the_guard import ADMIN, ALICE, MINT, NOW, RESOURCE
from tests.mcp_server.test_url_elicitation import id_in

PAGE = "https://mcp.example/connect"


class Bearer(httpx2.Auth):
    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        request.headers["authorization"] = f"Bearer {self._token}"
        yield request


class Calendars:
    """A server whose tool needs a page first, and the page, where somebody is signed in."""

    def __init__(self) -> None:
        self.server = McpServer("calendars", version="1.0", clock=lambda: NOW)
        self.connected: set[str] = set()
        self.signed_in = "alice"

        @self.server.tool(scopes={"mcp:tools"})
        async def events(user: Identity, ctx: Context) -> str:
            if user.subject not in self.connected:
                await ctx.require_url("Connect your calendar.", PAGE, key="calendar", wait=0)
            return f"the events of {user.subject}"

        policy = Policy(rules=self.server.rules)
        self.server.decide = lambda who, what: who is not None and policy.decide(who, what).allowed
        audit: list[AuditEvent] = []
        issuer = TrustedIssuer(
            issuer=MINT.issuer,
            audience=RESOURCE,
            algorithms=("ES256",),
            keys=LocalKeys(MINT.jwks, clock=lambda: NOW),
        )
        guard = Guard(
            resource=RESOURCE,
            policy=policy,
            issuers=[issuer],
            clock=lambda: NOW,
            audit=audit.append,
        )
        self.app: Any = guard.protect(self.server.asgi)

    async def page(self, url: str) -> None:
        """Do what the page does for whoever is signed in to it."""
        who = {"issuer": MINT.issuer, "subject": self.signed_in}
        self.server.pending_pages.require(id_in(url), **who)
        self.connected.add(self.signed_in)
        await self.server.pending_pages.complete(id_in(url), **who)

    async def goes_there(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Agree, and go."""
        page = read_elicitation_url(params)
        assert page.host == "mcp.example"
        await self.page(page.url)
        return {"action": "accept"}

    def client(self, token: str, *, initialize: bool, elicit: Any) -> McpClient:
        return McpClient(
            RESOURCE,
            auth=Bearer(token),
            transport=httpx2.ASGITransport(app=self.app),
            initialize=initialize,
            elicit=elicit,
            modes=("url",),
        )


REVISIONS = pytest.mark.parametrize("initialize", [False, True], ids=["2026-07-28", "2025-11-25"])


@REVISIONS
async def test_a_call_continues_after_the_user_completes_the_page(initialize: bool) -> None:
    calendars = Calendars()
    async with calendars.client(
        ALICE, initialize=initialize, elicit=calendars.goes_there
    ) as client:
        found = await client.call_tool("events", {})

    assert found.text == "the events of alice"


@REVISIONS
async def test_a_page_forwarded_to_another_user_connects_no_account(initialize: bool) -> None:
    calendars = Calendars()
    calendars.signed_in = "root"
    refused: list[NotAsked] = []

    async def send_it_on(params: Mapping[str, Any]) -> dict[str, Any]:
        try:
            await calendars.page(read_elicitation_url(params).url)
        except NotAsked as refusal:
            refused.append(refusal)
        return {"action": "accept"}

    async with calendars.client(ALICE, initialize=initialize, elicit=send_it_on) as client:
        if initialize:
            with pytest.raises(CallFailed):
                await client.call_tool("events", {})
        else:
            assert (await client.call_tool("events", {})).is_error
    async with calendars.client(ADMIN, initialize=False, elicit=None) as victim:
        with pytest.raises(CallFailed):
            await victim.call_tool("events", {})

    assert refused
    assert calendars.connected == set()
