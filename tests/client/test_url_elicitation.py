"""URL elicitation: which pages are shown; none is opened automatically."""

import contextlib
import json
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

from doorward.client import CallFailed, McpClient, ProtocolBroken, read_elicitation_url
from doorward.client.http.url_policy import PinnedTransport, UrlPolicy
from tests.client.test_streams import URL, Chunks, Script, error, events, result

PAGE = "https://mcp.example/connect?elicitationId=abc"
UNSAFE = [
    pytest.param("http://mcp.example/connect", id="plain-http"),
    pytest.param("https://user:secret@mcp.example/", id="credentials"),
    pytest.param("https://mcp.example\\@evil.example/", id="a-backslash"),
    pytest.param("https://mcp.example/\x1b]8;;", id="for-the-terminal"),
    pytest.param("https://mcp.exämple/", id="letters-that-look-like-others"),
    pytest.param("javascript:alert(1)", id="javascript"),
    pytest.param("file:///etc/passwd", id="file"),
    pytest.param("https://mcp.example/" + "a" * 9000, id="endless"),
    pytest.param("", id="nothing"),
    pytest.param(None, id="none"),
    pytest.param(7, id="a-number"),
]


class User:
    """Answers what it is told to, and remembers what it was shown."""

    def __init__(self, action: str = "accept") -> None:
        self.shown: list[Mapping[str, Any]] = []
        self._action = action

    async def __call__(self, params: Mapping[str, Any]) -> dict[str, Any]:
        self.shown.append(params)
        return {"action": self._action, "content": {"what": "they typed"}}


def asking(url: Any, **extra: Any) -> dict[str, Any]:
    params = {"mode": "url", "message": "Connect.", "url": url, **extra}
    return {"method": "elicitation/create", "params": params}


def in_rounds(url: Any) -> Script:
    def answer(_: httpx2.Request, message: dict[str, Any]) -> httpx2.Response:
        if "inputResponses" in message["params"]:
            return result(message, resultType="complete", content=[])
        asked = {"page": asking(url)}
        return result(message, resultType="input_required", inputRequests=asked)

    return Script(answer)


def in_a_session(url: Any) -> Script:
    def answer(request: httpx2.Request, message: dict[str, Any]) -> httpx2.Response:
        if request.method == "GET":
            return httpx2.Response(405)
        if message.get("method") == "initialize":
            return result(message, protocolVersion="2025-11-25")
        if "method" not in message:
            return httpx2.Response(202, stream=Chunks())
        asks = {"jsonrpc": "2.0", "id": "s1", **asking(url, elicitationId="abc")}
        body = {"jsonrpc": "2.0", "id": message["id"], "result": {"content": []}}
        return events(*(f"data: {json.dumps(one)}\n\n".encode() for one in (asks, body)))

    return Script(answer)


def refusing(times: int, pending_pages: Any) -> Script:
    refused = 0

    def answer(request: httpx2.Request, message: dict[str, Any]) -> httpx2.Response:
        nonlocal refused
        if message["method"] == "initialize":
            return result(message, protocolVersion="2025-11-25")
        if request.method == "GET":
            return httpx2.Response(405)
        refused += 1
        if refused <= times:
            return error(200, -32042, message, {"elicitations": pending_pages})
        return result(message, content=[])

    return Script(answer)


@pytest.mark.parametrize("action", ["accept", "decline", "cancel"])
async def test_only_the_decision_of_the_user_is_sent_back(action: str) -> None:
    user, script = User(action), in_rounds(PAGE)
    async with McpClient(URL, transport=script, elicit=user, modes=("form", "url")) as client:
        await client.call_tool("connect", {})

    first, second = script.messages("tools/call")
    capabilities = first["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"]
    assert capabilities == {"elicitation": {"form": {}, "url": {}}}
    assert second["params"]["inputResponses"] == {"page": {"action": action}}
    assert [one["url"] for one in user.shown] == [PAGE]
    # Nothing went to the page from here.
    assert {str(request.url) for request, _ in script.asked} == {URL}


async def test_an_unknown_action_is_sent_as_cancel() -> None:
    script = in_rounds(PAGE)
    async with McpClient(URL, transport=script, elicit=User("open"), modes=("url",)) as client:
        await client.call_tool("connect", {})

    assert script.messages("tools/call")[1]["params"]["inputResponses"]["page"] == {
        "action": "cancel"
    }


async def test_url_elicitation_works_in_a_session() -> None:
    user, script = User(), in_a_session(PAGE)
    async with McpClient(
        URL, transport=script, initialize=True, elicit=user, modes=("url",)
    ) as client:
        await client.call_tool("connect", {})

    (answered,) = [m for _, m in script.asked if m.get("id") == "s1"]
    assert answered["result"] == {"action": "accept"}
    assert script.messages("initialize")[0]["params"]["capabilities"] == {
        "elicitation": {"url": {}}
    }


async def test_url_elicitation_is_refused_when_it_is_not_declared() -> None:
    user = User()
    async with McpClient(URL, transport=in_rounds(PAGE), elicit=user) as client:
        with pytest.raises(ProtocolBroken) as refusal:
            await client.call_tool("connect", {})
    script = in_a_session(PAGE)
    async with McpClient(URL, transport=script, initialize=True, elicit=user) as client:
        await client.call_tool("connect", {})

    (answered,) = [m for _, m in script.asked if m.get("id") == "s1"]
    assert refusal.value.reason == "not-declared"
    assert answered["error"]["code"] == -32602
    assert user.shown == []


@pytest.mark.parametrize("url", UNSAFE)
async def test_an_unsafe_page_url_is_not_shown(url: Any) -> None:
    user = User()
    async with McpClient(URL, transport=in_rounds(url), elicit=user, modes=("url",)) as client:
        with pytest.raises(ProtocolBroken) as refusal:
            await client.call_tool("connect", {})
    script = in_a_session(url)
    async with McpClient(
        URL, transport=script, initialize=True, elicit=user, modes=("url",)
    ) as client:
        await client.call_tool("connect", {})

    (answered,) = [m for _, m in script.asked if m.get("id") == "s1"]
    assert refusal.value.reason == "unsafe-page"
    assert answered["error"]["code"] == -32602
    assert user.shown == []


async def shown_by(server: str, url: str) -> list[bool]:
    """Return whether a user of ``server`` is shown ``url``, in each way in which it can ask."""
    users = [User() for _ in range(3)]
    scripts = [in_rounds(url), in_a_session(url), refusing(1, [asking(url)["params"]])]
    for user, script, initialize in zip(users, scripts, (False, True, True), strict=True):
        async with McpClient(
            server, transport=script, initialize=initialize, elicit=user, modes=("url",)
        ) as client:
            with contextlib.suppress(ProtocolBroken):
                await client.call_tool("connect", {})
    return [bool(user.shown) for user in users]


INSIDE = [
    pytest.param("http://localhost:8080/delete?all=1", id="this-machine"),
    pytest.param("https://localhost/", id="this-machine-by-https"),
    pytest.param("http://[::1]:8080/", id="this-machine-by-ipv6"),
    pytest.param("https://192.168.1.1/reboot", id="the-router"),
    pytest.param("https://169.254.169.254/latest", id="the-metadata-service"),
    pytest.param("https://[64:ff9b::a00:1]/", id="through-nat64"),
]


@pytest.mark.parametrize("url", INSIDE)
async def test_a_public_server_cannot_show_a_page_at_a_private_address(url: str) -> None:
    assert await shown_by("https://mcp.example/mcp", url) == [False, False, False]


@pytest.mark.parametrize(
    ("server", "url"),
    [
        ("https://mcp.example/mcp", PAGE),
        ("https://mcp.example/mcp", PAGE + "#part"),
        ("https://mcp.example/mcp", "https://login.elsewhere.example/?a=b"),
        ("http://localhost:9000/mcp", "http://localhost:8080/connect"),
        ("http://localhost:9000/mcp", PAGE),
        ("https://10.0.0.5/mcp", "https://10.0.0.9/connect"),
        ("http://testserver/mcp", PAGE),
    ],
)
async def test_a_page_that_the_url_policy_of_the_server_allows_is_shown(
    server: str, url: str
) -> None:
    assert await shown_by(server, url) == [True, True, True]


async def test_the_url_policy_of_the_transport_decides_which_pages_are_shown() -> None:
    url_policy = UrlPolicy(URL)
    url_policy.allows_addresses("mcp.example", ["10.0.0.5"])

    class Inside(PinnedTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            return await in_rounds("https://10.0.0.9/connect").handle_async_request(request)

    user = User()
    async with McpClient(URL, transport=Inside(url_policy), elicit=user, modes=("url",)) as client:
        await client.call_tool("connect", {})

    assert len(user.shown) == 1


async def test_a_request_is_retried_after_its_required_page() -> None:
    user, script = User(), refusing(2, [asking(PAGE, elicitationId="abc")["params"]])
    async with McpClient(
        URL, transport=script, initialize=True, elicit=user, modes=("url",)
    ) as client:
        await client.call_tool("need", {})

    assert len(script.messages("tools/call")) == 3
    assert [one["url"] for one in user.shown] == [PAGE, PAGE]


@pytest.mark.parametrize(
    ("user", "modes", "pending_pages", "tries"),
    [
        pytest.param(User("decline"), ("url",), [asking(PAGE)["params"]], 1, id="declined"),
        pytest.param(User(), ("form",), [asking(PAGE)["params"]], 1, id="no-pages-here"),
        pytest.param(None, ("url",), [asking(PAGE)["params"]], 1, id="nobody-to-ask"),
        pytest.param(User(), ("form", "url"), [{"mode": "form"}], 1, id="a-form"),
        pytest.param(User(), ("url",), [], 1, id="none"),
        pytest.param(User(), ("url",), "x", 1, id="malformed"),
        pytest.param(User(), ("url",), [asking(PAGE)["params"]], 4, id="for-ever"),
    ],
)
async def test_a_request_that_still_needs_a_page_fails(
    user: Any, modes: Any, pending_pages: Any, tries: int
) -> None:
    script = refusing(99, pending_pages)
    async with McpClient(
        URL, transport=script, initialize=True, elicit=user, modes=modes
    ) as client:
        with pytest.raises(CallFailed) as refusal:
            await client.call_tool("need", {})

    assert refusal.value.number == -32042
    assert len(script.messages("tools/call")) == tries


@pytest.mark.parametrize(
    ("url", "host", "careful"),
    [
        (PAGE, "mcp.example", False),
        ("http://localhost:8000/x", "localhost", False),
        ("https://mcp.example.evil.example/mcp.example", "mcp.example.evil.example", False),
        ("https://xn--mcp-example-9za.example/", "xn--mcp-example-9za.example", True),
        ("https://login.xn--pple-43d.com/", "login.xn--pple-43d.com", True),
    ],
)
def test_the_host_of_a_page_is_shown_with_a_warning_for_lookalikes(
    url: str, host: str, careful: bool
) -> None:
    page = read_elicitation_url({"mode": "url", "url": url, "message": "Connect."})

    assert (page.url, page.host, page.message) == (url, host, "Connect.")
    assert (page.warning is not None) == careful
