"""What pages show of recordings is what was recorded: hops, messages, and the attack matrix."""

import json
from pathlib import Path
from typing import Any

import pytest
from docs.making.hops import printed_hops
from docs.making.matrix import matrix_table
from docs.making.wire import hops_of, wire_text

CALL: dict[str, Any] = {
    "says": "A call that is refused.",
    "from": "client",
    "to": "server",
    "method": "POST",
    "path": "/mcp",
    "headers": {"authorization": "Bearer eyJ…"},
    "body": {"method": "tools/call", "params": {"name": "echo"}},
    "status": 403,
    "answer_headers": {"www-authenticate": "Bearer"},
    "answer": {"error": {"message": "No.", "data": {"reason": "scope-missing"}}},
}


def test_an_exchange_is_a_hop_there_and_a_hop_back() -> None:
    there, back = hops_of([CALL])

    assert (there.sender, there.receiver) == ("MCP client", "MCP server")
    assert there.says == "POST /mcp tools/call echo + token"
    assert there.note == "A call that is refused."
    assert (back.sender, back.says) == ("MCP server", "403 Forbidden: scope-missing")
    assert back.answer
    assert back.refused


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"status": 200, "answer": {"result": {}}}, "200 OK", id="served"),
        pytest.param({"status": 400, "answer": {"error": {"message": "No."}}}, "400 Bad Request: No.", id="no-reason"),
        pytest.param({"status": 401, "answer": {"error": "missing"}}, "401 Unauthorized: missing", id="oauth"),
        pytest.param({"status": 202, "answer": None}, "202 Accepted", id="empty"),
    ],
)  # fmt: skip
def test_an_answer_says_why(change: dict[str, Any], says: str) -> None:
    _, back = hops_of([{**CALL, **change}])

    assert back.says == says
    assert back.refused == (change["status"] >= 400)


def test_every_message_is_written_out_as_it_was_recorded() -> None:
    text = wire_text([CALL])

    assert text.startswith("**1. A call that is refused.**\n")
    assert "POST /mcp HTTP/1.1\nauthorization: Bearer eyJ…\n\n{" in text
    assert "HTTP/1.1 403 Forbidden\nwww-authenticate: Bearer\n\n{" in text
    assert '"reason": "scope-missing"' in text


def test_the_matrix_leads_to_the_step_that_closes_an_attack(tmp_path: Path) -> None:
    attack = {
        "sentence": "Somebody calls.",
        "closes": 2,
        "steps": {"1": "succeeds", "2": "refused", "3": "refused", "10": "–"},
    }
    file = tmp_path / "attacks.json"
    file.write_text(json.dumps([attack]), "utf-8")

    assert matrix_table(file).splitlines() == [
        "| The attack | [1](step1.md) | [2](step2.md) | [3](step3.md) | [10](step10.md) |",
        "|---|:-:|:-:|:-:|:-:|",
        "| Somebody calls. | ✗ | [✓](step2.md) | ✓ | · |",
    ]


PRINTED = """```console
$ uv run step11
  1  POST http://localhost:9000/mcp tools/call echo → 401
       scope: mcp:read
  2  POST http://localhost:8080/realms/mcp-realm/token → 200
  3  browser http://localhost:8080/realms/mcp-realm/auth
  4  browser came back
{
```
"""


def test_the_hops_that_the_client_printed_are_drawn(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PRINTED, "utf-8")

    drawn = [(hop.sender, hop.receiver, hop.says) for hop in printed_hops(page)]

    assert drawn == [
        ("MCP client", "MCP server", "POST /mcp tools/call echo"),
        ("MCP server", "MCP client", "401"),
        ("MCP client", "Authorization server", "POST …/token"),
        ("Authorization server", "MCP client", "200"),
        ("MCP client", "Browser", "open the sign-in page"),
        ("Browser", "Authorization server", "sign in at …/auth"),
        ("Authorization server", "Browser", "back to the client, with a code"),
        ("Browser", "MCP client", "code, state, iss"),
    ]


def test_a_page_without_hops_is_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ ls\n```\n", "utf-8")

    with pytest.raises(ValueError, match="no hops"):
        printed_hops(page)
