"""ASGI types, and reading a request body with a limit."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from doorward.errors import BodyTooLarge

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class ClientDisconnected(Exception):
    """The client closed the connection: nobody reads a response."""


async def read_body(receive: Receive, headers: list[tuple[bytes, bytes]], limit: int) -> bytes:
    """
    Return the request body, of at most ``limit`` bytes.

    Raises:
        BodyTooLarge: the body, or its Content-Length, is above the limit.
        ClientDisconnected: the client disconnected before the end of the body.
    """
    for name, value in headers:
        if name == b"content-length" and _exceeds(value, limit):
            raise _too_large(f"content-length={value[:20]!r}, limit={limit}")
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientDisconnected
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(f"more than {limit} bytes came")
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large(detail: str) -> BodyTooLarge:
    said = "The request body is larger than this server accepts."
    return BodyTooLarge(detail, description=said)


def _exceeds(content_length: bytes, limit: int) -> bool:
    # The digits are counted first: Python refuses to parse an integer of five thousand digits.
    return content_length.isdigit() and (len(content_length) > 18 or int(content_length) > limit)
