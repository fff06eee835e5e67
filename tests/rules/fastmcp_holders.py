"""Every place that a FastMCP server may have its tools from."""

# mypy: disable-error-code="untyped-decorator"

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
from fastmcp import FastMCP
from fastmcp.apps.app import FastMCPApp
from fastmcp.server.middleware.tool_injection import ToolInjectionMiddleware
from fastmcp.server.providers import FileSystemProvider, LocalProvider
from fastmcp.server.providers.openapi import OpenAPIProvider
from fastmcp.tools.base import Tool

from tests.rules.fastmcp_layers import APP
from tests.rules.model import Component
from tests.rules.recording import Recorder, function_of

Hold = Callable[[FastMCP[Any], Sequence[Component], Recorder], None]

ON_DISK: dict[str, Callable[..., Any]] = {}
"""The functions of the last ``FileSystemProvider``: the files that it reads have no closures."""
_FILE = """\
from fastmcp.tools import tool
from tests.rules.fastmcp_holders import ON_DISK

run = tool(name={name!r})(ON_DISK[{marker!r}])
"""


def _own(server: Any, tools: Sequence[Component], recorder: Recorder) -> None:
    for one in tools:
        server.tool(function_of(one, recorder), name=one.inner)


def _versions(server: Any, tools: Sequence[Component], recorder: Recorder) -> None:
    for place, one in enumerate(tools):
        server.tool(function_of(one, recorder), name=one.inner, version=str(place + 1))


def _local(server: Any, tools: Sequence[Component], recorder: Recorder) -> None:
    local = LocalProvider()
    _own(local, tools, recorder)
    server.add_provider(local)


def _files(server: Any, tools: Sequence[Component], recorder: Recorder) -> None:
    ON_DISK.clear()
    with TemporaryDirectory() as folder:
        for one in tools:
            ON_DISK[one.marker] = function_of(one, recorder)
            written = _FILE.format(name=one.inner, marker=one.marker)
            (Path(folder) / f"{one.marker}.py").write_text(written)
        server.add_provider(FileSystemProvider(folder))


def _app(server: Any, tools: Sequence[Component], recorder: Recorder) -> None:
    app = FastMCPApp(APP)
    for place, one in enumerate(tools):
        app.tool(one.inner, model=place % 2 == 0)(function_of(one, recorder))
    server.add_provider(app)


def _injected(server: Any, tools: Sequence[Component], recorder: Recorder) -> None:
    made = [Tool.from_function(function_of(one, recorder), name=one.inner) for one in tools]
    server.add_middleware(ToolInjectionMiddleware(made))


def _openapi(server: Any, tools: Sequence[Component], recorder: Recorder) -> None:
    served = {f"/{one.marker}": one for one in tools}

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"answer": recorder.ran(served[request.url.path])})

    paths = {
        path: {
            "post": {
                "operationId": one.inner,
                "description": one.marker,
                "responses": {"200": {"description": "done"}},
            }
        }
        for path, one in served.items()
    }
    client = httpx2.AsyncClient(
        transport=httpx2.MockTransport(answer), base_url="https://api.example"
    )
    spec = {"openapi": "3.1.0", "info": {"title": "api", "version": "1"}, "paths": paths}
    server.add_provider(OpenAPIProvider(spec, client=client))


HOLDERS: Mapping[str, Hold] = {
    "own": _own,
    "versions": _versions,
    "local-provider": _local,
    "files": _files,
    "app": _app,
    "injected": _injected,
    "openapi": _openapi,
}
