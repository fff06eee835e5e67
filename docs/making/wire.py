"""What went over the wire in a step: as a drawing, and as text, from what its tests recorded."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from docs.making.sequence import Hop

# What a transcript calls the parties, and what the pages call them.
PARTIES = {
    "client": "MCP client",
    "server": "MCP server",
    "provider": "Authorization server",
    "browser": "Browser",
}
Exchange = Mapping[str, Any]


def read_transcript(file: Path) -> list[Exchange]:
    """Return the exchanges that a step's tests recorded."""
    exchanges: list[Exchange] = json.loads(file.read_text("utf-8"))
    return exchanges


def hops_of(exchanges: Sequence[Exchange]) -> list[Hop]:
    """Return a hop there and a hop back for each exchange."""
    hops = []
    for one in exchanges:
        sender = PARTIES.get(str(one["from"]), str(one["from"]))
        receiver = PARTIES.get(str(one["to"]), str(one["to"]))
        refused = one["status"] >= 400
        hops += [
            Hop(sender, receiver, _question(one), note=one["says"]),
            Hop(receiver, sender, _answer(one), answer=True, refused=refused),
        ]
    return hops


def _question(one: Exchange) -> str:
    headers, body = one.get("headers") or {}, one.get("body")
    method = body.get("method", "") if isinstance(body, dict) else ""
    params = body.get("params", {}) if isinstance(body, dict) else {}
    name = params.get("name", "") if isinstance(params, dict) else ""
    said = [one["method"], one["path"], method, name]
    if "authorization" in headers:
        said.append("+ token")
    return " ".join(part for part in said if part)


def _answer(one: Exchange) -> str:
    status = one["status"]
    return f"{status} {HTTPStatus(status).phrase}{_reason(one)}"


def _reason(one: Exchange) -> str:
    answer = one.get("answer")
    if not isinstance(answer, dict):
        return ""
    error = answer.get("error")
    if isinstance(error, dict):
        reason = (
            error.get("data", {}).get("reason") if isinstance(error.get("data"), dict) else None
        )
        return f": {reason or error.get('message', '')}".rstrip(": ")
    return f": {error}" if isinstance(error, str) else ""


def wire_text(exchanges: Sequence[Exchange]) -> str:
    """Return the exchanges as Markdown: what is said, the request, and the answer."""
    parts = []
    for number, one in enumerate(exchanges, 1):
        request = [f"{one['method']} {one['path']} HTTP/1.1", *_headers(one.get("headers"))]
        phrase = HTTPStatus(one["status"]).phrase
        answer = [f"HTTP/1.1 {one['status']} {phrase}", *_headers(one.get("answer_headers"))]
        parts += [
            f"**{number}. {one['says']}**",
            _block(request, one.get("body")),
            _block(answer, one.get("answer")),
        ]
    return "\n\n".join(parts) + "\n"


def _headers(headers: Mapping[str, str] | None) -> list[str]:
    return [f"{name}: {value}" for name, value in (headers or {}).items()]


def _block(head: Sequence[str], body: Any) -> str:
    lines = list(head)
    if body is not None:
        text = body if isinstance(body, str) else json.dumps(body, indent=2, ensure_ascii=False)
        lines += ["", text.rstrip()]
    return "```http\n" + "\n".join(lines) + "\n```"
