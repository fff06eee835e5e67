"""The body of a message: read once, within a limit, and handed on as it came."""

from doorward.errors import BadRequest, BodyTooLarge, MediaTypeRefused
from doorward.guard.http.request_headers import RequestHeaders
from doorward.guard.http.responses import Message as AsgiMessage
from doorward.guard.http.responses import Receive


class ClientDisconnected(Exception):
    """The client left before its message was whole; nobody waits for an answer."""


def require_json(asked: RequestHeaders) -> None:
    """
    Let a message pass that both guard and application read as UTF-8 JSON.

    Raises:
        MediaTypeRefused: 415, another type, another charset or an encoding.
        BadRequest: 400, a header that decides how the body is read came twice.

    Spec: MCP 2026-07-28 basic/transports/streamable-http §Sending Messages
    """
    if asked.repeated:
        for name in (b"content-type", b"content-length", b"content-encoding"):
            if name in asked.repeated:
                raise BadRequest(f"several {name.decode()} headers")
    given = asked.headers.get(b"content-type", b"")
    if given != b"application/json":
        kind, _, parameters = given.partition(b";")
        if kind.strip().lower() != b"application/json" or _other_charset(parameters):
            raise MediaTypeRefused(f"Content-Type={given[:100]!r}")
    encoding = asked.headers.get(b"content-encoding")
    if encoding is not None and encoding.strip().lower() not in (b"identity", b""):
        raise MediaTypeRefused(f"Content-Encoding={encoding[:100]!r}")


def _other_charset(parameters: bytes) -> bool:
    for parameter in parameters.lower().split(b";"):
        name, _, value = parameter.partition(b"=")
        if name.strip() == b"charset" and value.strip(b' \t"') not in (b"utf-8", b"utf8"):
            return True
    return False


def require_size(asked: RequestHeaders, limit: int) -> None:
    """
    Let a message pass that does not say that it is longer than ``limit`` bytes.

    Raises:
        BodyTooLarge: 413.
        BadRequest: 400, the length is no number.
    """
    declared = asked.headers.get(b"content-length")
    if declared is not None:
        if not declared.isdigit():
            raise BadRequest(f"Content-Length={declared[:50]!r}")
        if len(declared) > 18 or int(declared) > limit:
            raise BodyTooLarge(f"{declared[:50]!r} bytes announced, read {limit}")


async def read_body(receive: Receive, limit: int) -> bytes:
    """
    Return the whole body, of at most ``limit`` bytes.

    Raises:
        BodyTooLarge: 413, while it arrives.
        Gone: the client went away.
    """
    message = await receive()
    body: bytes = _chunk(message)
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


def _chunk(message: AsgiMessage) -> bytes:
    if message["type"] != "http.request":
        raise ClientDisconnected
    chunk: bytes = message.get("body", b"")
    return chunk


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives ``body`` once and then whatever really happens."""
    given = False

    async def again() -> AsgiMessage:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
