"""The endpoint has one path; look-alikes of it are refused."""

import json

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.guard.http.paths import EndpointPaths
from tests.guard.bench import RESOURCE, Bench, bearer, error, message, token
from tests.ledger import proves

OPEN = {"serve_other_paths": True}
PING = json.dumps(message("ping")).encode()


@proves("S152", "accepts", "path and host tricks")
@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_the_endpoint_is_served_with_and_without_a_trailing_slash_without_redirects(
    path: str,
) -> None:
    bench = Bench()

    served = await bench.ask(path=path, json=message("ping"), headers=bearer(token("mcp:read")))
    refused = await bench.ask(path=path, json=message("ping"))

    assert (served.status_code, refused.status_code) == (200, 401)
    assert bench.seen[0]["path"] == "/mcp"
    assert bench.seen[0]["raw_path"] == b"/mcp"


async def test_the_application_gets_the_configured_form_of_its_path() -> None:
    bench = Bench(app_path="/mcp/")

    await bench.ask(path="/mcp", json=message("ping"), headers=bearer(token("mcp:read")))

    assert bench.seen[0]["path"] == "/mcp/"


@pytest.mark.parametrize("path", ["/", ""])
async def test_an_endpoint_at_the_root_is_guarded(path: str) -> None:
    bench = Bench(resource="https://mcp.example")

    assert (await bench.ask(path=path or "/", json=message("ping"))).status_code == 401


async def raw(bench: Bench, path: str, raw_path: bytes | None) -> httpx2.Response:
    """Send a path exactly as written, without a client that normalises it."""
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": PING, "more_body": False}

    async def send(part: object) -> None:
        assert isinstance(part, dict)
        sent.append(part)

    scope: dict[str, object] = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        # Everything else about the request is good, so that only its path can be the reason.
        "headers": [
            (b"host", b"mcp.example"),
            (b"content-type", b"application/json"),
            (b"authorization", bearer(token("mcp:read"))["authorization"].encode()),
        ],
    }
    if raw_path is not None:
        scope["raw_path"] = raw_path
    await bench.guarded(scope, receive, send)
    status = sent[0]["status"]
    assert isinstance(status, int)
    return httpx2.Response(status, content=b"".join(part.get("body", b"") for part in sent))  # type: ignore[misc]


@proves("S152", "accepts", "path and host tricks")
@pytest.mark.parametrize("raw_path", [b"/mcp", b"/mcp?x=1", None])
async def test_the_plain_path_is_served_with_every_form_of_raw_path(
    raw_path: bytes | None,
) -> None:
    assert (await raw(Bench(), "/mcp", raw_path)).status_code == 200


@proves("S4", "refuses", "Host cannot move the path")
@proves("S152", "refuses", "path and host tricks")
@pytest.mark.parametrize(
    ("path", "raw_path"),
    [
        pytest.param("//mcp", b"//mcp", id="two-slashes"),
        pytest.param("/./mcp", b"/./mcp", id="a-dot"),
        pytest.param("/x/../mcp", b"/x/../mcp", id="two-dots"),
        pytest.param("/x/../mcp", b"/x/%2e%2e/mcp", id="two-dots-encoded"),
        pytest.param("/mcp;v=1", b"/mcp;v=1", id="a-parameter"),
        pytest.param("/mcp;/x", b"/mcp;/x", id="a-parameter-before-a-slash"),
        pytest.param("/;/mcp", b"/;/mcp", id="an-empty-segment-with-a-parameter"),
        pytest.param("/mcp", b"/%6dcp", id="a-letter-encoded"),
        pytest.param("/mcp/", b"/mcp%2f", id="the-slash-encoded"),
        pytest.param("/mcp%2f", b"/mcp%252f", id="encoded-twice"),
        pytest.param("/%6dcp", b"/%256dcp", id="a-letter-encoded-twice"),
        pytest.param("/%256dcp", b"/%25256dcp", id="a-letter-encoded-three-times"),
        pytest.param("/mcp\\", b"/mcp\\", id="a-backslash"),
        pytest.param("\\mcp", b"\\mcp", id="a-backslash-in-front"),
        pytest.param("/mcp//", b"/mcp//", id="two-slashes-behind"),
        pytest.param("/mcp//x", b"/mcp//x", id="two-slashes-within"),
        pytest.param("/MCP", b"/MCP", id="capitals"),
        pytest.param("/mcp\0", b"/mcp%00", id="nul"),
        pytest.param("/mcp ", b"/mcp%20", id="a-space"),
        pytest.param("mcp", b"mcp", id="no-slash"),
        pytest.param(
            "http://mcp.example/mcp", b"http://mcp.example/mcp", id="a-target-in-absolute-form"
        ),
        pytest.param("*", b"*", id="no-path-at-all"),
        pytest.param("/m\uff43p", b"/m%EF%BD%83p", id="a-wide-letter"),
        pytest.param("/mcp#x", b"/mcp#x", id="a-fragment"),
        pytest.param("/mcp?x", b"/mcp%3Fx", id="a-question-mark-encoded"),
        pytest.param("/mcp#/x", b"/mcp%23/x", id="a-fragment-before-a-slash"),
    ],
)
@pytest.mark.parametrize("options", [{}, OPEN], ids=["closed", "open"])
async def test_a_lookalike_of_the_endpoint_path_never_reaches_the_application(
    path: str, raw_path: bytes, options: dict[str, bool]
) -> None:
    bench = Bench(**options)

    for sent in (raw_path, None):
        if sent is not None or path not in ("/mcp", "/mcp/"):
            answer = await raw(bench, path, sent)
            assert answer.status_code in (400, 404)

    assert bench.seen == []


@proves("S152", "refuses", "path and host tricks")
@pytest.mark.parametrize("path", ["/mcp/x", "/mcp/messages/", "/mcp/sse"])
async def test_paths_below_the_endpoint_are_not_served_without_the_guard(path: str) -> None:
    bench = Bench(**OPEN)

    assert (await bench.ask(path=path, json=message("ping"))).status_code == 404
    assert bench.seen == []


@proves("S140", "refuses", "every request is checked")
@pytest.mark.parametrize("path", ["/sse", "/messages/", "/admin", "/mcp2"])
async def test_other_paths_are_refused_unless_the_operator_opens_them(path: str) -> None:
    closed, opened = Bench(), Bench(**OPEN)

    refused, served = await closed.ask("GET", path), await opened.ask("GET", path)

    assert refused.status_code == 404
    assert error(refused)["data"]["reason"] == "nothing-here"
    assert closed.seen == []
    assert served.text == "nobody"


@proves("S4", "accepts", "Host cannot move the path")
@proves("S152", "accepts", "path and host tricks")
async def test_an_open_path_reaches_the_application_unchanged() -> None:
    bench = Bench(**OPEN)

    answer = await bench.ask("GET", "/docs/a%20b?x=1", headers={"host": "any.example"})

    assert answer.status_code == 200
    assert bench.seen[0]["path"] == "/docs/a b"
    assert bench.seen[0]["query_string"] == b"x=1"


@given(st.text(alphabet="/.%2efmcpMCP;\\ \0x", max_size=14))
def test_no_spelling_of_the_endpoint_counts_as_another_path(path: str) -> None:
    place = EndpointPaths(RESOURCE, None).place(path, path.encode())

    # The most forgiving reader there is: decodes for ever, ignores case and everything odd.
    bare = path
    for _ in range(6):
        bare = httpx2.QueryParams("q=" + bare.replace("&", "").replace("+", "")).get("q", "")
    kept: list[str] = []
    for part in bare.replace("\\", "/").lower().split("/"):
        name = part.split(";")[0].split("\0")[0].strip()
        if name == "..":
            kept = kept[:-1]
        elif name not in ("", "."):
            kept.append(name)
    if kept[:1] == ["mcp"]:
        assert place != "elsewhere"


async def test_a_websocket_at_the_endpoint_is_closed() -> None:
    bench = Bench(**OPEN)
    sent: list[object] = []

    async def receive() -> dict[str, object]:
        return {"type": "websocket.connect"}

    async def send(part: object) -> None:
        sent.append(part)

    scope = {"type": "websocket", "path": "/mcp", "raw_path": b"/mcp", "headers": []}
    await bench.guarded(scope, receive, send)

    assert sent == [{"type": "websocket.close", "code": 1008}]
    assert bench.seen == []
