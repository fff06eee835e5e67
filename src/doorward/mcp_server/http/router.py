"""The endpoint as a router of a FastAPI application."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from doorward.mcp_server.asgi import Receive, Scope, Send
from doorward.mcp_server.http.endpoint import Endpoint
from doorward.mcp_server.http.middleware import path_variants

# All of them: what is not POST is refused by the endpoint, in MCP's own way.
_VERBS = ["POST", "GET", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"]


class _Handover(Response):
    """The response of a path operation that lets the endpoint answer."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__()
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request over."""
        await self._endpoint(scope, receive, send)


def router_of(endpoint: Endpoint, path: str, close: Callable[[], None]) -> APIRouter:
    """
    Return a router that serves ``endpoint`` at ``path`` and at ``path/``, redirecting neither.

    ``close`` is called when the application that includes it ends.

    Raises:
        ConfigurationError: with reason ``unusable-path``.
    """
    paths = path_variants(path)

    async def hand_over() -> Any:
        return _Handover(endpoint)

    @asynccontextmanager
    async def closing(_: Any) -> AsyncIterator[None]:
        yield
        close()

    router = APIRouter(lifespan=closing)
    # A path operation rather than a plain route: FastAPI runs the dependencies of an application or
    # a router for path operations alone, and "dependencies=[Depends(signed_in)]" must not be a
    # lock that one door of the house does not have.
    for each in paths:
        router.add_api_route(
            each, hand_over, methods=_VERBS, response_model=None, include_in_schema=False
        )
    return router
