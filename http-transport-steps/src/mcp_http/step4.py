"""Step 4: tools run, and prompts are answered.

Adds: `tools/call` and `prompts/get`. Arguments are validated before a function runs. A result is
text for the model and structured content for the program. A tool that fails is a result with
`isError`, which the model can read; a wrong request is an error. A tool can report its progress:
the response is then a stream.

From the toolkit: `read_signature` makes the schemas that step 3 made by hand, and a validator for
each. `read_body` stops at a limit.

Still suffers: anonymous callers. Anyone who can connect can call anything. Step 5 adds keys, and
step 6 requires a token.
"""

import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from pydantic import ValidationError

from doorward import ToolError
from doorward.mcp_server.functions.signature import read_signature
from doorward.mcp_server.refusals import InvalidParams
from doorward.wire.asgi import read_body
from doorward.wire.jsonrpc.envelope import Envelope, read_envelope
from doorward.wire.jsonrpc.protocol_refusal import ProtocolRefusal, UnknownMethod
from mcp_http.answers import greet, listed_prompts, listed_tools, refuse, reply, streamed
from mcp_http.stage import new_app, run
from mcp_http.tools import PROMPTS, echo, get_time

LARGEST_BODY = 1024 * 1024
Function = Callable[..., Any]


async def countdown(start: int) -> AsyncIterator[str]:
    """Count down to the start, and say how far it is."""
    for left in range(min(start, 100), 0, -1):
        yield f"{left} to go"
    yield "Lift-off."


TOOLS: dict[str, Function] = {"echo": echo, "get_time": get_time, "countdown": countdown}


# The idea of this step: from a name and arguments to a result, whatever goes wrong on the way.
async def call(function: Function, arguments: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """Yield the progress of a tool, as often as it reports any, and then its result."""
    try:
        judge = read_signature(function).arguments
        given = judge.validate_python(arguments, strict=True)
        said: list[str] = []
        if inspect.isasyncgenfunction(function):
            async for text in function(**given):
                said.append(text)
                yield {"progress": len(said), "message": text}
        else:
            said.append(await function(**given))
        content = [{"type": "text", "text": said[-1]}]
        yield {"content": content, "structuredContent": {"result": said[-1]}, "isError": False}
    except ValidationError as wrong:
        yield failure(f"Invalid arguments: {wrong.error_count()} of them. See the input schema.")
    except ToolError as told:
        yield failure(told.message)
    except Exception:  # noqa: BLE001 - the text of any other error may be nobody's business
        yield failure("It failed.")


def failure(text: str) -> dict[str, Any]:
    """Return a result that tells the model what went wrong."""
    return {"content": [{"type": "text", "text": text}], "isError": True}


async def prompted(function: Function, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the messages of a prompt, or refuse arguments that it does not take."""
    try:
        given = read_signature(function).arguments.validate_python(arguments, strict=True)
    except ValidationError:
        raise InvalidParams("Invalid arguments. See the prompt's list of arguments.") from None
    content = {"type": "text", "text": await function(**given)}
    return {
        "description": inspect.getdoc(function),
        "messages": [{"role": "user", "content": content}],
    }


def named(offered: dict[str, Function], asked: Envelope) -> tuple[Function, dict[str, Any]]:
    """Return the function that the request names, and its arguments."""
    arguments = asked.params.get("arguments", {})
    if asked.name not in offered or not isinstance(arguments, dict):
        raise InvalidParams(f"There is no {asked.name}, or its arguments are not an object.")
    return offered[asked.name], arguments


async def answer(asked: Envelope) -> dict[str, Any]:
    """Return the result of everything but a tool's call."""
    if asked.method == "prompts/get":
        return await prompted(*named(PROMPTS, asked))
    if asked.method == "tools/list":
        return listed_tools(TOOLS)
    if asked.method == "prompts/list":
        return listed_prompts(PROMPTS)
    if (greeting := greet(asked, "4.0")) is None:
        raise UnknownMethod("Method not found")
    return greeting


def create_app(address: str = "http://localhost:9000") -> FastAPI:
    """Step 4: tools run, and prompts are answered."""
    web = new_app("MCP step by step: 4", step="4", address=address, mcp=f"{address}/mcp")

    @web.post("/mcp")
    @web.post("/mcp/", include_in_schema=False)
    async def mcp(request: Request) -> Response:
        body = await read_body(request.receive, LARGEST_BODY)
        asked = read_envelope(body, request.headers.raw)
        if asked.is_notification or asked.is_response:
            return Response(status_code=202)
        try:
            if asked.method != "tools/call":
                return reply(asked, await answer(asked), "4.0")
            told = call(*named(TOOLS, asked))
        except ProtocolRefusal as refusal:
            return refuse(asked, refusal)
        if "progressToken" in asked.params.get("_meta", {}):
            return streamed(asked, told, "4.0")
        return reply(asked, [one async for one in told][-1], "4.0")

    return web


def main() -> None:
    """Serve this step: `uv run step4`."""
    run(create_app)
