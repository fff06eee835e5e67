"""The operation of each HTTP method at the MCP endpoint; POST alone carries a message."""

from collections.abc import Mapping

from doorward.guard.http.request_headers import RequestHeaders
from doorward.guard.refusals import MethodRefused, UnexpectedBody
from doorward.policy import Operation
from doorward.policy.rules import END_SESSION, OPEN_STREAM
from doorward.wire.asgi import Message, Receive

# HEAD is GET without the response body. The guard answers OPTIONS itself.
WITHOUT_MESSAGE: Mapping[str, Operation | None] = {
    "GET": OPEN_STREAM,
    "HEAD": OPEN_STREAM,
    "DELETE": END_SESSION,
    "OPTIONS": None,
}
ALLOW = "POST, GET, HEAD, DELETE, OPTIONS"
NOT_IN_MESSAGES = frozenset(one.method for one in (OPEN_STREAM, END_SESSION))


def operation_of(http_method: str, headers: RequestHeaders) -> Operation | None:
    """
    Return what a request with ``verb`` and without a message asks for.

    Raises:
        MethodRefused: 405, the endpoint does not serve this method.
        UnexpectedBody: 400, a body is announced. An application that ignores the verb would run
            the message in it, which no rule was asked about.

    Spec: MCP 2026-07-28 basic/transports/streamable-http; RFC 9110 §9.3.1, §15.5.6
    """
    if http_method not in WITHOUT_MESSAGE:
        raise MethodRefused(
            f"method={http_method!r}, want one of POST {' '.join(WITHOUT_MESSAGE)}",
            allow=ALLOW,
            description="Send messages by POST. GET opens a stream and DELETE ends a session.",
        )
    length = (
        b"" if b"content-length" in headers.repeated else headers.by_name.get(b"content-length")
    )
    if length not in (None, b"0") or b"transfer-encoding" in headers.by_name:
        raise UnexpectedBody(f"{http_method} with a body")
    return WITHOUT_MESSAGE[http_method]


def without_body(receive: Receive) -> Receive:
    """
    Return a ``receive`` that gives an empty body, and then the disconnect.

    In HTTP/2, a body can come without a header that announces it.
    """
    given = False

    async def empty() -> Message:
        nonlocal given
        if not given:
            given = True
            return {"type": "http.request", "body": b"", "more_body": False}
        while (message := await receive())["type"] == "http.request":
            pass
        return message

    return empty
