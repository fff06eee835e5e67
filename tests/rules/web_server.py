"""A FastAPI application: an MCP endpoint behind its guard, and routes that check their callers."""

from typing import Annotated, Any

from fastapi import Depends, FastAPI

from doorward.guard import Guard
from doorward.identity import Identity
from doorward.integrations.fastapi import signed_in
from doorward.mcp_server import McpServer
from doorward.policy import Rule
from tests.rules.guards import Callers, guard_of
from tests.rules.model import Component, Model
from tests.rules.recording import Recorder
from tests.rules.servers import Served, offer


def web(model: Model, callers: Callers, recorder: Recorder) -> Served:
    """Serve tools and the like at ``/mcp`` of a FastAPI application, and routes beside it."""
    server = McpServer("web", version="1", subscriptions=True)
    known, policy = offer(server, model, recorder)
    guard = guard_of(model, callers, policy=policy, serve_other_paths=True)
    app = FastAPI(openapi_url=None)
    for route in model.of_kind("route"):
        _add(app, route, guard, recorder)
    app.include_router(server.router())
    app.add_middleware(guard.protect)
    return Served(app, known, policy, server.notify_resource_updated)


def _add(app: FastAPI, route: Component, guard: Guard, recorder: Recorder) -> None:
    rule = route.declared or Rule()
    user: Any = signed_in(guard, scopes=rule.scopes, roles=rule.roles, kinds=sorted(rule.kinds))
    verb, _, path = route.name.partition(" ")

    async def answer(user: Any) -> str:
        return recorder.ran(route)

    answer.__annotations__["user"] = Annotated[Identity, Depends(user)]
    app.add_api_route(path, answer, methods=[verb])
