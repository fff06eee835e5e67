"""Each response is limited in time and in bytes."""

import json
from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx2
import pytest

from doorward.client import McpClient, ProtocolBroken, Unreachable
from doorward.client.http.http_client import HttpClient
from doorward.client.http.response_limits import EXTENSION, LimitedTransport, ResponseLimit
from doorward.client.http.url_policy import UrlPolicy
from doorward.client.mcp import client as mcp
from doorward.client.mcp import events
from doorward.client.refusals import ClientRefused
from tests.client.conftest import Clock
from tests.client.test_streams import URL, Chunks, Script, result
from tests.ledger import proves


class Drip(httpx2.AsyncByteStream):
    """A body of which each chunk comes in time; ``clock`` says how long that took."""

    def __init__(self, clock: Clock, *chunks: bytes, every: float) -> None:
        self._clock, self._chunks, self._every = clock, chunks, every

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            self._clock.now += self._every
            yield chunk


def limited(clock: Clock, stream: httpx2.AsyncByteStream, **bounds: Any) -> Any:
    """Return a client and the extensions with which to ask it for ``stream``."""
    inner = httpx2.MockTransport(lambda _: httpx2.Response(200, stream=stream))
    limit = ResponseLimit(**{"seconds": 60.0, "octets": 1000, **bounds}, clock=clock)
    return httpx2.AsyncClient(transport=LimitedTransport(inner)), {EXTENSION: limit}


@proves("S231", "accepts", "time and page limits")
async def test_a_chunked_response_within_the_time_limit_is_read(clock: Clock) -> None:
    http, extensions = limited(clock, Drip(clock, *[b"x"] * 50, every=1.0))

    async with http:
        answer = await http.get(URL, extensions=extensions)

    assert answer.content == b"x" * 50


@proves("S231", "refuses", "time and page limits")
async def test_a_slow_drip_ends_at_the_total_time_limit(clock: Clock) -> None:
    http, extensions = limited(clock, Drip(clock, *[b"x"] * 70, every=1.0))
    begun = clock.now

    async with http:
        with pytest.raises(httpx2.ReadTimeout):
            await http.get(URL, extensions=extensions)

    assert clock.now - begun == 60.0


@proves("S231", "refuses", "time and page limits")
async def test_a_second_request_for_the_same_response_gets_the_remaining_time(clock: Clock) -> None:
    http, extensions = limited(clock, Drip(clock, *[b"x"] * 40, every=1.0))

    async with http:
        await http.get(URL, extensions=extensions)
        with pytest.raises(httpx2.ReadTimeout):
            await http.get(URL, extensions=extensions)


async def test_a_silent_response_times_out() -> None:
    class Silent(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            await anyio.sleep_forever()
            yield b""

    kind = {"content-type": "text/event-stream"}
    script = Script(lambda *_: httpx2.Response(200, headers=kind, stream=Silent()))

    async with McpClient(URL, transport=script, timeout=0.01) as client:
        with pytest.raises(Unreachable) as refusal:
            await client.list_tools()

    assert refusal.value.reason == "timeout"


async def test_time_spent_by_the_caller_does_not_count_against_the_peer(clock: Clock) -> None:
    http, extensions = limited(clock, Drip(clock, b"a", b"b", every=1.0))
    async with http, http.stream("GET", URL, extensions=extensions) as response:
        found = []
        async for chunk in response.aiter_raw():
            clock.now += 1000
            found.append(chunk)

    assert found == [b"a", b"b"]


async def scanned(monkeypatch: pytest.MonkeyPatch, *chunks: bytes) -> tuple[int, list[bytes]]:
    """Return how many octets were searched for line ends, and the events."""
    searched: list[int] = []
    split = events._split

    def counting(data: bytes) -> list[bytes]:
        searched.append(len(data))
        return split(data)

    monkeypatch.setattr(events, "_split", counting)
    response = httpx2.Response(200, stream=Chunks(*chunks), request=httpx2.Request("GET", URL))
    found = [event.data async for event in events.read_events(response, 1_000_000)]
    return sum(searched), found


@proves("S231", "refuses", "time and page limits")
@pytest.mark.parametrize(
    ("body", "count"),
    [
        pytest.param(b"data: " + b"x" * 80_000 + b"\n\n", 1, id="one-long-line"),
        pytest.param(b"data\n" * 16_000 + b"\n", 1, id="many-lines-of-one-event"),
        pytest.param(b"data:\n\n" * 11_000, 11_000, id="tiny-events"),
        pytest.param(b"data:\r\r" * 11_000, 11_000, id="carriage-returns"),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 4096])
async def test_each_byte_of_a_stream_is_scanned_once(
    monkeypatch: pytest.MonkeyPatch, body: bytes, count: int, size: int
) -> None:
    chunks = [body[start : start + size] for start in range(0, len(body), size)]

    octets, found = await scanned(monkeypatch, *chunks)

    assert len(found) == count
    assert octets <= len(body)


@proves("S231", "refuses", "time and page limits")
async def test_an_event_of_empty_data_lines_is_limited() -> None:
    response = httpx2.Response(
        200, stream=Chunks(*[b"data\n"] * 2000), request=httpx2.Request("GET", URL)
    )

    with pytest.raises(ProtocolBroken) as refusal:
        _ = [event async for event in events.read_events(response, 1000)]

    assert refusal.value.reason == "too-large"


@proves("S231", "accepts", "time and page limits")
async def test_comments_do_not_count_towards_the_event_limit() -> None:
    body = [b": still here\n\n"] * 2000 + [b"data: a\n\n"]
    response = httpx2.Response(200, stream=Chunks(*body), request=httpx2.Request("GET", URL))

    assert [event.data async for event in events.read_events(response, 1000)] == [b"a"]


def pages(size: int, most: int | None = None) -> Any:
    """Answer with pages of ``size`` octets that go on for ever, or up to ``most``."""

    def answer(_: httpx2.Request, message: dict[str, Any]) -> httpx2.Response:
        number = int(message.get("params", {}).get("cursor", 0)) + 1
        tool = {"name": f"t{number}", "description": "x" * size, "inputSchema": {}}
        more = {} if number == most else {"nextCursor": str(number)}
        return result(message, tools=[tool], **more)

    return answer


@proves("S231", "accepts", "time and page limits")
async def test_a_list_of_a_hundred_pages_is_read_completely() -> None:
    async with McpClient(URL, transport=Script(pages(1, most=100))) as client:
        tools = await client.list_tools()

    assert len(tools) == 100


@proves("S231", "refuses", "time and page limits")
async def test_an_endless_list_is_refused_instead_of_truncated() -> None:
    script = Script(pages(1))

    async with McpClient(URL, transport=script) as client:
        with pytest.raises(ProtocolBroken) as refusal:
            await client.list_tools()

    assert refusal.value.reason == "too-many-pages"
    assert len(script.asked) == 100


@proves("S231", "refuses", "time and page limits")
@pytest.mark.parametrize("initialize", [False, True])
async def test_the_size_limit_counts_all_pages_of_a_list(
    monkeypatch: pytest.MonkeyPatch, initialize: bool
) -> None:
    monkeypatch.setattr(mcp, "MAX_LIST", 10_000)

    def answer(request: httpx2.Request, message: dict[str, Any]) -> httpx2.Response:
        if message["method"] == "initialize":
            return result(message, protocolVersion="2025-11-25")
        return pages(4_000)(request, message)  # type: ignore[no-any-return]

    script = Script(answer)

    async with McpClient(URL, transport=script, initialize=initialize) as client:
        with pytest.raises(ProtocolBroken) as refusal:
            await client.list_tools()

    assert refusal.value.reason == "too-large"
    assert len(script.messages("tools/list")) == 3


class Baker(httpx2.AsyncBaseTransport):
    """Sets a cookie with every answer, and remembers which came back."""

    def __init__(self) -> None:
        self.seen: list[str | None] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append(request.headers.get("cookie"))
        message = json.loads(await request.aread() or b"{}")
        body = json.dumps({"id": message.get("id"), "result": {"tools": []}}).encode()
        return httpx2.Response(200, headers={"set-cookie": "a=b"}, stream=Chunks(body))


@proves("S231", "refuses", "time and page limits")
async def test_no_cookie_is_stored_between_requests() -> None:
    baker = Baker()
    http_client = HttpClient(UrlPolicy(URL), baker)
    for _ in range(2):
        await http_client.get("https://issuer.example/", "metadata")
    async with McpClient(URL, transport=baker) as client:
        for _ in range(2):
            await client.list_tools()

    assert baker.seen == [None] * 4


@pytest.fixture
def sleepless(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Count the pauses of a session, and take none."""
    paused: list[float] = []

    async def sleep(seconds: float) -> None:
        paused.append(seconds)

    monkeypatch.setattr("doorward.client.mcp.session.anyio.sleep", sleep)
    return paused


async def test_a_resumed_stream_shares_the_limit_of_its_response(
    sleepless: list[float],
) -> None:
    shared: list[Any] = []

    def answer(request: httpx2.Request, message: dict[str, Any]) -> httpx2.Response:
        if message.get("method") == "initialize":
            return result(message, protocolVersion="2025-11-25")
        shared.append(request.extensions[EXTENSION])
        kind = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers=kind, stream=Chunks(b"id: 1\nretry: 9\ndata\n\n"))

    async with McpClient(URL, transport=Script(answer), initialize=True) as client:
        with pytest.raises(ClientRefused):
            await client.list_tools()

    assert len(shared) == 11
    assert len(set(map(id, shared))) == 1
