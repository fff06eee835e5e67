"""What an application serves at a path, found in its routes before any request comes."""

from collections.abc import Iterable
from typing import Any

from doorward.errors import ConfigurationError
from doorward.wire.asgi import Scope
from doorward.wire.oauth.resource_metadata import WELL_KNOWN

# More applications inside each other than anybody writes: the search ends even in a circle.
_DEEPEST = 64
_ASKS = {"type": "http", "method": "POST", "root_path": "", "query_string": b"", "headers": []}


def applications_at(app: object, path: str) -> tuple[Any, ...]:
    """
    Return ``app``, and each application inside it that a POST to ``path`` goes through.

    The last one answers. Without a route for ``path``, nothing is returned. Knows the routes of
    Starlette and FastAPI, and middleware that keeps its application as ``app`` or ``_app``.
    """
    scope: Scope = {**_ASKS, "path": path}
    found: list[object] = []
    here: object | None = app
    while here is not None and len(found) < _DEEPEST:
        found.append(here)
        routes = getattr(here, "routes", None)
        if routes is not None and all(_is_starlettes(one) for one in routes):
            here = _match(routes, scope)
            if here is None:
                return ()
        elif hasattr(here, "session_manager"):
            break
        else:
            here = getattr(here, "app", None) or getattr(here, "_app", None)
    return tuple(found)


def path_served(app: object, path: str) -> str:
    """
    Return ``path`` as the routes of ``app`` have it: with a slash at its end, or without.

    Starlette redirects ``/mcp`` to what is mounted there as ``/mcp/``, and clients lose the body of
    a POST or the token on that way.
    """
    if applications_at(app, path):
        return path
    other = path.rstrip("/") if path.endswith("/") else path + "/"
    return other if other and applications_at(app, other) else path


def warn_of_mount_at(scope: Scope, endpoint: str) -> None:
    """
    Log a warning if Starlette has the guard mounted at ``endpoint`` itself.

    Starlette answers ``/mcp`` with a redirect to ``/mcp/`` then, and nothing answers at the address
    of the metadata, which is outside of the mount. A client that follows the redirect is told to
    sign in, and does not find out where.
    """
    prefix = scope.get("root_path", "")
    # A prefix of the server itself, such as `uvicorn --root-path /mcp`, redirects nothing.
    if prefix == scope.get("app_root_path", prefix) or prefix != endpoint.rstrip("/"):
        return
    # Importing it costs 10 MB, which only this mistake pays.
    import structlog

    structlog.get_logger("doorward.guard").warning(
        "mounted-at-endpoint",
        problem=f"The guard is mounted at {prefix}. Clients are redirected to {prefix}/, and "
        f"cannot sign in: the metadata at {WELL_KNOWN}{prefix} is outside of the mount.",
        hint="Write web.mount('/', protect(server, guard)) as the last route.",
    )


def session_manager_at(applications: tuple[Any, ...]) -> Any | None:
    """Return the session manager of the MCP SDK that answers last, or ``None`` without one."""
    if not applications:
        return None
    last = applications[-1]
    # FastMCP makes its manager at the start; until then, its endpoint stands for it.
    if hasattr(last, "session_manager"):
        return last.session_manager or last
    # As the SDK's pages mount it: Mount("/mcp", app=manager.handle_request).
    owner = getattr(last, "__self__", None)
    return owner if hasattr(owner, "handle_request") else None


def require_no_mcp_server(app: object, path: str) -> None:
    """
    Return if ``path`` is not an endpoint of the official SDK or of FastMCP.

    ``Guard.protect`` alone does not read the rules beside their tools: it would refuse every tool
    that has one, and let lists name what a caller may not use.

    Raises:
        ConfigurationError: with reason ``unread-rules``.
    """
    applications = applications_at(app, path_served(app, path))
    if session_manager_at(applications) is None:
        return
    fastmcp = type(applications[-1]).__module__.startswith("fastmcp")
    name, module = ("FastMCP", "fastmcp") if fastmcp else ("the official SDK", "mcp_sdk")
    raise ConfigurationError(
        "unread-rules",
        f"{path} is a server of {name}, and guard.protect() does not read the rules of its tools.",
        f"Write web.mount('/', protect(server, guard)) as the last route, without guard.protect. "
        f"Import protect from doorward.integrations.{module}.",
    )


def close_other_paths(app: object, path: str) -> None:
    """
    Let the Doorward server in ``app`` refuse what does not come through a guard.

    Whatever else an application serves it at, nothing would verify the caller there.
    """
    inside = applications_at(app, path_served(app, path))
    # Middleware in front of it is passed through even if the routes behind know no such path.
    for one in (*_in_front(app), *inside):
        require_guard = getattr(one, "require_guard", None)
        if require_guard is not None:
            require_guard()


def _in_front(app: object) -> Iterable[object]:
    here: object | None = app
    for _ in range(_DEEPEST):
        if here is None or hasattr(here, "routes"):
            return
        yield here
        here = getattr(here, "_app", None)


def _is_starlettes(route: object) -> bool:
    # By name: the gateway has routes of its own, and no Starlette to import.
    return any(kind.__module__ == "starlette.routing" for kind in type(route).__mro__)


def _match(routes: Iterable[Any], scope: Scope) -> object | None:
    # Not at the top: a guard in front of anything else starts without Starlette.
    from starlette.routing import Match

    for route in routes:
        match, inner = route.matches(scope)
        if match is Match.FULL:
            scope.update(inner)
            endpoint: object = inner.get("endpoint", route)
            return endpoint
    return None
