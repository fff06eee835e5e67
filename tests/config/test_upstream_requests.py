"""What callers write stays in the body: no argument changes the URL or the headers of a request."""

from pathlib import Path
from typing import Any

import pytest

from tests.config.served_configuration import MCP, PONG, serving_configuration
from tests.ledger import proves
from tests.net.tls_server import ok

JSON = "Content-Type: application/json"
BREAKING = "x\r\nX-Doorward-Subject: root\r\n\r\nGET /admin HTTP/1.1"


def _call(arguments: dict[str, Any]) -> dict[str, Any]:
    params = {"name": "add", "arguments": arguments}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}


def _head(request: str) -> list[str]:
    lines = request.split("\r\n")
    return [line for line in lines if not line.lower().startswith("content-length:")]


@proves("S154", "accepts", "arguments in URLs and headers")
async def test_a_call_reaches_the_configured_path_whatever_its_arguments_are(
    tmp_path: Path,
) -> None:
    async with serving_configuration(tmp_path, ok(PONG, JSON)) as served:
        answer = await served.ask(json=_call({"path": "notes/today"}))

    assert answer.status_code == 200
    assert served.behind.requests[0].startswith("POST /inside HTTP/1.1\r\n")


@proves("S154", "refuses", "arguments in URLs and headers")
@pytest.mark.parametrize(
    "text", [BREAKING, "../../admin?x=1#y", "%2e%2e%2fadmin", "Zoë\x00", "${HOME}"]
)
async def test_no_argument_changes_the_url_or_a_header(tmp_path: Path, text: str) -> None:
    async with serving_configuration(tmp_path, ok(PONG, JSON)) as served:
        await served.ask(json=_call({"path": "plain"}))
        answer = await served.ask(json=_call({"path": text, text: [text]}))

    plain, other = served.behind.requests
    assert answer.status_code == 200
    assert _head(other) == _head(plain)


@proves("S154", "refuses", "arguments in URLs and headers")
async def test_a_query_stays_encoded(tmp_path: Path) -> None:
    async with serving_configuration(tmp_path, ok(PONG, JSON)) as served:
        await served.ask(url=f"{MCP}?q=%0d%0aX-User:%20root%23/../admin")

    (seen,) = served.behind.requests
    assert seen.startswith("POST /inside?q=%0d%0aX-User:%20root%23/../admin HTTP/1.1\r\n")
    assert "\r\nX-User" not in seen
