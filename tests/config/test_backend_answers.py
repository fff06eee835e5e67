"""What callers of ``doorward serve`` get from a server behind it that is no MCP server."""

from pathlib import Path

import pytest

from tests.config.served_configuration import PONG, reason_of, serving_configuration
from tests.net.tls_server import ok

SESSION = {"Mcp-Session-Id": "one-that-ended"}


def _answer(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


PAGE = ok(b"<html>It works!</html>", "Content-Type: text/html")
NOWHERE = _answer("404 Not Found", b"Not Found", "Content-Type: text/plain")
ELSEWHERE = _answer("307 Temporary Redirect", b"", "Location: http://127.0.0.1:9000/mcp/")


@pytest.mark.parametrize("answer", [PAGE, NOWHERE, ELSEWHERE], ids=["page", "404", "redirect"])
async def test_an_answer_that_no_mcp_server_gives_is_a_502_with_its_own_code(
    tmp_path: Path, answer: bytes
) -> None:
    async with serving_configuration(tmp_path, answer) as served:
        answered = await served.ask()

    assert (answered.status_code, reason_of(answered)) == (502, "upstream-not-mcp")
    # A redirect would lead the client past the gateway.
    assert "location" not in answered.headers


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        pytest.param(ok(PONG, "Content-Type: application/json; charset=utf-8"), 200, id="json"),
        pytest.param(_answer("202 Accepted", b""), 202, id="accepted"),
        pytest.param(_answer("400 Bad Request", b"no", "Content-Type: text/plain"), 400, id="text"),
    ],
)
async def test_what_an_mcp_server_can_answer_passes(
    tmp_path: Path, answer: bytes, status: int
) -> None:
    async with serving_configuration(tmp_path, answer) as served:
        answered = await served.ask()

    assert answered.status_code == status
