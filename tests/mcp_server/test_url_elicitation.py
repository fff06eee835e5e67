"""URL elicitation: which clients get it, which URLs are allowed, whose each page is."""

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from mcp_types import ErrorData
from mcp_types._v2025_11_25 import ElicitRequestURLParams, URLElicitationRequiredError

from doorward.errors import ConfigurationError
from doorward.mcp_server import Context, Elicit, ElicitUrl, McpServer
from tests.mcp_server.rpc_client import MODERN, Response, RpcClient, person, rpc_client
from tests.mcp_server.session_client import session_client

ISSUER = "https://as.example"
ALICE, BOB = person("alice"), person("bob")
PAGES: dict[str, Any] = {"elicitation": {"url": {}}}
PAGE = "https://mcp.example/connect?to=calendar"
FORM = {"type": "object", "properties": {"name": {"type": "string"}}}
CONNECT: dict[str, Any] = {"name": "connect", "arguments": {}}
OK = {"action": "accept"}


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def calendar(clock: Clock | None = None, **settings: Any) -> McpServer:
    server = McpServer("calendar", version="1.0", clock=clock or Clock(), **settings)

    @server.tool()
    async def connect(ctx: Context, wait: float = 0) -> str:
        answer = await ctx.elicit_url("Connect your calendar.", PAGE, key="page", wait=wait)
        return f"{answer.action} {answer.completed}"

    @server.tool()
    async def need(ctx: Context) -> str:
        await ctx.require_url("Connect your calendar.", PAGE, key="page", wait=0)
        return "connected"

    @server.tool()
    async def both(ctx: Context) -> str:
        found = await ctx.ask(page=ElicitUrl("Open it.", PAGE), form=Elicit("Who?", FORM))
        more = await ctx.elicit("And?", FORM, key="more")
        return f"{found['page'].completed} {found['form'].action} {more.action}"

    @server.tool()
    async def astray(ctx: Context, url: str) -> str:
        return (await ctx.elicit_url("Open it.", url)).action

    return server


def id_in(url: str) -> str:
    (found,) = parse_qs(urlsplit(url).query)["elicitationId"]
    return found


async def again(
    peer: RpcClient,
    first: Response,
    answers: dict[str, Any],
    name: str = "connect",
    **arguments: Any,
) -> Response:
    params = {"name": name, "arguments": arguments, "inputResponses": answers}
    return await peer.ask("tools/call", {**params, "requestState": first.result["requestState"]})


async def test_a_tool_requests_a_page_and_sees_its_completion() -> None:
    server = calendar()
    async with rpc_client(server, capabilities=PAGES, identity=ALICE) as peer:
        first = await peer.call("connect")
        asked = first.result["inputRequests"]["page"]["params"]
        early = await again(peer, first, {"page": OK})
        await server.pending_pages.complete(id_in(asked["url"]), issuer=ISSUER, subject="alice")
        late = await again(peer, first, {"page": OK})

    assert set(asked) == {"mode", "message", "url"}
    assert (asked["mode"], asked["message"]) == ("url", "Connect your calendar.")
    assert asked["url"].startswith(PAGE + "&elicitationId=")
    assert (early.content_text, late.content_text) == ("accept False", "accept True")


async def test_a_tool_waits_for_the_completion_of_a_page() -> None:
    server = calendar()
    async with rpc_client(server, capabilities=PAGES, identity=ALICE) as peer:
        first = await peer.call("connect", wait=5)
        url = first.result["inputRequests"]["page"]["params"]["url"]
        waiting = asyncio.create_task(again(peer, first, {"page": OK}, wait=5))
        while not server.pending_pages.waiting:
            await asyncio.sleep(0)
        assert not waiting.done()
        await server.pending_pages.complete(id_in(url), issuer=ISSUER, subject="alice")
        answer = await waiting

    assert answer.content_text == "accept True"


async def test_waiting_for_a_page_times_out() -> None:
    async with rpc_client(calendar(), capabilities=PAGES, identity=ALICE) as peer:
        first = await peer.call("connect", wait=0.01)
        answer = await again(peer, first, {"page": OK}, wait=0.01)

    assert answer.content_text == "accept False"


async def test_a_page_keeps_its_id_across_rounds() -> None:
    server = calendar()
    capabilities: dict[str, Any] = {"elicitation": {"url": {}, "form": {}}}
    async with rpc_client(server, capabilities=capabilities, identity=ALICE) as peer:
        first = await peer.call("both")
        url = first.result["inputRequests"]["page"]["params"]["url"]
        form = {"action": "decline"}
        second = await again(peer, first, {"page": OK, "form": form}, "both")
        await server.pending_pages.complete(id_in(url), issuer=ISSUER, subject="alice")
        third = await again(peer, second, {"more": form}, "both")

    assert third.content_text == "True decline decline"


async def test_a_response_to_a_page_that_was_never_requested_completes_nothing() -> None:
    async with rpc_client(calendar(), capabilities=PAGES, identity=ALICE) as peer:
        answer = await peer.ask("tools/call", {**CONNECT, "inputResponses": {"page": OK}})

    assert answer.content_text == "accept False"


@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_declined_page_is_not_completed(action: str) -> None:
    server = calendar()
    async with rpc_client(server, capabilities=PAGES, identity=ALICE) as peer:
        first = await peer.call("connect")
        url = first.result["inputRequests"]["page"]["params"]["url"]
        await server.pending_pages.complete(id_in(url), issuer=ISSUER, subject="alice")
        answer = await again(peer, first, {"page": {"action": action}})

    assert answer.content_text == f"{action} False"


@pytest.mark.parametrize("answered", [{}, {"action": "opened"}, {"content": {}}], ids=repr)
async def test_a_malformed_page_response_is_refused(answered: dict[str, Any]) -> None:
    async with rpc_client(calendar(), capabilities=PAGES, identity=ALICE) as peer:
        answer = await again(peer, await peer.call("connect"), {"page": answered})

    assert (answer.status, answer.error["code"]) == (400, -32602)


@pytest.mark.parametrize("tool", ["connect", "need"])
@pytest.mark.parametrize(
    "declared",
    [{}, {"elicitation": {}}, {"elicitation": {"form": {}}}, {"elicitation": {"url": None}}],
    ids=repr,
)
async def test_a_client_without_url_elicitation_gets_a_capability_error(
    tool: str, declared: dict[str, Any]
) -> None:
    async with rpc_client(calendar(), capabilities=declared, identity=ALICE) as peer:
        answer = await peer.call(tool)
    async with session_client(calendar(), "2025-11-25", identity=ALICE) as caller:
        await caller.initialize(declared)
        legacy = await caller.ask("tools/call", {"name": tool, "arguments": {}})

    assert (answer.status, answer.error["code"]) == (400, -32021)
    assert answer.error["data"] == {"requiredCapabilities": {"elicitation": {"url": {}}}}
    assert legacy["error"]["code"] == -32021


@pytest.mark.parametrize("version", ["2025-03-26", "2025-06-18"])
@pytest.mark.parametrize("tool", ["connect", "need"])
async def test_a_client_of_a_revision_without_url_elicitation_gets_a_capability_error(
    version: str, tool: str
) -> None:
    async with session_client(calendar(), version, identity=ALICE) as caller:
        await caller.initialize(PAGES)
        message = await caller.ask("tools/call", {"name": tool, "arguments": {}})

    assert message["error"]["code"] == -32021


@pytest.mark.parametrize("version", [MODERN, "2025-11-25"])
async def test_url_elicitation_without_an_identified_caller_is_a_tool_error(version: str) -> None:
    async with session_client(calendar(), version, capabilities=PAGES) as caller:
        if version != MODERN:
            await caller.initialize(PAGES)
        message = await caller.ask("tools/call", CONNECT)

    assert message["result"]["isError"] is True
    assert "who is calling" in message["result"]["content"][0]["text"]


async def test_in_a_session_completion_is_notified_once_to_the_session_that_elicited() -> None:
    server = calendar()
    async with (
        session_client(server, "2025-11-25", identity=ALICE) as caller,
        session_client(server, "2025-11-25", identity=ALICE) as elsewhere,
        session_client(server, "2025-11-25", identity=BOB) as bob,
    ):
        for one in (caller, elsewhere, bob):
            await one.initialize(PAGES)
        params = {"name": "connect", "arguments": {"wait": 5}}
        async with (
            caller.standalone_stream() as told,
            elsewhere.standalone_stream() as hers,
            bob.standalone_stream() as his,
            caller.stream("tools/call", params, 5) as events,
        ):
            question = await events.next()
            assert question is not None
            page = ElicitRequestURLParams.model_validate(question["params"])
            await caller.post({"jsonrpc": "2.0", "id": question["id"], "result": OK})
            done = {"issuer": ISSUER, "subject": "alice"}
            await server.pending_pages.complete(page.elicitation_id, **done)
            answer = await events.next()
            heard = await told.next()
            await server.pending_pages.complete(page.elicitation_id, **done)
            server.close()
            rest = [await stream.rest() for stream in (told, hers, his)]

    assert id_in(page.url) == page.elicitation_id
    assert answer is not None
    assert answer["result"]["content"][0]["text"] == "accept True"
    assert heard is not None
    assert heard["params"] == {"elicitationId": page.elicitation_id}
    assert rest == [[], [], []]


async def test_in_2025_11_25_a_required_page_is_a_url_elicitation_required_error() -> None:
    server = calendar()
    async with session_client(server, "2025-11-25", identity=ALICE) as caller:
        await caller.initialize(PAGES)
        message = await caller.ask("tools/call", {"name": "need", "arguments": {}})

    URLElicitationRequiredError.model_validate(message)
    (page,) = message["error"]["data"]["elicitations"]
    assert page["mode"] == "url"
    assert id_in(page["url"]) == page["elicitationId"]
    server.pending_pages.require(page["elicitationId"], issuer=ISSUER, subject="alice")
    ErrorData.model_validate(message["error"])


@pytest.mark.parametrize(
    ("answered", "completed", "told"),
    [
        (OK, True, "connected"),
        (OK, False, "The user is not done yet with the page that this needs. Try later."),
        ({"action": "decline"}, True, "The user did not want to open the page that this needs."),
        ({"action": "cancel"}, False, "The user did not want to open the page that this needs."),
    ],
)
async def test_in_the_modern_revision_a_required_page_is_an_input_request(
    answered: dict[str, Any], completed: bool, told: str
) -> None:
    server = calendar()
    async with rpc_client(server, capabilities=PAGES, identity=ALICE) as peer:
        first = await peer.call("need")
        url = first.result["inputRequests"]["page"]["params"]["url"]
        if completed:
            await server.pending_pages.complete(id_in(url), issuer=ISSUER, subject="alice")
        answer = await again(peer, first, {"page": answered}, "need")

    assert answer.content_text == told


@pytest.mark.parametrize(
    "url",
    [
        "https://mcp.example/connect",
        "https://mcp.example:8443/connect?a=b#top",
        "http://localhost:8000/connect",
        "http://127.0.0.1/connect",
        "http://[::1]:8000/connect",
    ],
)
def test_an_https_or_loopback_page_url_is_accepted(url: str) -> None:
    page = ElicitUrl("Open it.", url, id="the=id").params()["url"]

    assert id_in(page) == "the=id"
    assert page.replace("?elicitationId=the%3Did", "").replace("&elicitationId=the%3Did", "") == url


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://mcp.example/connect", id="plain-http"),
        pytest.param("http://localhost.example/connect", id="not-this-machine"),
        pytest.param("https://user:secret@mcp.example/", id="credentials"),
        pytest.param("https://mcp.example@evil.example/", id="a-name-before-the-host"),
        pytest.param("javascript:alert(1)", id="javascript"),
        pytest.param("file:///etc/passwd", id="file"),
        pytest.param("data:text/html,x", id="data"),
        pytest.param("//mcp.example/connect", id="no-scheme"),
        pytest.param("/connect", id="a-path"),
        pytest.param("https:///connect", id="no-host"),
        pytest.param("https://mcp.example/a b", id="a-space"),
        pytest.param("https://mcp.example/\nhttps://other.example", id="two-lines"),
        pytest.param("https://mcp.example\\@evil.example/", id="a-backslash"),
        pytest.param("https://mcp.exämple/", id="letters-that-look-like-others"),
        pytest.param("https://mcp.example:99999/", id="no-port"),
        pytest.param("https://mcp.example/?elicitationId=mine", id="an-id-of-its-own"),
        pytest.param("https://mcp.example/" + "a" * 2000, id="too-long"),
        pytest.param("", id="nothing"),
    ],
)
async def test_any_other_page_url_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        ElicitUrl("Open it.", url)
    async with rpc_client(calendar(), capabilities=PAGES, identity=ALICE) as peer:
        answer = await peer.call("astray", url=url)

    assert refusal.value.reason == "unusable-page"
    assert "secret" not in str(refusal.value)
    assert answer.result["isError"] is True
