"""``McpServer.router``: the endpoint as a FastAPI router."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from doorward.mcp_server.http.endpoint import Endpoint
from doorward.mcp_server.http.middleware import path_variants
from doorward.wire.asgi import Receive, Scope, Send

# All of them: the endpoint refuses other methods as MCP specifies.
_HTTP_METHODS = ["POST", "GET", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"]


class _EndpointResponse(Response):
    """The response of a path operation, which the endpoint sends."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__()
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the endpoint serve the request."""
        await self._endpoint(scope, receive, send)


def router_of(endpoint: Endpoint, path: str, close: Callable[[], None]) -> APIRouter:
    """
    Return a router that serves ``endpoint`` at ``path`` and ``path/``, without redirects.

    ``close`` is called at the shutdown of the application that includes the router.

    Raises:
        ConfigurationError: with reason ``unusable-path``.
    """
    paths = path_variants(path)

    async def serve() -> Any:
        return _EndpointResponse(endpoint)

    @asynccontextmanager
    async def closing(_: Any) -> AsyncIterator[None]:
        yield
        close()

    router = APIRouter(lifespan=closing)
    # A path operation, not a plain route: FastAPI runs the dependencies of an application only for
    # path operations. A plain route would bypass "dependencies=[Depends(signed_in)]".
    for each in paths:
        router.add_api_route(
            each, serve, methods=_HTTP_METHODS, response_model=None, include_in_schema=False
        )
    return router
