"""A FastMCP server of drawn layers, with its tools from a drawn place."""

# mypy: disable-error-code="untyped-decorator"

from typing import Any

from fastmcp import FastMCP

from doorward.integrations import fastmcp as adapter
from doorward.integrations.fastmcp import GuardAuth
from tests.rules.asgi import App
from tests.rules.fastmcp_holders import HOLDERS
from tests.rules.fastmcp_layers import LAYERS
from tests.rules.guards import Callers, guard_of
from tests.rules.model import Model
from tests.rules.recording import Recorder, function_of
from tests.rules.servers import Served, completions, transport_options


def fastmcp(model: Model, callers: Callers, recorder: Recorder) -> Served:
    """Serve the components with FastMCP, behind ``protect`` or ``GuardAuth``."""
    server, guard = _server(model, recorder), guard_of(model, callers)
    if not model.options["auth"]:
        door = adapter.protect(server, guard, **transport_options(model))
        return Served(door, model, door.policy)
    server.auth = GuardAuth(guard)
    app: App = server.http_app(path=guard.path, **transport_options(model))
    return Served(app, model, None)


def _server(model: Model, recorder: Recorder) -> FastMCP[Any]:
    server: FastMCP[Any] = FastMCP("inner")
    tools = model.of_kind("tool")
    HOLDERS[model.options["holder"]](server, tools, recorder)
    for one in model.of_kind("prompt"):
        server.prompt(function_of(one, recorder), name=one.inner)
    for one in model.of_kind("resource", "template"):
        server.resource(one.inner, description=one.marker)(function_of(one, recorder))
    names = [one.inner for one in tools]
    for layer in model.options["layers"]:
        server = LAYERS[layer].around(server, names)
        names = [LAYERS[layer].renamed("tool", name) for name in names]

    async def complete(ref: Any, argument: Any, context: Any) -> Any:
        return completions(model, ref, recorder)

    server.add_completion_handler(complete)
    return server
