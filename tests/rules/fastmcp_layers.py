"""Every transform and provider that FastMCP ships, each as a layer around a server."""

# mypy: disable-error-code="untyped-decorator"

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastmcp import FastMCP
from fastmcp.client.transports import FastMCPTransport
from fastmcp.contrib.bulk_tool_caller import BulkToolCaller
from fastmcp.experimental.transforms.code_mode import CodeMode, GetSchemas, GetTags, ListTools
from fastmcp.experimental.transforms.jev_search import JevSearchTransform
from fastmcp.server.middleware.caching import ResponseCachingMiddleware
from fastmcp.server.providers import FastMCPProvider
from fastmcp.server.providers.aggregate import AggregateProvider
from fastmcp.server.providers.proxy import ProxyClient, ProxyProvider
from fastmcp.server.transforms import (
    Namespace,
    PromptsAsTools,
    ResourcesAsTools,
    ToolTransform,
    VersionFilter,
    Visibility,
)
from fastmcp.server.transforms.search import BM25SearchTransform, RegexSearchTransform
from fastmcp.tools.tool_transform import ToolTransformConfig

from tests.rules.model import Kind

Server = FastMCP[Any]
APP = "pages"
"""The name of the ``FastMCPApp``, by which pages address its tools."""


@dataclass(frozen=True)
class Layer:
    """
    What is put around a server, and how that changes the public names of its components.

    ``adds`` are tools of its own, whose arguments name what they run or list. Where it ``hides``,
    lists leave the other tools out.
    """

    around: Callable[[Server, list[str]], Server]
    renamed: Callable[[Kind, str], str] = lambda _, name: name
    adds: tuple[str, ...] = ()
    hides: bool = False
    is_remote: bool = False


def _namespace(namespace: str) -> Callable[[Kind, str], str]:
    def renamed(kind: Kind, name: str) -> str:
        if kind in ("tool", "prompt"):
            return f"{namespace}_{name}"
        return re.sub(r"^([^:]+://)", rf"\g<1>{namespace}/", name)

    return renamed


def _suffix(kind: Kind, name: str) -> str:
    return f"{name}_too" if kind == "tool" else name


def _adding(*made: Callable[[Server], Any]) -> Callable[[Server, list[str]], Server]:
    def add(server: Server, tools: list[str]) -> Server:
        for one in made:
            server.add_transform(one(server))
        return server

    return add


def _mounted(namespace: str | None) -> Callable[[Server, list[str]], Server]:
    def mount(server: Server, tools: list[str]) -> Server:
        parent: Server = FastMCP("parent")
        parent.mount(server, namespace=namespace)
        return parent

    return mount


def _renamed(server: Server, tools: list[str]) -> Server:
    names = {name: ToolTransformConfig(name=f"{name}_too") for name in tools}
    server.add_transform(ToolTransform(names))
    return server


def _aggregated(server: Server, tools: list[str]) -> Server:
    together = AggregateProvider()
    together.add_provider(FastMCPProvider(server), namespace="in")
    return FastMCP("parent", providers=[together])


def _proxied(server: Server, tools: list[str]) -> Server:
    parent: Server = FastMCP("parent")
    far = ProxyProvider(lambda: ProxyClient(FastMCPTransport(server)))
    parent.add_provider(far, namespace="far")
    return parent


def _bulk(server: Server, tools: list[str]) -> Server:
    BulkToolCaller().register_tools(server)
    return server


def _caching(server: Server, tools: list[str]) -> Server:
    server.add_middleware(ResponseCachingMiddleware())
    return server


class _Sandbox:
    """Runs nothing but the call that its code names as JSON."""

    async def run(
        self, code: str, *, inputs: Any = None, external_functions: dict[str, Any] | None = None
    ) -> Any:
        return await (external_functions or {})["call_tool"](*json.loads(code))


def _code(_: Server) -> Any:
    discovery: list[Any] = [ListTools(), GetSchemas(), GetTags(default_detail="full")]
    return CodeMode(sandbox_provider=_Sandbox(), discovery_tools=discovery)


_RESOURCES_AND_PROMPTS = ("read_resource", "list_resources", "get_prompt", "list_prompts")
_SEARCH = ("call_tool", "search_tools")
_CODE = ("execute", "list_tools", "get_schema", "tags")
_BULK = ("call_tool_bulk", "call_tools_bulk")

LAYERS: Mapping[str, Layer] = {
    "namespace": Layer(_adding(lambda _: Namespace("ns")), _namespace("ns")),
    "renaming": Layer(_renamed, _suffix),
    "mount": Layer(_mounted("child"), _namespace("child")),
    "mount-without-a-namespace": Layer(_mounted(None)),
    "aggregate": Layer(_aggregated, _namespace("in")),
    "proxy": Layer(_proxied, _namespace("far"), is_remote=True),
    "version-filter": Layer(_adding(lambda _: VersionFilter(version_lt="9"))),
    "visibility": Layer(_adding(lambda _: Visibility(True, match_all=True))),
    "response-cache": Layer(_caching),
    "as-tools": Layer(_adding(ResourcesAsTools, PromptsAsTools), adds=_RESOURCES_AND_PROMPTS),
    "bulk-caller": Layer(_bulk, adds=_BULK),
    "regex-search": Layer(_adding(lambda _: RegexSearchTransform()), adds=_SEARCH, hides=True),
    "bm25-search": Layer(_adding(lambda _: BM25SearchTransform()), adds=_SEARCH, hides=True),
    "jev-search": Layer(
        _adding(lambda _: JevSearchTransform(api_key="unused")), adds=_SEARCH, hides=True
    ),
    "code-mode": Layer(_adding(_code), adds=_CODE, hides=True),
}

MOUNTS = ("mount", "mount-without-a-namespace", "aggregate", "proxy")
