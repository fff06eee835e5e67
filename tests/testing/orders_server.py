"""A small server of each kind behind one guard, and faults that a proxy or an author can add to it."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from doorward import Guard, Policy
from doorward.wire.asgi import ASGIApp, Message, Receive, Scope, Send
from tests.embedded.test_guard_with_sign_in import KINDS

URL = "https://mcp.example/mcp"
ISSUER = "https://login.example"
SCOPES = {"mcp:read", "orders:read"}

Headers = list[tuple[bytes, bytes]]
Rewrite = Callable[[int, Headers, bytes], tuple[int, Headers, bytes]]


class Orders(NamedTuple):
    """An application with one tool, and the guard in front of it."""

    app: ASGIApp
    guard: Guard


def orders(kind: str = "fastapi", **options: Any) -> Orders:
    """Return a server of ``kind`` whose tool needs ``orders:read``; the challenge names its scopes."""
    made: list[Guard] = []

    def new_guard(policy: Policy) -> Any:
        made.append(
            Guard(
                **{
                    "resource": URL,
                    "issuer": ISSUER,
                    "policy": policy,
                    "challenge_scopes": SCOPES,
                    **options,
                }
            )
        )
        return made[0]

    return Orders(KINDS[kind](new_guard), made[0])


def rewriting(app: ASGIApp, path: str, rewrite: Rewrite) -> ASGIApp:
    """Return ``app`` with other responses below ``path``; each response is sent as a whole."""

    async def changed(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(path):
            await app(scope, receive, send)
            return
        start: Message = {}
        body = bytearray()

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                body.extend(message.get("body", b""))

        await app(scope, receive, collect)
        status, headers, whole = rewrite(start["status"], list(start["headers"]), bytes(body))
        headers = [one for one in headers if one[0].lower() != b"content-length"]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": whole})

    return changed


def with_document(**changes: Any) -> Rewrite:
    """Return a rewrite that changes members of a JSON document; ``None`` removes one."""

    def rewrite(status: int, headers: Headers, body: bytes) -> tuple[int, Headers, bytes]:
        document = {**json.loads(body), **changes}
        kept = {name: value for name, value in document.items() if value is not None}
        return status, headers, json.dumps(kept).encode()

    return rewrite


def without_header(name: bytes) -> Rewrite:
    """Return a rewrite that removes a header."""
    return lambda status, headers, body: (
        status,
        [one for one in headers if one[0].lower() != name],
        body,
    )


def answering(status: int, *headers: tuple[bytes, bytes], body: bytes = b"") -> Rewrite:
    """Return a rewrite that answers the same to everything."""
    return lambda _status, _headers, _body: (status, list(headers), body)


def refusing(app: ASGIApp, agents: Callable[[str], bool]) -> ASGIApp:
    """Return ``app`` behind an edge that refuses some user agents."""

    async def edge(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            sent = dict(scope["headers"])
            if agents(sent.get(b"user-agent", b"").decode()):
                await send({"type": "http.response.start", "status": 403, "headers": []})
                await send({"type": "http.response.body", "body": b"blocked"})
                return
        await app(scope, receive, send)

    return edge
