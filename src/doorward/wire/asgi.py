"""The ASGI types under Starlette's names, and a reader for request bodies."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from doorward.errors import BadRequest, BodyTooLarge

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class ClientDisconnected(Exception):
    """The client closed the connection and will not read a response."""


async def read_body(receive: Receive, limit: int, content_length: bytes | None = None) -> bytes:
    """
    Return the request body, of at most ``limit`` bytes.

    ``content_length`` is the value of that header, if you have it. If it is above the limit, nothing
    is read.

    Raises:
        BodyTooLarge: 413, the body or its Content-Length is above the limit.
        BadRequest: 400, Content-Length is not a number.
        ClientDisconnected: the client disconnected before the end of the body.
    """
    if content_length is not None:
        _require_length(content_length, limit)
    message = await receive()
    body = _chunk(message)
    if message.get("more_body", False):
        chunks, size = [body], len(body)
        while message.get("more_body", False) and size <= limit:
            message = await receive()
            chunks.append(_chunk(message))
            size += len(chunks[-1])
        body = b"".join(chunks)
    if len(body) > limit:
        raise BodyTooLarge(f"more than {limit} bytes arrived")
    return body


def _require_length(content_length: bytes, limit: int) -> None:
    if not content_length.isdigit():
        raise BadRequest(f"Content-Length={content_length[:50]!r}")
    # Checks the number of digits first: Python raises ValueError for an integer of 5,000 digits.
    if len(content_length) > 18 or int(content_length) > limit:
        raise BodyTooLarge(f"Content-Length={content_length[:50]!r}, limit={limit}")


def _chunk(message: Message) -> bytes:
    if message["type"] != "http.request":
        raise ClientDisconnected
    chunk: bytes = message.get("body", b"")
    return chunk
