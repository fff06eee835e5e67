"""The lifespan of an MCP server that is mounted in an application, which Starlette does not run."""

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Any

from doorward.errors import ConfigurationError
from doorward.guard.http.mounts import applications_at, path_served, session_manager_at
from doorward.wire.asgi import ASGIApp, Message, Scope


class ServerLifespan:
    """
    Runs the lifespan of ``app`` unless somebody else does, as ``is_running`` says.

    ``FastAPI`` and ``Starlette`` run no lifespan of what is mounted in them. An MCP server without
    its lifespan has no session manager, and fails at each request. Without ``app`` there is nothing
    to run: the lifespan is one that its own server runs.
    """

    def __init__(self, app: ASGIApp | None, is_running: Callable[[], bool]) -> None:
        self._app = app
        self._is_running = is_running
        self._task: asyncio.Task[None] | None = None
        self._up: asyncio.Future[None] | None = None
        self._over = asyncio.Event()

    async def start(self) -> None:
        """
        Return when the server has started.

        Raises:
            ConfigurationError: with reason ``server-not-started`` or ``lifespan-not-run``.
        """
        if self._up is None:
            if self._is_running():
                return
            if self._app is None:
                raise _not_run()
            loop = asyncio.get_running_loop()
            self._up = loop.create_future()
            # Not in the context of whose request comes first: tasks of the server would be theirs.
            running = self._run(self._app, self._up)
            self._task = loop.create_task(running, context=Context())
        await asyncio.shield(self._up)
        if not self._is_running():
            raise _not_run()

    async def stop(self) -> None:
        """Return when the server has shut down, if it was started here."""
        if self._task is not None:
            self._over.set()
            await asyncio.wait({self._task})

    async def _run(self, app: ASGIApp, up: asyncio.Future[None]) -> None:
        waiting = [{"type": "lifespan.startup"}]

        async def receive() -> Message:
            if waiting:
                return waiting.pop()
            try:
                await self._over.wait()
            except asyncio.CancelledError:
                # The event loop closes: what the server has opened is closed in order.
                _forget_cancellation()
            return {"type": "lifespan.shutdown"}

        async def send(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete" and not up.done():
                up.set_result(None)

        scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "app": app, "state": {}}
        try:
            await app(scope, receive, send)
        except Exception as error:
            if up.done():
                raise
            up.set_exception(_not_started(error))
        else:
            if not up.done():
                up.set_exception(_not_started(None))


def _forget_cancellation() -> None:
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()


def _not_started(error: Exception | None) -> ConfigurationError:
    problem = ConfigurationError(
        "server-not-started",
        f"The lifespan of the mounted MCP server failed: {error!r}.",
        "Correct what it opens, then start the process anew.",
    )
    problem.__cause__ = error
    return problem


def _not_run() -> ConfigurationError:
    return ConfigurationError(
        "lifespan-not-run",
        "The session manager of the mounted MCP server is not running.",
        "Write web.mount('/', protect(server, guard)), which runs it, or enter manager.run() in the "
        "lifespan of the application.",
    )


def is_running(manager: Any) -> bool:
    """Say whether somebody runs ``manager``, a session manager of the SDK."""
    return getattr(manager, "_task_group", None) is not None


def mounted_lifespan(
    app: ASGIApp, path: str, core: object, manager: Any | None, *, started: bool
) -> ServerLifespan | None:
    """
    Return the lifespan of the server ``core``, which ``app`` serves at ``path``.

    ``manager`` is the server's session manager, where it is known. ``started`` says that the
    lifespan of ``app`` itself was run. ``None`` where nobody can say whether the server runs.

    Raises:
        ConfigurationError: with reason ``not-at-path``: something else is served there, and the
            rules of this server would decide about it.
    """
    inside = applications_at(app, path_served(app, path))
    found = session_manager_at(inside)
    if not inside or getattr(found, "app", core) is not core:
        raise ConfigurationError(
            "not-at-path",
            f"The application does not serve this MCP server at {path!r}.",
            "Mount it there, or give the guard app_path, the path at which it is mounted.",
        )
    if found is None:
        return None if manager is None else ServerLifespan(None, lambda: is_running(manager))
    owners = [one for one in inside if hasattr(one, "router")]
    own = not owners or (started and owners[-1] is owners[0])
    return ServerLifespan(
        None if own else owners[-1], lambda: is_running(session_manager_at(inside))
    )
