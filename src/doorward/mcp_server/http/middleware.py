"""The endpoint in front of another application: the quickest way in."""

from collections.abc import Awaitable, Callable

from doorward.errors import ConfigurationError
from doorward.mcp_server.asgi import Message, Receive, Scope, Send

App = Callable[[Scope, Receive, Send], Awaitable[None]]


class McpMiddleware:
    """
    ``endpoint`` at the two spellings of ``path``, and ``app`` at every other path.

    Start-up and shutdown are the application's; ``close`` is called before it hears of the latter.

    Raises:
        ConfigurationError: with reason ``unusable-path``.
    """

    def __init__(self, endpoint: App, app: App, path: str, close: Callable[[], None]) -> None:
        self._endpoint = endpoint
        self._app = app
        self._close = close
        self._paths = frozenset(path_variants(path))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope."""
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
    Return ``path`` as it is served: without and with a slash at its end.

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
    """Return the path as seen from where this application is mounted."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(root + "/") else path
