"""Asks each server a few calls one by one: a fast wrong answer is no result."""

import http.client
import json
from typing import Any

from benchmarks.arena import Running
from benchmarks.calls import Call, call_add
from benchmarks.mint import Mint


class WrongAnswer(Exception):
    """A server of the comparison answers wrongly, so its figures would mean nothing."""


def check_answers(running: Running, calls: list[Call]) -> None:
    """Require the right sum under the right id for each of ``calls``."""
    for call in calls:
        status, message = _ask(running.port, call)
        result = message.get("result", {})
        right = (
            status == 200
            and message.get("id") == call.id
            and result.get("content", [{}])[0].get("text") == call.expected.decode()
            and not result.get("isError")
        )
        if not right:
            raise WrongAnswer(f"{running.contender.name}: {status} {message}")


def check_refusals(running: Running, mint: Mint) -> None:
    """Require 401 without a token and with each bad one, and no answer without the scope."""
    refused = [("no token", None), *mint.bad_tokens()]
    for wrong, token in refused:
        status, _ = _ask(running.port, call_add(1, token))
        if status != 401:
            raise WrongAnswer(f"{running.contender.name}: {wrong} gets {status}")
    # FastMCP answers 401 where RFC 6750 §3.1 asks for 403; both are refusals.
    status, _ = _ask(running.port, call_add(1, mint.token(scope="other")))
    if status not in (401, 403):
        raise WrongAnswer(f"{running.contender.name}: a missing scope gets {status}")


def _ask(port: int, call: Call) -> tuple[int, dict[str, Any]]:
    head, _, body = call.request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, path, _ = first.split(" ")
    headers = dict(line.split(": ", 1) for line in lines)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, _message(answer.read(), answer.getheader("content-type") or "")
    finally:
        connection.close()


def _message(body: bytes, content_type: str) -> dict[str, Any]:
    if content_type.startswith("text/event-stream"):
        data = [line[5:] for line in body.decode().splitlines() if line.startswith("data:")]
        body = data[-1].encode() if data else b""
    try:
        message = json.loads(body)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}
