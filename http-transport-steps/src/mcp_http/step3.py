"""Step 3: tools and prompts are defined and listed, but do not run yet.

Adds: the tools `echo` and `get_time`, and the prompts `greeting` and `help`. Their schemas are made
from type hints, so they cannot differ from the functions. Lists have the same order every time, so
that model providers can cache them.

From the toolkit: `read_envelope`. It refuses a body with a repeated member, and headers that
contradict the body.

Still suffers: oversized bodies. There is no limit, so any caller can fill the memory. Step 4
prevents this.
"""

import inspect
from collections.abc import Callable
from datetime import datetime
from typing import Any, get_type_hints
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Request, Response

from doorward.wire.jsonrpc.envelope import read_envelope
from doorward.wire.jsonrpc.protocol_refusal import UnknownMethod
from mcp_http.answers import CACHEABLE, greet, refuse, reply
from mcp_http.stage import new_app, run

NAMES = {str: "string", int: "integer", float: "number", bool: "boolean"}


async def echo(message: str) -> str:
    """Say the message back."""
    return message


async def get_time(timezone: str = "UTC") -> str:
    """Tell the time in a time zone, as ISO 8601."""
    return datetime.now(ZoneInfo(timezone)).isoformat(timespec="seconds")


async def greeting(name: str) -> str:
    """Greet somebody by name."""
    return f"Please greet {name} warmly, in one sentence."


async def explain() -> str:
    """Explain what this server can do."""
    return "Explain in plain words what the tools echo and get_time do."


TOOLS: dict[str, Callable[..., Any]] = {"echo": echo, "get_time": get_time}
PROMPTS: dict[str, Callable[..., Any]] = {"greeting": greeting, "help": explain}


# The idea of this step: a function's signature is its schema.
def input_schema(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the JSON Schema of the arguments of `function`; other arguments are not allowed."""
    hints = get_type_hints(function)
    properties: dict[str, Any] = {}
    required = []
    for name, parameter in inspect.signature(function).parameters.items():
        properties[name] = {"type": NAMES[hints[name]]}
        if parameter.default is parameter.empty:
            required.append(name)
        else:
            properties[name]["default"] = parameter.default
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    return {**schema, "additionalProperties": False}


def tool(name: str, function: Callable[..., Any]) -> dict[str, Any]:
    """Return how a tool is listed."""
    about = inspect.getdoc(function)
    return {"name": name, "description": about, "inputSchema": input_schema(function)}


def prompt(name: str, function: Callable[..., Any]) -> dict[str, Any]:
    """Return how a prompt is listed: its arguments are names, for every value is a text."""
    schema = input_schema(function)
    required = schema.get("required", [])
    arguments = [{"name": one, "required": one in required} for one in schema["properties"]]
    return {"name": name, "description": inspect.getdoc(function), "arguments": arguments}


def lists(method: str) -> dict[str, Any]:
    """Return the list that `method` asks for; everything else is unknown here."""
    if method == "tools/list":
        return {"tools": [tool(*one) for one in TOOLS.items()], **CACHEABLE}
    if method == "prompts/list":
        return {"prompts": [prompt(*one) for one in PROMPTS.items()], **CACHEABLE}
    raise UnknownMethod("Method not found")


def create_app(address: str = "http://localhost:9000") -> FastAPI:
    """Step 3: tools and prompts are listed, and not yet run."""
    web = new_app("MCP step by step: 3", step="3", address=address, mcp=f"{address}/mcp")

    @web.post("/mcp")
    @web.post("/mcp/", include_in_schema=False)
    async def mcp(request: Request) -> Response:
        asked = read_envelope(await request.body(), request.headers.raw)
        if asked.is_notification or asked.is_response:
            return Response(status_code=202)
        try:
            greeting = greet(asked, "3.0")
            return reply(asked, lists(asked.method) if greeting is None else greeting, "3.0")
        except UnknownMethod as refusal:
            return refuse(asked, refusal)

    return web


def main() -> None:
    """Serve this step: `uv run step3`."""
    run(create_app)
