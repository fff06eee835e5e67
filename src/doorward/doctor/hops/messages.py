"""The MCP messages that the doctor sends."""

from collections.abc import Mapping
from typing import Any

from doorward.client.mcp.messages import MODERN, build_headers, build_request
from doorward.doctor.probe.probe import Answer, Probe, Question
from doorward.wire.jsonrpc.envelope import LEGACY_VERSIONS

CLIENT = {"name": "doorward-doctor", "version": "1"}
LEGACY = max(LEGACY_VERSIONS)


def legacy(
    purpose: str,
    url: str,
    method: str,
    params: Mapping[str, Any],
    *,
    session: str | None = None,
    version: str | None = LEGACY,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Question:
    """Return a request of 2025-11-25 or older; ``initialize`` is sent without a version header."""
    message = build_request(1, method, params, version=LEGACY, client=CLIENT, capabilities={})
    if method.startswith("notifications/"):
        del message["id"]
    sent = build_headers(message, version=version) | dict(headers or {})
    if session is not None:
        sent["Mcp-Session-Id"] = session
    return Question(
        purpose=purpose, url=url, method="POST", headers=sent, json=message, token=token
    )


def initialize(
    purpose: str,
    url: str,
    *,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
    version: str = LEGACY,
) -> Question:
    """Return the first request of a session, as every client of 2025-11-25 sends it."""
    params = {"protocolVersion": version, "capabilities": {}, "clientInfo": CLIENT}
    return legacy(purpose, url, "initialize", params, version=None, token=token, headers=headers)


def modern(
    purpose: str,
    url: str,
    method: str,
    params: Mapping[str, Any] | None = None,
    *,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Question:
    """Return a request of 2026-07-28, which needs no session."""
    message = build_request(1, method, params or {}, version=MODERN, client=CLIENT, capabilities={})
    sent = build_headers(message, version=MODERN) | dict(headers or {})
    return Question(
        purpose=purpose, url=url, method="POST", headers=sent, json=message, token=token
    )


async def begin_and_end(probe: Probe, question: Question) -> Answer:
    """
    Return the answer to ``initialize``, and end the session that it begins, if any.

    Spec: MCP 2025-11-25 session management
    """
    answer = await probe.send(question)
    session = answer.headers.get("mcp-session-id")
    if session is not None and answer.exchange.status == 200:
        headers = {"Mcp-Session-Id": session, "MCP-Protocol-Version": LEGACY}
        if question.token is not None:
            headers["Authorization"] = f"Bearer {question.token}"
        await probe.send(
            Question(purpose="end the session", url=question.url, method="DELETE", headers=headers)
        )
    return answer
