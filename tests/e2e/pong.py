"""What an application behind the guard answers where only the way to it is tested."""

import json

from starlette.requests import Request
from starlette.responses import Response


async def pong(request: Request) -> Response:
    """Answer every message with the same result."""
    message = json.loads(await request.body() or b"{}")
    return Response(
        json.dumps({"jsonrpc": "2.0", "id": message.get("id"), "result": {"pong": True}}),
        media_type="application/json",
    )
