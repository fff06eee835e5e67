"""``McpServer.in_front_of``: the endpoint in front of another ASGI application."""

from collections.abc import Callable

from doorward.errors import ConfigurationError
from doorward.wire.asgi import ASGIApp, Message, Receive, Scope, Send


class McpMiddleware:
    """
    Serves ``endpoint`` at ``path`` and ``path/``, and ``app`` at every other path.

    ``app`` handles the lifespan; ``close`` is called before its shutdown.

    Raises:
        ConfigurationError: with reason ``unusable-path``.
    """

    def __init__(
        self, endpoint: ASGIApp, app: ASGIApp, path: str, close: Callable[[], None]
    ) -> None:
        self._endpoint = endpoint
        self._app = app
        self._close = close
        self._paths = frozenset(path_variants(path))

    def require_guard(self) -> None:
        """Refuse every request to the endpoint that no guard has verified."""
        require = getattr(self._endpoint, "require_guard", None)
        if require is not None:
            require()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] == "http" and _below_root(scope) in self._paths:
            await self._endpoint(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._app(scope, self._closing(receive), send)
        else:
            await self._app(scope, receive, send)

    def _closing(self, receive: Receive) -> Receive:
        async def receive_and_close() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                self._close()
            return message

        return receive_and_close


def path_variants(path: str) -> list[str]:
    """
    Return ``path`` without and with a slash at its end.

    Raises:
        ConfigurationError: with reason ``unusable-path``.
    """
    if not path.startswith("/") or "{" in path:
        raise ConfigurationError(
            "unusable-path", f"{path!r} is not a path.", "Give a path such as '/mcp'."
        )
    bare = path.rstrip("/")
    return [bare, bare + "/"] if bare else ["/"]


def _below_root(scope: Scope) -> str:
    """Return the path without the root path of a mounted application."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(root + "/") else path
