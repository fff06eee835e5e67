"""Which bodies pass: UTF-8 JSON. A body that was read is replayed to the application."""

from doorward.errors import BadRequest, MediaTypeRefused
from doorward.guard.http.request_headers import RequestHeaders
from doorward.wire.asgi import Message, Receive


def require_json(headers: RequestHeaders) -> None:
    """
    Let a message pass that both guard and application read as UTF-8 JSON.

    Raises:
        MediaTypeRefused: 415, another type, another charset or an encoding.
        BadRequest: 400, a header that decides how the body is read came twice.

    Spec: MCP 2026-07-28 basic/transports/streamable-http §Sending Messages
    """
    if headers.repeated:
        for name in (b"content-type", b"content-length", b"content-encoding"):
            if name in headers.repeated:
                raise BadRequest(f"several {name.decode()} headers")
    given = headers.by_name.get(b"content-type", b"")
    if given != b"application/json":
        kind, _, parameters = given.partition(b";")
        if kind.strip().lower() != b"application/json" or _other_charset(parameters):
            raise MediaTypeRefused(f"Content-Type={given[:100]!r}")
    encoding = headers.by_name.get(b"content-encoding")
    if encoding is not None and encoding.strip().lower() not in (b"identity", b""):
        raise MediaTypeRefused(f"Content-Encoding={encoding[:100]!r}")


def _other_charset(parameters: bytes) -> bool:
    for parameter in parameters.lower().split(b";"):
        name, _, value = parameter.partition(b"=")
        if name.strip() == b"charset" and value.strip(b' \t"') not in (b"utf-8", b"utf8"):
            return True
    return False


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives ``body`` once and then whatever really happens."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
