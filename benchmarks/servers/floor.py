"""The floor: what the HTTP server itself costs, with nothing behind it."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

ANSWER = (
    b'{"jsonrpc":"2.0","id":0,"result":{"content":[{"type":"text","text":"3000000"}],'
    b'"structuredContent":{"result":3000000},"isError":false}}'
)
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def build(_keys_url: str) -> Callable[..., Coroutine[Any, Any, None]]:
    """Return an application that reads the body and always answers the same."""
    return _answer


async def _answer(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": ANSWER})
