"""Requests to an ASGI application in this process."""

from typing import Any

import httpx2


async def ask(app: Any, path: str, method: str = "GET", **headers: str) -> httpx2.Response:
    """Send one request."""
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:9100", trust_env=False
    ) as client:
        return await client.request(method, path, headers=headers)
