"""Middleware that answers the endpoints that programs call, without trying every route."""

from collections.abc import Iterable

from starlette.requests import Request
from starlette.routing import Route

from doorward.authserver.http.responses import Handler
from doorward.wire.asgi import ASGIApp, Receive, Scope, Send


class DirectRoutes:
    """
    Finds an endpoint by its exact method and path; passes everything else to the application.

    The endpoints are those of ``routes``, each with the handler that its route has, so an answer is
    the same either way. It is for handlers that turn every exception into a response.
    """

    def __init__(self, app: ASGIApp, routes: Iterable[tuple[Route, Handler]]) -> None:
        self._app = app
        self._handlers = {
            (method, route.path): handler
            for route, handler in routes
            for method in route.methods or ()
            if "{" not in route.path and method != "HEAD"
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI scope."""
        # Below another application, the path starts with where that one mounted this one.
        if scope["type"] == "http" and not scope.get("root_path"):
            handler = self._handlers.get((scope["method"], scope["path"]))
            if handler is not None:
                response = await handler(Request(scope, receive, send))
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)
