"""``server/discover``, ``initialize`` and ``ping``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from doorward.mcp_server.protocol_revision import ProtocolRevision, negotiate_revision
from doorward.mcp_server.refusals import InvalidParams
from doorward.mcp_server.registry.registry import cache_hints
from doorward.mcp_server.request_context import RequestContext, Result
from doorward.wire.jsonrpc.envelope import MODERN_VERSIONS

_INITIALIZE_PARAMS = {"protocolVersion": str, "capabilities": dict, "clientInfo": dict}


@dataclass(frozen=True)
class ServerInfo:
    """Name, version, title and instructions of a server."""

    name: str
    version: str
    title: str | None = None
    instructions: str | None = None

    @property
    def implementation(self) -> dict[str, str]:
        """The server as an ``Implementation`` on the wire."""
        found = {"name": self.name, "version": self.version}
        return {**found, "title": self.title} if self.title is not None else found


@dataclass(frozen=True)
class Handshake:
    """
    The methods by which a client learns what a server can do.

    ``capabilities`` is called each time, because tools can be added; its argument says whether the
    client speaks 2026-07-28. ``begin_session`` begins a session if the server needs one. ``meta`` is
    the author's, for ``initialize``: in 2026-07-28 every result has it.
    """

    server_info: ServerInfo
    capabilities: Callable[[bool], dict[str, Any]]
    ttl_ms: int
    begin_session: Callable[[RequestContext, ProtocolRevision], None]
    meta: Mapping[str, Any] = field(default_factory=dict)

    async def discover(self, request: RequestContext) -> Result:
        """
        Answer ``server/discover``.

        Spec: MCP 2026-07-28, server/discover
        """
        return {
            "supportedVersions": list(MODERN_VERSIONS),
            "capabilities": self.capabilities(True),
            **self._instructions(),
            **cache_hints(self.ttl_ms, private=request.identity is not None),
        }

    async def initialize(self, request: RequestContext) -> Result:
        """
        Answer ``initialize``. Later requests are checked one by one, session or not.

        Raises:
            InvalidParams: a param is missing or has the wrong type.

        Spec: MCP 2025-11-25, lifecycle, "Initialization"
        """
        for member, kind in _INITIALIZE_PARAMS.items():
            if not isinstance(request.params.get(member), kind):
                raise InvalidParams(f"params.{member} is missing or of the wrong type")
        revision = negotiate_revision(request.params["protocolVersion"])
        self.begin_session(request, revision)
        result: Result = {
            "protocolVersion": revision.version,
            "capabilities": self.capabilities(False),
            "serverInfo": self.server_info.implementation,
        }
        if self.meta:
            result["_meta"] = dict(self.meta)
        return {**result, **self._instructions()}

    async def ping(self, request: RequestContext) -> Result:  # noqa: ARG002 - as every method
        """Answer ``ping``. Spec: MCP 2025-11-25, utilities/ping."""
        return {}

    def _instructions(self) -> dict[str, str]:
        instructions = self.server_info.instructions
        return {} if instructions is None else {"instructions": instructions}
