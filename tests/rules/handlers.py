"""Servers without decorators: the SDK's low-level ``Server``, and an application of somebody's own."""

import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import mcp_types
from mcp.server.lowlevel.server import Server
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler

from doorward.integrations import mcp_sdk
from tests.rules.guards import Callers, guard_of
from tests.rules.model import Kind, Model
from tests.rules.oracle import values_in
from tests.rules.recording import Recorder
from tests.rules.servers import Served, completions, publisher, transport_options

_UNRESERVED = re.compile(r"%(?:2[dDeE]|3[0-9]|[46][1-9a-fA-F]|[57][0-9aA]|5[fF]|7[eE])")


class Components:
    """Finds and runs a component by its name, or by a URI that is equivalent to its own."""

    def __init__(self, model: Model, recorder: Recorder) -> None:
        self._model = model
        self._recorder = recorder

    def run(self, kind: Kind, name: object) -> str:
        """Run the tool or prompt of exactly this name. Raises: ValueError."""
        for one in self._model.of_kind(kind):
            if one.name == name:
                return self._recorder.ran(one)
        raise ValueError("no such component")

    def read(self, uri: object) -> str:
        """Read the resource that a URI is equivalent to, as RFC 3986 says. Raises: ValueError."""
        scheme, _, rest = str(uri).partition(":")
        text = f"{scheme.lower()}:{_UNRESERVED.sub(lambda one: unquote(one[0]), rest)}"
        for one in self._model.of_kind("resource", "template"):
            if (values := values_in(one.pattern, text)) is not None:
                decoded = {name: unquote(value) for name, value in values.items()}
                return self._recorder.ran(one, decoded)
        raise ValueError("no such resource")


def _without_declared(model: Model) -> Model:
    components = tuple(replace(one, declared=None) for one in model.components)
    return replace(model, components=components)


def low_level(model: Model, callers: Callers, recorder: Recorder) -> Served:
    """Serve the components with the SDK's low-level ``Server``."""
    known, bus = _without_declared(model), InMemorySubscriptionBus()
    server: Server[Any] = Server(
        "low-level",
        **_lists(known),
        **_runs(known, recorder),
        on_subscriptions_listen=ListenHandler(bus),
    )
    door = mcp_sdk.protect(server, guard_of(model, callers), **transport_options(model))
    return Served(door, known, door.policy, publisher(bus))


def _lists(model: Model) -> dict[str, Any]:
    async def tools(context: Any, params: Any) -> Any:
        schema = {"type": "object"}
        found = [
            mcp_types.Tool(name=one.name, description=one.marker, input_schema=schema)
            for one in model.of_kind("tool")
        ]
        return mcp_types.ListToolsResult(tools=found)

    async def prompts(context: Any, params: Any) -> Any:
        found = [
            mcp_types.Prompt(name=one.name, description=one.marker)
            for one in model.of_kind("prompt")
        ]
        return mcp_types.ListPromptsResult(prompts=found)

    async def resources(context: Any, params: Any) -> Any:
        found = [
            mcp_types.Resource(uri=one.name, name=one.marker) for one in model.of_kind("resource")
        ]
        return mcp_types.ListResourcesResult(resources=found)

    async def templates(context: Any, params: Any) -> Any:
        found = [
            mcp_types.ResourceTemplate(uri_template=one.name, name=one.marker)
            for one in model.of_kind("template")
        ]
        return mcp_types.ListResourceTemplatesResult(resource_templates=found)

    return {
        "on_list_tools": tools,
        "on_list_prompts": prompts,
        "on_list_resources": resources,
        "on_list_resource_templates": templates,
    }


def _runs(model: Model, recorder: Recorder) -> dict[str, Any]:
    components = Components(model, recorder)

    async def call(context: Any, params: Any) -> Any:
        text = components.run("tool", params.name)
        return mcp_types.CallToolResult(content=[mcp_types.TextContent(type="text", text=text)])

    async def get(context: Any, params: Any) -> Any:
        text = mcp_types.TextContent(type="text", text=components.run("prompt", params.name))
        return mcp_types.GetPromptResult(
            messages=[mcp_types.PromptMessage(role="user", content=text)]
        )

    async def read(context: Any, params: Any) -> Any:
        text = components.read(params.uri)
        one = mcp_types.TextResourceContents(uri=str(params.uri), text=text)
        return mcp_types.ReadResourceResult(contents=[one])

    async def subscribe(context: Any, params: Any) -> Any:
        # A subscription that is taken on counts as a read.
        components.read(params.uri)
        return mcp_types.EmptyResult()

    async def complete(context: Any, params: Any) -> Any:
        values = completions(model, params.ref, recorder)
        return mcp_types.CompleteResult(completion=mcp_types.Completion(values=values))

    return {
        "on_call_tool": call,
        "on_get_prompt": get,
        "on_read_resource": read,
        "on_subscribe_resource": subscribe,
        "on_completion": complete,
    }


def bare(model: Model, callers: Callers, recorder: Recorder) -> Served:
    """
    Serve the components with an application that ignores verb and path.

    It takes the last of several members of one name, and runs every message of a batch.
    """
    known = _without_declared(model)
    components = Components(known, recorder)

    def run(message: Any) -> str:
        method, params = message.get("method"), message.get("params", {})
        if method in ("tools/call", "prompts/get"):
            return components.run("tool" if method == "tools/call" else "prompt", params["name"])
        if method in ("resources/read", "resources/subscribe"):
            return components.read(params["uri"])
        raise ValueError("no such method")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            part = await receive()
            body += part.get("body", b"")
            more = part.get("more_body", False)
        try:
            sent = json.loads(body.decode("utf-8-sig", "replace"))
            text = "".join(run(one) for one in (sent if isinstance(sent, list) else [sent]))
        except (ValueError, AttributeError, TypeError, KeyError) as error:
            text = type(error).__name__
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": text.encode()})

    guard = guard_of(model, callers)
    return Served(guard.protect(app), known, guard.policy, completes=False, lists=False)
