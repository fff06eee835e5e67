"""A tool gets its caller's own token: of the sign-in, or of an account that the caller connects."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastmcp import FastMCP
from mcp.server.mcpserver import MCPServer
from sqlalchemy import text

from doorward import Identity, McpServer, Policy, Rule
from doorward.client import CallFailed, McpClient, read_elicitation_url
from doorward.embedded import GuardWithSignIn
from doorward.integrations import fastmcp as with_fastmcp
from doorward.integrations import mcp_sdk as with_sdk
from doorward.integrations.declared_rules import requires
from doorward.mcp_server import Context
from doorward.net import FetchFailed
from tests.authserver.browser import Browser, form_with
from tests.authserver.provider_tokens.code_host import CodeHost, Providers, owner_of
from tests.authserver.provider_tokens.conftest import code_host
from tests.authserver.upstream.openid_provider import OpenIdProvider
from tests.e2e.processes import free_port
from tests.embedded.test_guard_with_sign_in import Place, make_guard, serving
from tests.mcp_server.test_url_elicitation_behind_the_guard import Bearer

# mypy: disable-error-code="untyped-decorator"

BASE = Rule(scopes=frozenset({"mcp:read"}))
LINK = re.compile(r"http://localhost:\d+/connect\?link=[A-Za-z0-9_-]{43}")
CAN_SHOW_PAGES: dict[str, Any] = {"elicitation": {"form": {}, "url": {}}}
MakeGuard = Callable[[Policy], GuardWithSignIn]


async def owner_at(user: Identity, provider: str) -> str:
    """Return whose token the tool got; ``in a group`` asks for it in a task of a group."""
    if provider != "in a group":
        return owner_of(await user.token_for(provider))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(user.token_for("code"))
        group.create_task(asyncio.sleep(3600))
    return owner_of(task.result())


def sdk(new_guard: MakeGuard) -> Any:
    server = MCPServer("orders")

    @server.tool()
    @requires(scopes={"orders:read"})
    async def owner(user: with_sdk.CurrentUser, provider: str = "code") -> str:
        return await owner_at(user, provider)

    return with_sdk.protect(server, new_guard(Policy(base=BASE)))


def fastmcp(new_guard: MakeGuard) -> Any:
    server = FastMCP("orders")

    @server.tool()
    @requires(scopes={"orders:read"})
    async def owner(user: with_fastmcp.CurrentUser, provider: str = "code") -> str:
        return await owner_at(user, provider)

    return with_fastmcp.protect(server, new_guard(Policy(base=BASE)))


def own(new_guard: MakeGuard, *, sessions: bool = False) -> Any:
    server = McpServer("orders", version="1.0")
    if sessions:

        @server.tool()
        async def say(ctx: Context) -> str:
            """Need a session in revisions that have them."""
            return str(ctx)

    @server.tool(scopes={"orders:read"})
    async def owner(user: Identity, provider: str = "code") -> str:
        return await owner_at(user, provider)

    guard = new_guard(Policy(base=BASE, rules=server.rules))
    return guard.protect(server.in_front_of(FastAPI()))


KINDS: dict[str, Callable[[MakeGuard], Any]] = {"sdk": sdk, "fastmcp": fastmcp, "own": own}
BUILDS: dict[str, Callable[[MakeGuard], Any]] = {
    **KINDS,
    "own with sessions": partial(own, sessions=True),
}


class Caller:
    """A client of the server, and the browser of its user."""

    def __init__(
        self, place: Place, browser: Browser, code: CodeHost, token: str, guard: GuardWithSignIn
    ) -> None:
        self.place = place
        self.browser = browser
        self.code = code
        self.token = token
        self._guard = guard

    async def make_due(self) -> None:
        """Let the provider be asked again with the next call."""
        store = self._guard.authorization_server.server.services.store
        async with store.engine.begin() as connection:
            await connection.execute(text("UPDATE provider_connections SET check_due_at = 0"))

    async def call(
        self, capabilities: dict[str, Any] | None = None, **params: Any
    ) -> dict[str, Any]:
        """Call the tool in 2026-07-28, and return the whole response."""
        params = {"name": "owner", "arguments": {}, **params}
        params["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": capabilities or {},
        }
        answer = await self.place.http.post(
            self.place.mcp,
            json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params},
            headers={
                "authorization": f"Bearer {self.token}",
                "accept": "application/json, text/event-stream",
                "mcp-protocol-version": "2026-07-28",
                "mcp-method": "tools/call",
                "mcp-name": "owner",
            },
            timeout=30,
        )
        found: dict[str, Any] = message_of(answer)
        return found

    async def connect(self, link: str, subject: str = "octo") -> str:
        """Confirm on the page of the link and at the provider; return the last page."""
        page = await self.browser.open(link)
        redirect = await self.browser.submit(form_with(page.text, "decision"), decision="connect")
        self.code.user = {"sub": subject}
        return (await self.browser.open(self.code.callback(redirect.headers["location"]))).text


def message_of(answer: httpx2.Response) -> Any:
    """Return the JSON-RPC response, which may come in a stream."""
    if answer.headers["content-type"].startswith("text/event-stream"):
        return json.loads(answer.text.split("data: ", 1)[1].split("\n", 1)[0])
    return answer.json()


def state_of(asked: dict[str, Any]) -> dict[str, Any]:
    """Return what a client sends back with its answers."""
    return {"requestState": asked["requestState"]} if "requestState" in asked else {}


def text_of(response: dict[str, Any]) -> str:
    """Return the text of a tool result."""
    return str(response["result"]["content"][0]["text"])


@asynccontextmanager
async def calling(kind: str, folder: Path) -> AsyncIterator[Caller]:
    """Serve a server of this kind, and sign somebody in."""
    port, sign_in, code = free_port(), OpenIdProvider(time.time), CodeHost(time.time)
    guards: list[GuardWithSignIn] = []

    def new_guard(policy: Policy) -> GuardWithSignIn:
        options = {"provider_fetcher": Providers((sign_in, code))}
        providers = [sign_in.issuer, code_host()]
        guards.append(
            make_guard(port, folder, sign_in, policy, sign_in=providers, authserver_options=options)
        )
        return guards[0]

    async with serving(BUILDS[kind](new_guard), port, sign_in) as (place, browser):
        yield Caller(place, browser, code, await place.token(browser), guards[0])


@pytest.mark.parametrize("kind", KINDS)
async def test_a_tool_that_needs_an_account_gives_its_user_a_link_and_then_works(
    kind: str, tmp_path: Path
) -> None:
    async with calling(kind, tmp_path) as caller:
        asked = await caller.call()
        link = LINK.search(text_of(asked))
        assert link is not None, asked
        done = await caller.connect(link[0])
        answer = await caller.call()

    assert asked["result"]["isError"] is True
    assert "run the tool again" in text_of(asked)
    assert "is connected" in done
    assert text_of(answer) == "octo"
    assert not answer["result"].get("isError")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_tool_gets_the_token_of_the_sign_in_without_a_link(
    kind: str, tmp_path: Path
) -> None:
    async with calling(kind, tmp_path) as caller:
        answer = await caller.call(arguments={"provider": "sso"})

    # The token is ``provider-access-<number>``.
    assert text_of(answer).isdigit()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_missing_account_in_a_group_of_tasks_is_a_link_too(
    kind: str, tmp_path: Path
) -> None:
    async with calling(kind, tmp_path) as caller:
        asked = await caller.call(arguments={"provider": "in a group"})
        shown = await caller.call(CAN_SHOW_PAGES, arguments={"provider": "in a group"})

    assert LINK.search(text_of(asked)), asked
    assert shown["result"]["resultType"] == "input_required"


@pytest.mark.parametrize("kind", KINDS)
async def test_an_outage_of_the_provider_is_a_sentence_that_says_to_try_again(
    kind: str, tmp_path: Path
) -> None:
    async with calling(kind, tmp_path) as caller:
        link = LINK.search(text_of(await caller.call()))
        assert link is not None
        await caller.connect(link[0])
        caller.code.broken = FetchFailed("unreachable")
        await caller.make_due()
        answer = await caller.call()

    assert answer["result"]["isError"] is True
    assert "Try again soon" in text_of(answer)
    assert "/connect" not in text_of(answer)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_client_that_can_show_pages_is_asked_to_show_the_link(
    kind: str, tmp_path: Path
) -> None:
    async with calling(kind, tmp_path) as caller:
        asked = (await caller.call(CAN_SHOW_PAGES))["result"]
        (key,) = asked["inputRequests"]
        page = asked["inputRequests"][key]
        done = await caller.connect(page["params"]["url"])
        answer = await caller.call(
            CAN_SHOW_PAGES,
            inputResponses={key: {"action": "accept"}},
            **state_of(asked),
        )

    assert asked["resultType"] == "input_required"
    assert page["method"] == "elicitation/create"
    assert page["params"]["mode"] == "url"
    assert "elicitationId" not in page["params"]
    assert "is connected" in done
    assert text_of(answer) == "octo"


@pytest.mark.parametrize("kind", ["own with sessions", "sdk", "fastmcp"])
@pytest.mark.parametrize("action", ["accept", "decline"])
async def test_a_client_of_2025_11_25_is_asked_to_show_the_link_and_repeats_the_call(
    kind: str, tmp_path: Path, action: str
) -> None:
    shown: list[str] = []
    async with calling(kind, tmp_path) as caller:

        async def show(params: Mapping[str, Any]) -> dict[str, Any]:
            shown.append(read_elicitation_url(params).url)
            if action == "accept":
                await caller.connect(shown[-1])
            return {"action": action}

        client = McpClient(
            caller.place.mcp,
            auth=Bearer(caller.token),
            initialize=True,
            elicit=show,
            modes=("url",),
        )
        async with client:
            try:
                said = (await client.call_tool("owner", {})).text
            except CallFailed as refused:
                said = str(refused)

    (link,) = shown
    assert LINK.match(link)
    assert (said == "octo") is (action == "accept")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_waits_for_the_user_who_is_still_on_the_page(
    kind: str, tmp_path: Path
) -> None:
    async with calling(kind, tmp_path) as caller:
        asked = (await caller.call(CAN_SHOW_PAGES))["result"]
        (key,) = asked["inputRequests"]
        waiting = asyncio.create_task(
            caller.call(
                CAN_SHOW_PAGES,
                inputResponses={key: {"action": "accept"}},
                **state_of(asked),
            )
        )
        await caller.connect(asked["inputRequests"][key]["params"]["url"])
        answer = await waiting

    assert text_of(answer) == "octo"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_user_who_declines_reads_what_is_missing(kind: str, tmp_path: Path) -> None:
    async with calling(kind, tmp_path) as caller:
        asked = (await caller.call(CAN_SHOW_PAGES))["result"]
        (key,) = asked["inputRequests"]
        answer = await caller.call(
            CAN_SHOW_PAGES,
            inputResponses={key: {"action": "decline"}},
            **state_of(asked),
        )

    assert answer["result"]["isError"] is True
    assert LINK.search(text_of(answer))
